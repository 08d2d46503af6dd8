"""What the clients of others are tried against: the real service, over providers that misbehave on demand."""

import base64
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from antiphon.config.model import Config
from inference_service.server import Server
from tests.fakes.upstream.scripted import ScriptedUpstream
from tests.fakes.upstream.server import TEXT, FakeUpstream
from tests.service.test_unary import EMBEDDED, HEARD, voice
from tests.support.service import QUICK
from tests.support.toolstreams import SHAPES, chunk

TOKEN = "token-of-the-clients"
KEYS = {
    "A_KEY": "key-of-a-000000000001",
    "B_KEY": "key-of-b-000000000001",
    "S_KEY": "key-of-s-000000000001",
    "CLIENTS": TOKEN,
}
# Routes by what happens: the first deployment breaks in mid-answer, nobody answers, or nobody can go on.
ROUTES = {
    "chat": ["a/ok", "b/ok"],
    "breaks": ["a/cut:90", "b/ok"],
    "limited": ["a/429day"],
    "fails": ["a/500"],
    "lost": ["a/cut:90"],
    "image": ["embedded/demo-painter"],
    "tools": ["s/calls"],
    "form": ["s/unformed", "s/formed"],
    "transcribe": ["s/whisper-large-v3"],
    "embed": ["s/text-embed"],
}


CALLS = [("call_1", "get_weather", '{"city": "Köln"}'), ("call_2", "get_weather", '{"city": "Rome"}')]


def script(scripted: ScriptedUpstream) -> None:
    """The model "calls" asks for tools, and answers where the last turn is a tool's."""
    scripted.on("calls", SHAPES["openai"](CALLS))
    scripted.after_tools = [chunk(content="Sunny in both."), chunk("stop")]
    scripted.on("unformed", [chunk(content="It is 42."), chunk("stop")])
    scripted.on("whisper-large-v3", HEARD)
    scripted.on("text-embed", EMBEDDED)
    scripted.on("formed", [chunk(content='{"answer": 42}'), chunk("stop")])


def configuration(upstream: FakeUpstream, scripted: ScriptedUpstream) -> Config:
    def provider(name: str) -> dict[str, Any]:
        return {
            "kind": "openai",
            "base_url": f"{scripted.url}/s/v1" if name == "s" else upstream.base(name),
            "models": [
                one.partition("/")[2] for route in ROUTES.values() for one in route if one.startswith(f"{name}/")
            ],
            "credentials_env": [f"{name.upper()}_KEY"],
            "options": {"preset": "vllm"},
        }

    return Config.model_validate(
        {
            "embedded": {"characters_per_second": 0, "image_seconds": 0},
            "providers": {"a": provider("a"), "b": provider("b"), "s": provider("s"), "embedded": {}},
            "routes": {name: {"deployments": list(dict.fromkeys(deployments))} for name, deployments in ROUTES.items()},
            "routing": {"timeouts": QUICK, "breaker": {"failures": 1_000}},
            "service": {
                "port": 0,
                "status_page": False,
                "grace": 1,
                "http": True,
                "http_port": 0,
                "callers": {"clients": {"token_env": "CLIENTS", "scopes": ["chat", "image", "operate"]}},
            },
        }
    )


@contextlib.asynccontextmanager
async def client_service() -> AsyncIterator[tuple[dict[str, str], FakeUpstream]]:
    """The environment of a client's program, and the provider that it reaches in the end."""
    async with FakeUpstream() as upstream, ScriptedUpstream() as scripted:
        script(scripted)
        server = Server(configuration(upstream, scripted), KEYS)
        await server.start()
        environ = {
            "OPENAI_BASE_URL": f"http://127.0.0.1:{server.http_port}/v1",
            "OPENAI_API_KEY": TOKEN,
            "ANTIPHON_TARGET": server.target,
            "EXPECTED_TEXT": TEXT,
            "VOICE": base64.b64encode(voice()).decode(),
            "NO_PROXY": "*",
            "no_proxy": "*",
        }
        try:
            yield environ, upstream
        finally:
            await server.stop(1.0)
