"""What is remembered over a restart: rests, counts and learned limits; and whatever is wrong with the file, a start."""

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from inference_service.credentials.types import Ask, BreakerSpec, Denied, Grant, PoolSpec, Verdict, Vote, Why
from inference_service.failures import FailureKind
from inference_service.quotas import DAY, Clock, LimitFact, Quota, Unit
from inference_service.state.clock import SteadyClock
from inference_service.state.ledger import FILE, LimitLedger, state_directory
from inference_service.state.memory import MemoryStore

ASK = Ask("p", "p/m", "m")
GOOD = Verdict(Vote.GOOD, good_credential=True)
NOON = 1_790_000_000.0 - 1_790_000_000.0 % DAY + DAY / 2


class Turned:
    def __init__(self, now: float = NOON) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def spec(*quotas: Quota, keys: tuple[str, ...] = ("a",)) -> PoolSpec:
    return PoolSpec("p", keys, keys, 0, quotas)


def store(folder: Path, *quotas: Quota, clock: Turned | None = None, keys: tuple[str, ...] = ("a",)) -> MemoryStore:
    store = MemoryStore(BreakerSpec(), clock or Turned(), LimitLedger(folder, clock or Turned()))
    store.configure(spec(*quotas, keys=keys))
    return store


async def call(one: MemoryStore, verdict: Verdict = GOOD, limits: tuple[LimitFact, ...] = ()) -> Grant:
    grant = await one.acquire(ASK)
    assert isinstance(grant, Grant), grant
    await one.report(ASK, grant, limits)
    await one.release(ASK, grant, verdict)
    return grant


async def denied(one: MemoryStore) -> Denied:
    answer = await one.acquire(ASK)
    assert isinstance(answer, Denied), answer
    return answer


@pytest.mark.parametrize("clock", [Clock.ROLLING, Clock.WALL, Clock.PACIFIC, Clock.FIRST_USE])
async def test_spent_quota_is_not_spent_again(tmp_path: Path, clock: Clock) -> None:
    quota = Quota(Unit.REQUESTS, 3, DAY, clock, "credential", firm=True)
    before = store(tmp_path, quota)
    for _ in range(2):
        await call(before)
    await before.close()
    after = store(tmp_path, quota)
    await call(after)
    assert (await denied(after)).why is Why.BUSY
    await after.close()


async def test_rests_and_refused_tokens_stay_what_they_are(tmp_path: Path) -> None:
    before = store(tmp_path, keys=("a", "b"))
    first = await call(before, Verdict(cooldown=600, reason="rate_limited"))
    await call(before, Verdict(quarantine=True, reason="unauthenticated"))
    await before.close()
    clock = Turned(NOON + 60)
    after = store(tmp_path, keys=("a", "b"), clock=clock)
    answer = await denied(after)
    assert answer == Denied(Why.RESTING, pytest.approx(540.0), "rate_limited")
    views = {view.id: view for view in await after.credentials("p")}
    assert sorted(view.quarantined for view in views.values()) == [False, True]
    assert not views[first.credential].quarantined
    await after.close()


async def test_reported_and_learned_limits_are_known_at_once(tmp_path: Path) -> None:
    clock = Turned()
    before = store(tmp_path, clock=clock)
    await call(before, limits=(LimitFact(Unit.TOKENS, 60.0, Clock.ROLLING, 8_000, 8_000),))
    for _ in range(12):
        clock.now += 4
        await call(before)
    clock.now += 1
    grant = await before.acquire(ASK)
    assert isinstance(grant, Grant)
    await before.release(ASK, grant, Verdict(reason=FailureKind.RATE_LIMITED.value, backoff=True))
    known = {(view.unit, view.window, view.limit) for view in await before.quotas("p")}
    wait = (await denied(before)).wait
    await before.close()
    after = store(tmp_path, clock=clock)
    assert {(view.unit, view.window, view.limit) for view in await after.quotas("p")} == known
    assert (await denied(after)).wait == pytest.approx(wait)
    await after.close()


async def test_a_changed_limit_counts_from_what_was_used(tmp_path: Path) -> None:
    before = store(tmp_path, Quota(Unit.REQUESTS, 3, DAY, Clock.WALL, "credential", firm=True))
    for _ in range(3):
        await call(before)
    await before.close()
    after = store(tmp_path, Quota(Unit.REQUESTS, 4, DAY, Clock.WALL, "credential", firm=True))
    await call(after)
    await denied(after)
    await after.close()


async def test_a_day_that_is_over_is_over(tmp_path: Path) -> None:
    quota = Quota(Unit.REQUESTS, 1, DAY, Clock.WALL, "credential", firm=True)
    before = store(tmp_path, quota)
    await call(before)
    await before.close()
    after = store(tmp_path, quota, clock=Turned(NOON + DAY))
    await call(after)
    await after.close()


@pytest.mark.parametrize("back", [3_600.0, 40 * DAY])
async def test_a_clock_that_was_set_back_keeps_nobody_waiting_for_longer_than_a_window(
    tmp_path: Path, back: float
) -> None:
    quota = Quota(Unit.REQUESTS, 1, DAY, Clock.WALL, "credential", firm=True)
    before = store(tmp_path, quota)
    await call(before)
    await before.close()
    after = store(tmp_path, quota, clock=Turned(NOON - back))
    assert ((await denied(after)).wait or 0) <= 26 * 3_600
    await after.close()


@pytest.mark.parametrize("by", [-7_200.0, -3 * DAY, 7_200.0])
async def test_a_clock_that_is_moved_changes_no_rest_and_frees_no_quota(by: float) -> None:
    wall, steady = Turned(), Turned(1_000.0)
    clock = SteadyClock(wall, steady, looks=0.0)
    store = MemoryStore(BreakerSpec(), clock)
    store.configure(spec(Quota(Unit.REQUESTS, 1, 3_600.0, Clock.ROLLING, "credential", firm=True), keys=("a", "b")))
    await call(store)
    await call(store, Verdict(cooldown=600, reason="quota_exhausted"))
    before = {view.id: view.model_rests for view in await store.credentials("p")}
    wall.now += by
    steady.now += 1
    wall.now += 1
    answer = await denied(store)
    assert answer.wait == pytest.approx(599.0, abs=1.0)
    rests = {view.id: view.model_rests for view in await store.credentials("p")}
    assert {name: {model: until - by for model, until in known.items()} for name, known in rests.items()} == {
        name: pytest.approx(known, abs=1.0) for name, known in before.items()
    }
    steady.now += 3_700
    wall.now += 3_700
    await call(store)


async def test_a_broken_file_is_set_aside_and_said(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"this is no database, " * 1_000)
    state = store(tmp_path)
    assert state.problem == ""
    await call(state)
    await state.close()
    assert [path.suffix.startswith(".broken-") for path in tmp_path.glob("limits.broken-*")] == [True]
    assert sqlite3.connect(tmp_path / FILE).execute("SELECT count(*) FROM rows").fetchone()[0] > 0


async def test_a_row_that_cannot_be_read_costs_nothing_else(tmp_path: Path) -> None:
    quota = Quota(Unit.REQUESTS, 1, DAY, Clock.WALL, "credential", firm=True)
    before = store(tmp_path, quota)
    await call(before)
    await before.close()
    with sqlite3.connect(tmp_path / FILE) as connection:
        connection.execute("UPDATE rows SET value = 'garbage' WHERE key LIKE 'credential%'")
    after = store(tmp_path, quota)
    await denied(after)
    await after.close()


def file_of_the_future(folder: Path) -> Path:
    with sqlite3.connect(folder / FILE) as connection:
        connection.execute("PRAGMA user_version=99")
    return folder


def place_that_is_a_file(folder: Path) -> Path:
    (folder / "occupied").write_text("")
    return folder / "occupied"


def folder_in_place_of_the_file(folder: Path) -> Path:
    (folder / FILE).mkdir()
    return folder


def read_only_file(folder: Path) -> Path:
    """Also for root, who may write whatever he likes: the file is opened for reading only."""
    sqlite3.connect(folder / FILE).close()
    return folder


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (file_of_the_future, "was written by a newer version of Antiphon (99; this one knows 1); update, or move"),
        (place_that_is_a_file, "cannot be written"),
        (folder_in_place_of_the_file, "its permissions must allow it"),
        (read_only_file, "attempt to write a readonly database"),
    ],
)
async def test_a_file_that_cannot_be_used_is_said_and_the_pools_work_without(
    tmp_path: Path, spoil: Callable[[Path], Path], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = spoil(tmp_path)
    if spoil is read_only_file:
        connect = sqlite3.connect
        monkeypatch.setattr(
            "inference_service.state.ledger.sqlite3.connect",
            lambda path, timeout: connect(f"file:{path}?mode=ro", timeout=timeout, uri=True),
        )
    with capture_logs() as logs:
        state = store(folder)
    assert words in state.problem
    assert str(folder) in state.problem
    assert "\n" not in state.problem
    assert [(entry["event"], entry["log_level"]) for entry in logs] == [
        ("limits are not remembered over a restart", "warning")
    ]
    await call(state)
    await state.close()


async def test_a_disk_that_fails_later_is_said_and_nothing_piles_up(tmp_path: Path) -> None:
    clock = Turned()
    ledger = LimitLedger(tmp_path, clock)
    store = MemoryStore(BreakerSpec(), clock, ledger)
    store.configure(spec())
    with sqlite3.connect(tmp_path / FILE) as connection:
        connection.execute("DROP TABLE rows")
    await call(store)
    async with asyncio.timeout(20):
        while not store.problem:
            await asyncio.sleep(0.02)
    assert store.problem.startswith("Limits are no longer remembered over a restart: ")
    assert not ledger.works
    ledger.write("p", {"credential|a": b"{}"})
    assert ledger._news.empty()
    await call(store)
    await store.close()


async def test_two_processes_do_not_write_into_one_file(tmp_path: Path) -> None:
    first = store(tmp_path)
    second = store(tmp_path)
    assert "in use by another process" in second.problem
    await call(second)
    await second.close()
    await first.close()
    third = store(tmp_path)
    assert third.problem == ""
    await third.close()


async def test_news_are_on_disk_soon_without_being_asked(tmp_path: Path) -> None:
    state = store(tmp_path)
    await call(state)
    reader = sqlite3.connect(tmp_path / FILE)
    async with asyncio.timeout(20):
        while not reader.execute("SELECT count(*) FROM rows").fetchone()[0]:
            await asyncio.sleep(0.02)
    await state.close()


def test_the_file_lies_beside_the_configuration_or_with_the_user(tmp_path: Path) -> None:
    assert state_directory(Path("/x"), tmp_path / "antiphon.toml", {}) == Path("/x")
    assert state_directory(None, tmp_path / "antiphon.toml", {}) == tmp_path / ".antiphon"
    assert state_directory(None, None, {"XDG_STATE_HOME": "/s", "HOME": "/h"}) == Path("/s/antiphon")
    assert state_directory(None, None, {"HOME": "/h"}) == Path("/h/.local/state/antiphon")
    assert state_directory(None, None, {}) is None
