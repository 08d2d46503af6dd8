"""Whether a deployment continues a text: what its answer to the probe shows, and how long that is kept."""

import pytest

from inference_service.domain import Capabilities
from inference_service.failures import FailureKind as K
from inference_service.failures import UpstreamFailure
from inference_service.routing.learned import Learned
from inference_service.routing.probing import Behaviour, judge, judge_failure

UNKNOWN = Capabilities(chat=True, unknown=frozenset({"prefill", "vision"}))


@pytest.mark.parametrize(
    ("text", "behaviour"),
    [
        ("five six seven eight nine ten", Behaviour.CONTINUES),
        (" Five\nsix", Behaviour.CONTINUES),
        ("five", Behaviour.CONTINUES),
        ("five, six, seven", Behaviour.CONTINUES),
        ("one two three four five six", Behaviour.ECHOES),
        ("One two three four five.", Behaviour.ECHOES),
        ("one two three four", Behaviour.ANEW),
        ("one two three", Behaviour.ANEW),
        ("Here you go: five six", Behaviour.ANEW),
        ("fiver", Behaviour.ANEW),
        ("six seven", Behaviour.ANEW),
        ("…five", Behaviour.ANEW),
        ("", Behaviour.ANEW),
    ],
)
def test_the_next_word_shows_how_a_model_goes_on(text: str, behaviour: Behaviour) -> None:
    assert judge(text) is behaviour


@pytest.mark.parametrize(
    ("kind", "status", "behaviour"),
    [
        (K.PREFILL_REFUSED, 400, Behaviour.REFUSES),
        (K.PREFILL_REFUSED, 500, Behaviour.REFUSES),
        (K.REFUSED, 400, Behaviour.REFUSES),
        (K.BAD_REQUEST, 422, Behaviour.REFUSES),
        (K.REFUSED, 424, None),
        (K.BAD_RESPONSE, 200, Behaviour.ANEW),
        (K.BAD_RESPONSE, 404, None),
        (K.RATE_LIMITED, 429, None),
        (K.UNAUTHENTICATED, 401, None),
        (K.FIELD_REFUSED, 400, None),
        (K.TIMEOUT, 0, None),
    ],
)
def test_a_failure_shows_something_only_where_it_is_about_the_question(
    kind: K, status: int, behaviour: Behaviour | None
) -> None:
    assert judge_failure(UpstreamFailure(kind, status=status)) is behaviour


def test_a_proof_decides_where_nothing_is_declared_and_outlives_a_reload() -> None:
    learned, asked = Learned(), []
    learned.on_unknown = asked.append
    assert not learned.continues("p/a", UNKNOWN)
    assert asked == ["p/a"]
    learned.proves("p/a", continues=True, echoes=True)
    learned.forget()
    assert learned.continues("p/a", UNKNOWN)
    assert learned.echoes("p/a") is True
    assert not learned.continues("p/b", UNKNOWN)
    known = learned.known("p/a", UNKNOWN)
    assert (known.prefill, known.unknown) == (True, {"vision"})
    assert learned.known("p/b", UNKNOWN) is UNKNOWN


def test_a_declaration_goes_before_every_proof_and_asks_nobody() -> None:
    learned, asked = Learned(), []
    learned.on_unknown = asked.append
    learned.proves("p/a", continues=True, echoes=True)
    learned.proves("p/b", continues=False, echoes=False)
    assert not learned.continues("p/a", Capabilities(chat=True))
    assert learned.continues("p/b", Capabilities(chat=True, prefill=True))
    assert asked == []
    assert learned.echoes("p/b") is None
    learned.continued("p/a", echoed=False)
    assert learned.echoes("p/a") is False  # what a real answer has shown is newer
    assert learned.known("p/b", UNKNOWN).prefill is False
