"""A service that must be as good as new when a fault is over: the next request works, nothing is held or left."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

from antiphon.client import InferenceClient
from inference_service.server import Server
from tests.fakes.upstream.server import TEXT, FakeUpstream
from tests.support.service import KEYS, serving

LONGEST = 20.0  # seconds; only a failing test waits that long


def our_tasks() -> int:
    """Without those of gRPC itself, and of the provider's open connections, which is in the same process."""
    others = ("RequestHandler", "_cython", "H2Call.run")
    return sum(not any(other in repr(task) for other in others) for task in asyncio.all_tasks())


async def whole_answer(client: InferenceClient) -> None:
    stream = client.chat("And now?")
    async for _event in stream:
        pass
    assert stream.text == TEXT
    assert stream.finished is not None
    assert stream.finished.total_chars == len(TEXT)


async def whole_picture(client: InferenceClient) -> None:
    pictures = client.image("A fox")
    async for _event in pictures:
        pass
    assert [(entry.width, entry.height) for entry in pictures.pictures] == [(64, 48)]


@contextlib.asynccontextmanager
async def recovering(
    upstream: FakeUpstream,
    config: Mapping[str, Any],
    keys: Mapping[str, str] = KEYS,
    works: Callable[[InferenceClient], Awaitable[None]] = whole_answer,
) -> AsyncIterator[tuple[Server, InferenceClient]]:
    """As `serving`. At the end of the block every fault is over, and it is proven that

    - every call to a provider has ended, without waiting for the provider,
    - the next request through the same process is answered whole,
    - no credential is in flight and no request alive,
    - after the service has stopped no task of ours and no connection to a provider is left.
    """
    tasks = our_tasks()
    async with serving(config, keys) as (server, client):
        yield server, client
        async with asyncio.timeout(LONGEST):
            for call in upstream.calls:
                await call.over.wait()
        upstream.well = True
        upstream.hold.set()
        upstream.text = TEXT
        await works(client)
        await idle(client)
        assert server.shared.door.live == {}
    async with asyncio.timeout(LONGEST):
        while upstream.connections or our_tasks() > tasks:
            await asyncio.sleep(0)


async def idle(client: InferenceClient) -> None:
    """Waits until no credential of any provider is in flight."""
    async with asyncio.timeout(LONGEST):
        while True:
            status = await client.status()
            if not any(entry.in_flight for provider in status.providers for entry in provider.credentials):
                return
