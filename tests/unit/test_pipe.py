"""One connection to Redis for many callers: order, cancellation, errors and loss."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.exceptions import NoScriptError, RedisError, ResponseError

from inference_service.state.pipe import Pipe
from inference_service.tasks import Supervisor
from tests.support.cable import Cable, cable
from tests.support.redis import redis_server


@pytest.fixture
async def wire() -> AsyncIterator[Cable]:
    async with redis_server() as server, cable(server) as wire:
        yield wire


@pytest.fixture
async def pipe(wire: Cable) -> AsyncIterator[Pipe]:
    pipe = Pipe(wire.url, 10, Supervisor())
    yield pipe
    await pipe.disconnect()


async def test_many_callers_get_their_own_answers(pipe: Pipe) -> None:
    answers = await asyncio.gather(*(pipe.call("ECHO", f"Frage {number} – ключ") for number in range(200)))
    assert answers == [f"Frage {number} – ключ" for number in range(200)]
    assert await pipe.call("SET", "number", 7) == "OK"
    assert await pipe.call("GET", "number") == "7"
    assert await pipe.call("GET", "nothing") is None


async def test_a_caller_that_leaves_takes_no_answer_of_another_one(wire: Cable, pipe: Pipe) -> None:
    assert await pipe.call("PING") == "PONG"
    wire.slow = True
    callers = [asyncio.create_task(pipe.call("ECHO", name)) for name in ("first", "gone", "last")]
    done, _ = await asyncio.wait(callers, timeout=0.05)
    assert not done
    callers[1].cancel()
    wire.slow = False
    assert await callers[0] == "first"
    assert await callers[2] == "last"


async def test_an_error_is_the_error_of_its_own_command(pipe: Pipe) -> None:
    answers = await asyncio.gather(
        pipe.call("EVALSHA", "0" * 40, 0), pipe.call("NONSENSE"), pipe.call("PING"), return_exceptions=True
    )
    assert [type(answer) for answer in answers] == [NoScriptError, ResponseError, str]


async def test_a_lost_connection_fails_everybody_who_waits_and_the_next_call_opens_another(
    wire: Cable, pipe: Pipe
) -> None:
    assert await pipe.call("PING") == "PONG"
    wire.slow = True
    callers = [asyncio.create_task(pipe.call("ECHO", "lost")) for _ in range(3)]
    await asyncio.wait(callers, timeout=0.05)
    wire.unplug()
    for answer in await asyncio.gather(*callers, return_exceptions=True):
        assert isinstance(answer, (RedisError, OSError))
    with pytest.raises((RedisError, OSError)):
        await pipe.call("PING")
    wire.plug()
    assert await pipe.call("PING") == "PONG"
