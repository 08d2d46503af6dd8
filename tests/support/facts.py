"""The facts of a request as tests of the next step write them down."""

from inference_service.credentials.types import Denied, Why
from inference_service.failures import FailureKind, UpstreamFailure
from inference_service.routing import decide
from inference_service.routing.decide import Candidate, Facts, Fail

NONE = frozenset[str]()


def facts(*names: str, attempts: int = 8, deadline: float = 100.0, short_wait: float = 2.0) -> Facts:
    return Facts([Candidate(name) for name in names], deadline, attempts, short_wait)


def failed(about: Facts, name: str, kind: FailureKind, now: float = 0.0, **more: object) -> None:
    began = bool(more.pop("began", False))
    wanted = more.pop("wanted", NONE)
    assert isinstance(wanted, frozenset)
    mended = bool(more.pop("mended", False))
    failure = UpstreamFailure(kind, "words", **more)  # type: ignore[arg-type]
    failure.mended = mended
    decide.learn_failure(about, name, failure, now, began=began, wanted=wanted, spread=0.0)


def denied(about: Facts, name: str, why: Why = Why.RESTING, wait: float | None = None, **more: object) -> None:
    decide.learn_denial(about, name, Denied(why, wait, **more), 0.0)  # type: ignore[arg-type]


def fail_of(about: Facts, now: float = 0.0) -> Fail:
    step = decide.next_step(about, now)
    assert isinstance(step, Fail), step
    return step
