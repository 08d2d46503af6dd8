"""The real service in this process: real gRPC sockets, real HTTP upstreams, a configuration from the test."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

from antiphon.client import InferenceClient
from antiphon.config.model import Config
from inference_service.server import Server
from tests.fakes.upstream.server import FakeUpstream

QUICK = {"headers": 0.8, "first_token": 0.8, "idle": 0.8, "total": 30, "short_wait": 0.5, "slowest": 0}


@contextlib.asynccontextmanager
async def serving(
    config: Mapping[str, Any], environ: Mapping[str, str] | None = None, token: str | None = None
) -> AsyncIterator[tuple[Server, InferenceClient]]:
    """The server and a client of it; both end with the block."""
    settings = dict(config)
    settings["service"] = {"port": 0, "status_page": False, "http": False, "grace": 1, **settings.get("service", {})}
    server = Server(Config.model_validate(settings), dict(environ or {}))
    await server.start()
    try:
        async with InferenceClient(server.target, token) as client:
            yield server, client
    finally:
        await server.stop(1.0)


def two_providers(
    upstream: FakeUpstream, first: str, second: str, *, preset: str = "vllm", **more: Any
) -> dict[str, Any]:
    """A route "chat" over one model of each of two providers, "a" and "b"."""
    return {
        "providers": {
            name: {
                "kind": "openai",
                "base_url": upstream.base(name),
                "models": [model],
                "credentials_env": [f"{name.upper()}_KEY"],
                "options": {"preset": preset},
            }
            for name, model in (("a", first), ("b", second))
        },
        "routes": {
            "chat": {"deployments": [f"a/{first}", f"b/{second}"], **more},
            "image": {"deployments": [f"a/{first}", f"b/{second}"]},
        },
        "routing": {"timeouts": QUICK},
    }


KEYS = {"A_KEY": "key-of-a-000000000001", "B_KEY": "key-of-b-000000000001"}
