"""Everything that a provider may do wrong, with the settings that the program comes with: real bounds, real seconds.

Every scenario has two providers of its own, and all run side by side in one service, through both doors.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable
from typing import Any, NamedTuple

import aiohttp

from antiphon.client import InferenceClient
from tests.fakes.upstream.server import TEXT, FakeUpstream
from tests.support.http import Answer, Door
from tests.support.service import serving

PROMISE = 11.5  # seconds from a provider's silence to the call of the next one, at most
TICK = 0.1  # seconds
TOLD, NEVER = 2, 60  # seconds of Retry-After: one that is waited for, and one that is not


class Scenario(NamedTuple):
    """`fault` of the first provider; `by` the one that answers in the end."""

    name: str
    fault: str
    by: str = "b"
    once: bool = False  # the fault is over with the second call
    calls: int = 1  # of the first provider


SCENARIOS = [
    Scenario("all is well", "ok", by="a"),
    Scenario("429 with a short Retry-After", f"429:{TOLD}", by="a", once=True, calls=2),
    Scenario("429 with a long Retry-After", f"429:{NEVER}"),
    Scenario("429 without a time", "429"),
    Scenario("the quota of the day is used up", "429day"),
    Scenario("500", "500"),
    Scenario("502 with a page", "html:502"),
    Scenario("503", "503"),
    Scenario("529, overloaded", "529"),
    Scenario("the key is refused", "401"),
    Scenario("the credit is used up", "402"),
    Scenario("the model is gone", "gone"),
    Scenario("no response", "silent"),
    Scenario("20 s to the first token", "late:20"),
    Scenario("a byte now and then", "drip:0"),
    Scenario("the connection is reset", "reset"),
    Scenario("the connection is reset behind the headers", "resetheaders"),
    Scenario("what is no HTTP", "nohttp"),
    Scenario("a page instead of an answer", "html"),
    Scenario("an error instead of an answer", "errorjson"),
    Scenario("an error as the first event", "errorfirst"),
    Scenario("an end without a word", "empty"),
    Scenario("a slow answer is an answer", "slow:90", by="a"),
    Scenario("one answer in one piece", "json", by="a"),
]
IN_THE_MIDDLE = [
    Scenario("a stall", "stall:90"),
    Scenario("a byte now and then from the middle on", "drip:90"),
    Scenario("white space without end", "whitespace:90"),
    Scenario("the connection is cut", "cut:90"),
    Scenario("the connection is reset inside a chunk", "resetchunk:90"),
    Scenario("the stream ends without its end", "eof:90"),
    Scenario("an error event", "errorlater:90"),
    Scenario("a chunk that cannot be read", "lostchunk:90"),
    Scenario("a finish reason that is no end", "givesup:90"),
]
FALLBACKS = ["ok", "echo", "prefillrefused"]
CASES = [(scenario, "ok") for scenario in SCENARIOS]
CASES += [(scenario, fallback) for scenario in IN_THE_MIDDLE for fallback in FALLBACKS]


def configuration(upstream: FakeUpstream) -> dict[str, Any]:
    """A route of two providers for each case and door. Nothing else is set: every bound is the default."""
    providers: dict[str, Any] = {}
    routes: dict[str, Any] = {}
    for number, (scenario, fallback) in enumerate(CASES):
        for door in ("grpc", "http"):
            route = f"{door}-{number}"
            routes[route] = {"deployments": [f"a-{route}/{scenario.fault}", f"b-{route}/{fallback}"]}
            for name, model in ((f"a-{route}", scenario.fault), (f"b-{route}", fallback)):
                providers[name] = {
                    "kind": "openai",
                    "base_url": upstream.base(name),
                    "models": [model],
                    "credentials_env": ["KEY"],
                    "options": {"preset": "plain"},
                    "model": {model: {"prefill": True}},
                }
            if scenario.once:
                upstream.later[f"/a-{route}/v1/chat/completions"] = "ok"
    return {"providers": providers, "routes": routes, "service": {"http": True, "http_port": 0}}


class Clock:
    """Seconds as the event loop has them to give: where it is held up, they are fewer than those on the wall."""

    def __init__(self) -> None:
        self._ticks: list[float] = []

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(TICK)
            self._ticks.append(loop.time())

    def between(self, first: float, second: float) -> float:
        return sum(1 for tick in self._ticks if first < tick <= second) * TICK


@contextlib.asynccontextmanager
async def running(work: Awaitable[None]) -> AsyncIterator[None]:
    task = asyncio.ensure_future(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def by_grpc(client: InferenceClient, route: str) -> tuple[str, str, str]:
    """The text, the deployment and the reason of the end."""
    stream = client.chat("How do glaciers move?", model=route)
    async for _event in stream:
        pass
    assert stream.finished is not None
    assert stream.finished.total_chars == len(stream.text)
    return stream.text, stream.deployment, stream.finished.reason


async def by_http(door: Door, route: str) -> tuple[str, str, str]:
    answer: Answer = await door.chat(model=route, stream=True)
    assert answer.status == 200, answer.text
    assert answer.done
    assert not any("error" in event for event in answer.events)
    return answer.content, answer.events[-1]["antiphon"]["deployment"], answer.finish or ""


def problems(route: str, case: tuple[Scenario, str], answer: Any, upstream: FakeUpstream, clock: Clock) -> list[str]:
    """What is wrong with an answer and the calls that it took."""
    scenario, fallback = case
    by = f"a-{route}/{scenario.fault}" if scenario.by == "a" else f"b-{route}/{fallback}"
    first, second = upstream.of(f"a-{route}"), upstream.of(f"b-{route}")
    wrong = [] if answer == (TEXT, by, "stop") else [f"answered {answer!r}"]
    if len(first) != scenario.calls:
        wrong.append(f"{len(first)} calls to the first provider")
    # One that refuses to continue the answer is asked again for all of it.
    refused = fallback == "prefillrefused" and bool(second) and second[0].body["messages"][-1]["role"] == "assistant"
    if len(second) != (0 if scenario.by == "a" else 2 if refused else 1):
        wrong.append(f"{len(second)} calls to the second provider")
    if second and (waited := clock.between(first[0].at, second[0].at)) > PROMISE:
        wrong.append(f"the second provider was asked after {waited:.1f} s")
    return [f"{scenario.name}, {fallback}, {route}: {text}" for text in wrong]


async def test_with_default_settings_every_answer_is_whole_and_nobody_waits_longer_than_promised() -> None:
    async with FakeUpstream() as upstream, aiohttp.ClientSession() as session:
        clock = Clock()
        async with (
            serving(configuration(upstream), {"KEY": "key-0000000000001"}) as (server, client),
            running(clock.run()),
        ):
            door = Door(session, f"http://127.0.0.1:{server.http_port}", server)
            routes = [(f"{name}-{number}", case) for number, case in enumerate(CASES) for name in ("grpc", "http")]
            asked = [by_grpc(client, route) if route[0] == "g" else by_http(door, route) for route, _ in routes]
            answers = await asyncio.gather(*asked, return_exceptions=True)
            found = [
                problem
                for (route, case), answer in zip(routes, answers, strict=True)
                for problem in problems(route, case, answer, upstream, clock)
            ]
    assert not found, "\n".join(found)
