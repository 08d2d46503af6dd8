"""What is left of each quota, when there is more, and how long it lasts."""

import pytest

from inference_service.credentials.forecast import forecast, requests_left
from inference_service.credentials.pool import Pool
from inference_service.credentials.saved import dump, load
from inference_service.credentials.types import Ask, PoolSpec, QuotaView, Verdict, Vote
from inference_service.quotas import DAY, Clock, LimitFact, Quota, Unit

MIDNIGHT = 1_790_000_000.0 - 1_790_000_000.0 % DAY
HOUR = 3_600.0
GOOD = Verdict(Vote.GOOD, good_credential=True)


def pool(*quotas: Quota, keys: int = 2) -> Pool:
    names = tuple(f"k{n}" for n in range(keys))
    return Pool(PoolSpec("p", names, names, 0, quotas, ("m",)), lease_time=60)


def spend(one: Pool, count: int, now: float) -> None:
    for n in range(count):
        lease = f"{now}-{n}"
        assert isinstance(one.pick(Ask("p", "p/m", "m"), lease, now), str)
        one.release(lease, GOOD, now)


def quota(limit: int, window: float = DAY, clock: Clock = Clock.WALL, scope: str = "credential_model") -> Quota:
    return Quota(Unit.REQUESTS, limit, window, clock, scope, firm=True)


def test_remaining_quota_is_summed_over_the_pool() -> None:
    credentials = pool(quota(10))
    spend(credentials, 5, MIDNIGHT + 6 * HOUR)
    [view] = forecast(credentials, MIDNIGHT + 6 * HOUR)
    assert (view.limit, view.used, view.left, view.model, view.declared) == (20, 5, 15, "m", True)
    assert view.refills_at == pytest.approx(MIDNIGHT + DAY + 1)


def test_at_todays_pace_it_runs_out_when_that_pace_says() -> None:
    credentials = pool(quota(10))
    spend(credentials, 10, MIDNIGHT + 6 * HOUR)
    [view] = forecast(credentials, MIDNIGHT + 6 * HOUR)
    assert view.runs_out_at == pytest.approx(MIDNIGHT + 12 * HOUR, abs=60)


def test_quota_that_lasts_until_its_refill_does_not_run_out() -> None:
    credentials = pool(quota(10))
    spend(credentials, 4, MIDNIGHT + 12 * HOUR)
    [view] = forecast(credentials, MIDNIGHT + 12 * HOUR)
    assert view.runs_out_at is None


def test_an_exhausted_quota_says_when_there_is_more() -> None:
    credentials = pool(quota(2, 60.0, Clock.ROLLING))
    spend(credentials, 4, MIDNIGHT)
    [view] = forecast(credentials, MIDNIGHT + 10)
    assert (view.left, view.refills_at, view.runs_out_at) == (0, pytest.approx(MIDNIGHT + 61), MIDNIGHT + 10)


def test_nothing_used_has_no_refill_and_no_end() -> None:
    [view] = forecast(pool(quota(10)), MIDNIGHT)
    assert (view.left, view.refills_at, view.runs_out_at) == (20, None, None)


def test_a_quota_that_the_provider_reported_is_listed_and_marked_as_learned() -> None:
    credentials = pool()
    credentials.pick(Ask("p", "p/m", "m"), "l", MIDNIGHT)
    credentials.report("l", (LimitFact(Unit.TOKENS, 60.0, Clock.ROLLING, 8_000, 7_000),), MIDNIGHT)
    [view] = forecast(credentials, MIDNIGHT)
    assert (view.unit, view.limit, view.left, view.declared) == (Unit.TOKENS, 8_000, 7_000, False)


def test_credentials_that_were_taken_away_are_not_counted_any_more() -> None:
    credentials = pool(quota(10), keys=3)
    spend(credentials, 6, MIDNIGHT)
    credentials.configure(PoolSpec("p", ("k0",), ("k0",), 0, (quota(10),), ("m",)))
    [view] = forecast(credentials, MIDNIGHT)
    assert (view.limit, view.used, view.left) == (10, 2, 8)


def test_after_a_restart_it_says_the_same_also_with_fewer_credentials() -> None:
    before, after, fewer = pool(quota(10), keys=3), pool(quota(10), keys=3), pool(quota(10), keys=1)
    spend(before, 6, MIDNIGHT)
    rows = dump(before, before.everything())
    load(after, rows, MIDNIGHT + 60)
    load(fewer, rows, MIDNIGHT + 60)
    assert forecast(after, MIDNIGHT + 60) == forecast(before, MIDNIGHT + 60)
    [view] = forecast(fewer, MIDNIGHT + 60)
    assert (view.limit, view.used, view.left) == (10, 2, 8)


def test_an_account_is_counted_once_however_many_credentials_it_has() -> None:
    names = ("k0", "k1", "k2")
    pool = Pool(PoolSpec("p", names, ("g", "g", "k2"), 0, (quota(10, scope="group"),), ("m",)), lease_time=60)
    spend(pool, 3, MIDNIGHT)
    [view] = forecast(pool, MIDNIGHT)
    assert (view.limit, view.used, view.left, view.model) == (20, 3, 17, "")


def test_where_no_limit_is_known_nothing_is_claimed() -> None:
    credentials = pool()
    spend(credentials, 3, MIDNIGHT)
    assert forecast(credentials, MIDNIGHT) == []


def view(left: int, model: str = "", window: float = DAY, refills: float | None = None) -> QuotaView:
    return QuotaView(Unit.REQUESTS, model, window, Clock.WALL, 100, 100 - left, left, refills)


@pytest.mark.parametrize(
    ("quotas", "wanted"),
    [
        ({"p": [view(40, refills=9.0)], "q": [view(2, "m", refills=5.0)]}, (42, 5.0)),
        ({"p": [view(40), view(3, "m", 60.0, 7.0)]}, (3, 7.0)),  # the one that binds
        ({"p": [view(40, "other*")], "q": []}, (None, None)),
        ({}, (None, None)),
    ],
)
def test_the_public_number_is_the_binding_one(
    quotas: dict[str, list[QuotaView]], wanted: tuple[int | None, float | None]
) -> None:
    assert requests_left(quotas, [("p", "m"), ("q", "m")]) == wanted


def test_a_quota_that_models_share_counts_once() -> None:
    assert requests_left({"p": [view(40)]}, [("p", "m"), ("p", "n")]) == (40, None)
