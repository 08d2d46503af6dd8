"""A service that must be as good as new when a fault is over: the next request works, nothing is held or left."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

from antiphon.client import InferenceClient
from antiphon.v1 import operations_pb2
from inference_service.server import Server
from tests.fakes.upstream.server import TEXT, FakeUpstream
from tests.support.service import KEYS, serving
from tests.support.waiting import only_left, own_tasks, status_where

LONGEST = 20.0  # seconds; only a failing test waits that long


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
    - after the service has stopped, none of its tasks and no connection to a provider is left.
    """
    tasks = own_tasks()
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
    await only_left(tasks, LONGEST)
    await upstream.disconnected()


async def idle(client: InferenceClient) -> None:
    """Waits until no credential of any provider is in flight."""
    await status_where(client, lambda status: not in_flight(status), LONGEST)


def in_flight(status: operations_pb2.Status) -> int:
    """Calls that hold a lease now."""
    return sum(credential.in_flight for provider in status.providers for credential in provider.credentials)
