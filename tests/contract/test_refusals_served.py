"""Provider × refusal over real sockets: who answers instead, how many calls it took, and what the next person notices.

One service and one server for all cells; each cell has a provider of its own, so that no rest reaches another cell.
"""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from antiphon import events
from antiphon.client import InferenceClient
from antiphon.errors import AntiphonError
from antiphon.v1 import operations_pb2
from inference_service.failures import FailureKind as K
from inference_service.failures import Scope
from inference_service.providers.catalogue import load
from tests.contract.upstream import PNG, delta
from tests.support.refusals import EVERYTHING, NOW, Cell
from tests.support.refusals_documented import DOCUMENTED
from tests.support.refusals_recorded import RECORDED
from tests.support.refusals_reported import REPORTED
from tests.support.service import QUICK, serving

BAD = "please misbehave"
ABOUT_THE_REQUEST = frozenset({
    K.REFUSED, K.BAD_REQUEST, K.FIELD_REFUSED, K.CONTEXT_TOO_LONG, K.UNSUPPORTED, K.CONTENT_REFUSED,
})  # fmt: skip
ABOUT_THE_CREDENTIAL = frozenset({
    K.RATE_LIMITED, K.QUOTA_EXHAUSTED, K.UNAUTHENTICATED, K.FORBIDDEN, K.MODEL_FORBIDDEN,
})  # fmt: skip
# Seen once, the vendor's trouble benches nobody: the next person is answered by the same provider, too.
AT_ONCE = 12  # cells under way at the same time
# One with a wire format of its own, and one whose pool lets one call at a time land before the next one starts.
ELSEWHERE = frozenset({"aihorde", "ollama-cloud"})
SHORT = 20.0  # seconds: a rest that may be over before the next question


def chosen() -> Iterator[Cell]:
    """One cell of each kind of failure for each provider; of limits one for each scope."""
    seen = set()
    for cell in [*DOCUMENTED, *RECORDED, *REPORTED]:
        if cell.detail == "sampling.max_tokens" and cell.status == 402:
            continue  # without the field it is a limit: another cell
        sends = cell.sent is EVERYTHING and cell.detail not in ("tools", "tool_choice", "audio")
        lasts = cell.kind not in ABOUT_THE_CREDENTIAL or cell.until is None or cell.until > SHORT
        place = (cell.provider, cell.kind, cell.scope)
        if cell.provider in ELSEWHERE or place in seen or not sends or not lasts or "2026-11-27" in str(cell.body):
            continue
        seen.add(place)
        yield cell


CELLS = {f"{cell.provider}-{number}": cell for number, cell in enumerate(chosen())}


@dataclass
class Vendors:
    """All of them at once: the first part of the path is the name of the cell."""

    calls: Counter[str] = field(default_factory=Counter)
    url: str = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        name = request.path.split("/")[1]
        if request.method != "POST":
            return web.json_response({"error": "Not Found"}, status=404)
        self.calls[name] += 1
        cell, text = CELLS.get(name), await request.text()
        if cell is None or BAD not in text:
            return await self._answer(request, f"hello from {name}")
        body = cell.body if isinstance(cell.body, bytes) else json.dumps(cell.body).encode()
        head = {"Content-Type": "application/json", **{key: _moved(value) for key, value in cell.headers.items()}}
        return web.Response(status=cell.status, body=body, headers=head)

    @staticmethod
    async def _answer(request: web.Request, text: str) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for chunk in (delta(text), delta("", "stop")):
            await response.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")
        await response.write(b"data: [DONE]\n\n")
        return response


def _moved(value: str) -> str:
    """Moments of the table belong to its own clock."""
    return str(int(value) - int(NOW)) if value.isdigit() and int(value) > 1e9 else value


def configuration(url: str) -> tuple[dict[str, Any], dict[str, str]]:
    providers: dict[str, Any] = {"healthy": {"kind": "compatible", "base_url": f"{url}/healthy", "models": ["m"], "credentials_env": ["HEALTHY_KEY"], "model": {"m": {"vision": True}}}}  # fmt: skip
    routes, environ = {}, {"HEALTHY_KEY": "h" * 20}
    for number, (name, cell) in enumerate(CELLS.items()):
        providers[name] = {
            "kind": cell.provider,
            "base_url": f"{url}/{name}",
            "models": ["m"],
            "model": {"m": {"vision": True}},
            "credentials_env": [f"KEY_{number}_X"],
            "enabled": True,
        }
        environ[f"KEY_{number}_X"] = (
            f"{'a' * 32}:{number:040}" if cell.provider == "cloudflare" else f"key-{number:020}"
        )
        routes[f"route{number}"] = {"deployments": [f"{name}/m", "healthy/m"]}
    routing = {"timeouts": QUICK, "attempts": 6, "retry_budget": 1.0}
    return {"providers": providers, "routes": routes, "routing": routing}, environ


@dataclass
class Seen:
    """What two people saw of one cell: the first one's request is refused, the second asks a plain question."""

    first: str  # the deployment that answered, or the class of the error
    calls: int
    second: str
    calls_of_second: int
    credential: operations_pb2.CredentialStatus | None = None


class Table:
    def __init__(self, vendors: Vendors) -> None:
        self.vendors = vendors
        self.rows: dict[str, Seen] = {}

    async def fill(self) -> None:
        config, environ = configuration(self.vendors.url)
        async with serving(config, environ) as (_, client):
            gate = asyncio.Semaphore(AT_ONCE)
            await asyncio.gather(*(self._row(gate, client, n, name) for n, name in enumerate(CELLS)))
            status = await client.status()
        for provider in status.providers:
            if provider.name in self.rows:
                self.rows[provider.name].credential = provider.credentials[0]

    async def _row(self, gate: asyncio.Semaphore, client: InferenceClient, number: int, name: str) -> None:
        async with gate:
            cell, calls = CELLS[name], self.vendors.calls
            said: list[Any] = [BAD, events.Image("image/png", PNG)] if cell.detail == "vision" else [BAD]
            turns = [events.Message.system("Be brief."), events.Message.user(*said)]
            sampling = events.Sampling(temperature=0.5, top_p=0.5, max_tokens=9, stop=["x"], seed=7)
            first = await asked(client, f"route{number}", turns, sampling)
            before = calls[name]
            second = await asked(client, f"route{number}", [events.Message.user("hello")], events.Sampling())
            self.rows[name] = Seen(first, before, second, calls[name] - before)


async def asked(client: InferenceClient, route: str, turns: list[events.Message], sampling: events.Sampling) -> str:
    try:
        stream = client.chat(turns, model=route, sampling=sampling, timeout=60)
        async for _event in stream:
            pass
    except AntiphonError as error:
        return type(error).__name__
    assert stream.finished is not None
    return stream.finished.deployment


TABLES: list[Table] = []


@pytest.fixture(scope="module")
def table() -> Table:
    if not TABLES:
        TABLES.append(asyncio.run(_filled()))
    return TABLES[0]


async def _filled() -> Table:
    vendors = Vendors()
    async for _ in _running(vendors):
        table = Table(vendors)
        await table.fill()
    return table


async def _running(vendors: Vendors) -> AsyncIterator[None]:
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", vendors.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    vendors.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield
    await runner.cleanup()


def of(*kinds: K) -> list[str]:
    return [name for name, cell in CELLS.items() if cell.kind in kinds]


def test_the_matrix_is_broad(table: Table) -> None:
    assert len({cell.provider for cell in CELLS.values()}) >= 35 <= len(load.shipped())
    assert len(table.rows) == len(CELLS) >= 190


def test_every_refusal_moves_on_to_the_healthy_provider_except_one_of_the_content(table: Table) -> None:
    wrong = {
        str(CELLS[name]): seen.first
        for name, seen in table.rows.items()
        if seen.first != ("ContentRefused" if CELLS[name].kind is K.CONTENT_REFUSED else "healthy/m")
    }
    assert not wrong


def test_whatever_the_request_of_one_person_does_the_plain_question_of_another_is_answered_by_the_same_provider(
    table: Table,
) -> None:
    wrong = {
        str(CELLS[name]): seen.second
        for name, seen in table.rows.items()
        if CELLS[name].kind not in ABOUT_THE_CREDENTIAL and seen.second != f"{name}/m"
    }
    assert not wrong


def test_a_credential_that_rests_costs_the_next_person_no_call(table: Table) -> None:
    wrong = {
        str(CELLS[name]): (seen.second, seen.calls_of_second)
        for name in of(*ABOUT_THE_CREDENTIAL)
        if CELLS[name].until is not None or CELLS[name].kind is K.UNAUTHENTICATED  # untold rests are short
        if ((seen := table.rows[name]).second, seen.calls_of_second) != ("healthy/m", 0)
    }
    assert not wrong


def test_a_refusal_costs_one_call_and_what_can_be_asked_differently_one_more(table: Table) -> None:
    wrong = {}
    for name, seen in table.rows.items():
        cell = CELLS[name]
        again = cell.detail == "system" or cell.kind is K.FIELD_REFUSED or cell.detail == "vision"
        if seen.calls > (3 if again else 1):
            wrong[str(cell)] = seen.calls
    assert not wrong


def test_only_a_bad_key_is_quarantined(table: Table) -> None:
    quarantined = {
        name
        for name, seen in table.rows.items()
        if seen.credential is not None and seen.credential.state == operations_pb2.CREDENTIAL_STATE_QUARANTINE
    }
    assert quarantined == set(of(K.UNAUTHENTICATED))


def test_a_stated_rest_of_a_whole_account_is_one_of_the_credential(table: Table) -> None:
    resting = {
        name
        for name, seen in table.rows.items()
        if seen.credential is not None and seen.credential.state == operations_pb2.CREDENTIAL_STATE_COOLDOWN
    }
    told = {
        name
        for name in of(*ABOUT_THE_CREDENTIAL - {K.UNAUTHENTICATED})
        if CELLS[name].scope in (Scope.CREDENTIAL, Scope.GROUP) and CELLS[name].until is not None
    }
    assert told <= resting
    assert not resting & {name for name in CELLS if CELLS[name].kind not in ABOUT_THE_CREDENTIAL}
