"""What the clients of others are tried against: the real service, over providers that misbehave on demand."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from antiphon.config.model import Config
from inference_service.server import Server
from tests.fakes.upstream.server import TEXT, FakeUpstream
from tests.support.service import QUICK

TOKEN = "token-of-the-clients"
KEYS = {"A_KEY": "key-of-a-000000000001", "B_KEY": "key-of-b-000000000001", "CLIENTS": TOKEN}
# Routes by what happens: the first deployment breaks in mid-answer, nobody answers, or nobody can go on.
ROUTES = {
    "chat": ["a/ok", "b/ok"],
    "breaks": ["a/cut:90", "b/ok"],
    "limited": ["a/429day"],
    "fails": ["a/500"],
    "lost": ["a/cut:90"],
    "image": ["embedded/demo-painter"],
}


def configuration(upstream: FakeUpstream) -> Config:
    def provider(name: str) -> dict[str, Any]:
        return {
            "kind": "openai",
            "base_url": upstream.base(name),
            "models": [
                one.partition("/")[2] for route in ROUTES.values() for one in route if one.startswith(f"{name}/")
            ],
            "credentials_env": [f"{name.upper()}_KEY"],
            "options": {"preset": "vllm"},
        }

    return Config.model_validate(
        {
            "embedded": {"characters_per_second": 0, "image_seconds": 0},
            "providers": {"a": provider("a"), "b": provider("b"), "embedded": {}},
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
    async with FakeUpstream() as upstream:
        server = Server(configuration(upstream), KEYS)
        await server.start()
        environ = {
            "OPENAI_BASE_URL": f"http://127.0.0.1:{server.http_port}/v1",
            "OPENAI_API_KEY": TOKEN,
            "ANTIPHON_TARGET": server.target,
            "EXPECTED_TEXT": TEXT,
            "NO_PROXY": "*",
            "no_proxy": "*",
        }
        try:
            yield environ, upstream
        finally:
            await server.stop(1.0)
