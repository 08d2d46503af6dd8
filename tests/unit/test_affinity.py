"""Which credential and which of several equal deployments a request gets: its conversation's own, or what would be lost soonest."""

from collections import Counter

from inference_service.credentials.affinity import Ring, score
from inference_service.credentials.broker import Broker
from inference_service.credentials.types import Ask, BreakerSpec, Grant, PoolSpec, Verdict, Vote
from inference_service.quotas import Clock, Quota, Unit

NOW = 1_790_000_000.0
GOOD = Verdict(Vote.GOOD, good_credential=True)


def quota(limit: int, window: float, clock: Clock = Clock.WALL) -> Quota:
    return Quota(Unit.REQUESTS, limit, window, clock, "credential", firm=True)


def broker(**quotas: tuple[Quota, ...]) -> Broker:
    """A pool of two credentials for each name."""
    broker = Broker(BreakerSpec(failures=1))
    for name, own in quotas.items():
        keys = f"{name}-key-1", f"{name}-key-2"
        broker.configure(PoolSpec(name, keys, keys, 0, own))
    return broker


def asks(names: str, conversation: str = "") -> list[Ask]:
    return [Ask(name, f"{name}/m", "m", conversation=conversation) for name in names]


def order(one: Broker, names: str, conversation: str = "", now: float = NOW) -> str:
    return "".join(ask.pool for ask in one.prefer(asks(names, conversation), now))


def spend(one: Broker, name: str, count: int) -> None:
    for _ in range(count):
        [ask] = asks(name)
        grant = one.acquire(ask, NOW)
        assert isinstance(grant, Grant)
        one.release(ask, grant, GOOD, NOW)


def test_quota_that_would_be_lost_soonest_is_spent_first() -> None:
    pools = broker(d=(quota(100, 86_400.0),), h=(quota(100, 3_600.0),), n=())
    assert order(pools, "ndh") == "hdn"  # without a quota nothing is lost


def test_a_deployment_that_cannot_answer_at_once_comes_last() -> None:
    pools = broker(d=(quota(100, 86_400.0),), h=(quota(1, 3_600.0),))
    spend(pools, "h", 2)
    assert order(pools, "hd") == "dh"


def test_an_open_breaker_comes_last_until_its_probe_is_due() -> None:
    pools = broker(d=(quota(100, 86_400.0),), h=(quota(100, 3_600.0),))
    [ask] = asks("h")
    grant = pools.acquire(ask, NOW)
    assert isinstance(grant, Grant)
    pools.release(ask, grant, Verdict(Vote.BAD, "server_error"), NOW)
    assert order(pools, "hd") == "dh"
    assert order(pools, "hd", now=NOW + 21) == "hd"


def test_a_deployment_where_others_wait_comes_last() -> None:
    pools = broker(d=(quota(100, 86_400.0),), h=(quota(1, 60.0, Clock.ROLLING),))
    spend(pools, "h", 2)
    assert isinstance(pools.join(asks("h"), NOW + 120, NOW), tuple)
    assert order(pools, "hd", now=NOW + 61.5) == "dh"  # there is room again, for the one who waits


def test_a_conversation_has_the_same_deployment_in_every_process_and_after_a_restart() -> None:
    first, second = broker(a=(), b=(), c=()), broker(a=(), b=(), c=())
    spend(second, "a", 3)
    own = {name: order(first, "abc", name) for name in (f"thread-{number}" for number in range(60))}
    assert own == {name: order(second, "cab", name) for name in own}
    assert set(Counter(names[0] for names in own.values())) == {"a", "b", "c"}


def test_a_conversation_goes_on_elsewhere_when_its_own_deployment_would_cost_a_wait_and_returns() -> None:
    pools = broker(a=(quota(1, 60.0, Clock.ROLLING),), b=(quota(1, 60.0, Clock.ROLLING),))
    own = next(name for name in (f"thread-{number}" for number in range(9)) if order(pools, "ab", name)[0] == "a")
    spend(pools, "a", 2)
    assert order(pools, "ab", own) == "ba"
    assert order(pools, "ab", own, now=NOW + 62) == "ab"


def test_a_deployment_that_goes_moves_only_its_own_conversations() -> None:
    whole, fewer = broker(a=(), b=(), c=()), broker(a=(), b=())
    for number in range(60):
        name = f"thread-{number}"
        assert order(whole, "abc", name).replace("c", "") == order(fewer, "ab", name)


def test_scores_are_spread_evenly() -> None:
    names = [f"key-{number}" for number in range(5)]
    best = Counter(max(names, key=lambda name: score(f"thread-{n}", name)) for n in range(1_000))
    assert all(120 < count < 280 for count in best.values()), best


def test_of_a_large_pool_a_conversation_looks_at_some_that_stay_the_same() -> None:
    names = tuple(f"key-{number:04}" for number in range(1_000))
    ring, without = Ring(names), Ring(names[1:])
    moved = sum(ring.candidates(f"t{n}")[0] != without.candidates(f"t{n}")[0] for n in range(300))
    assert len(ring.candidates("thread")) == 12
    assert len(set(ring.candidates("thread"))) == 12
    assert moved <= 10
    assert len({ring.candidates(f"t{n}")[0] for n in range(300)}) > 150
