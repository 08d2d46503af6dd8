"""One upstream call under watch."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from inference_service.credentials.types import Ask, BreakerSpec, Grant, PoolSpec
from inference_service.domain import Delta
from inference_service.failures import FailureKind, UpstreamFailure
from inference_service.routing.attempt import Attempt, Bounds, Lease
from inference_service.routing.observer import NullObserver
from inference_service.state.memory import MemoryStore


async def stumbling() -> AsyncIterator[Any]:
    yield Delta("ice")
    raise KeyError("something that no adapter has thought of, with a secret in it")


async def test_an_answer_that_an_adapter_stumbles_over_is_a_failure_like_any_other() -> None:
    store = MemoryStore(BreakerSpec(failures=1))
    store.configure(PoolSpec("p", ("a",), ("a",)))
    ask = Ask("p", "p/m", "m")
    grant = await store.acquire(ask)
    assert isinstance(grant, Grant)
    lease = Lease(ask, grant, "p")
    attempt = Attempt(lease, 1, stumbling(), Bounds(5, 5, 5, 5), store, NullObserver(), "request")
    assert await attempt.next() == Delta("ice")
    with pytest.raises(UpstreamFailure) as caught:
        await attempt.next()
    assert caught.value.kind is FailureKind.BAD_RESPONSE
    assert "secret" not in caught.value.message
    await attempt.close()
    assert (await store.breakers(["p/m"]))["p/m"].state == "open"
    assert [view.in_flight for view in await store.credentials("p")] == [0]
