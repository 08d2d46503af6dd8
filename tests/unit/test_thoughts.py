"""Reasoning reaches the caller once, also where an attempt fails and another one thinks the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_service.domain import Delta, Reasoning, Retract
from inference_service.failures import FailureKind
from inference_service.routing.answer.thoughts import Thoughts
from tests.support.answers import BEGUN, PREFILLS, REST, STOP, A, B, Caller, fails

WORDS = st.lists(st.text("ab ", max_size=4), max_size=6)


def shown(*attempts: list[str]) -> str:
    """What a caller sees of several attempts, each of which thinks in pieces."""
    thoughts = Thoughts()
    seen = ""
    for pieces in attempts:
        thoughts.begin()
        seen += "".join(map(thoughts.feed, pieces))
    return seen


def reasoning(caller: Caller) -> str:
    return "".join(event.text for event in caller.seen if isinstance(event, Reasoning))


@given(WORDS, st.lists(st.integers(1, 4), max_size=8))
def test_thoughts_that_are_thought_again_are_shown_once_however_they_are_cut(
    pieces: list[str], sizes: list[int]
) -> None:
    whole = "".join(pieces)
    cuts, rest = [], whole
    for size in sizes:
        cuts.append(rest[:size])
        rest = rest[size:]
    assert shown(pieces, [*cuts, rest]) == whole


@given(WORDS, st.text("cd", min_size=1, max_size=5))
def test_behind_thoughts_that_are_thought_again_everything_new_is_shown(pieces: list[str], news: str) -> None:
    assert shown(pieces, [*pieces, news]) == "".join(pieces) + news


@given(st.text("abc", min_size=1, max_size=9), st.text("xyz", min_size=1, max_size=9))
def test_other_thoughts_are_shown_whole(first: str, second: str) -> None:
    assert shown([first], list(second)) == first + second


def test_thoughts_that_only_begin_alike_are_shown_whole() -> None:
    assert shown(["let me see"], ["let ", "me ", "think"]) == "let me seelet me think"


@pytest.mark.parametrize("between", [[], ["let ", "me"]])
def test_an_attempt_that_got_less_far_does_not_make_the_next_one_repeat_them(between: list[str]) -> None:
    assert shown(["let me see"], between, ["let me see", ": ice"]) == "let me see: ice"


def test_a_deployment_that_is_asked_twice_shows_its_thoughts_once() -> None:
    caller = Caller()
    opening = caller.says(A, Reasoning("let me "), Reasoning("see"))
    assert fails(caller, opening) is FailureKind.BAD_RESPONSE
    caller.says(A, Reasoning("let me see"), "Ice.", STOP, reason="bad_response")
    assert reasoning(caller) == "let me see"
    assert caller.text == "Ice."


def test_thoughts_that_looked_like_the_answer_are_shown_once_too() -> None:
    caller = Caller()
    opening = caller.says(A, "Let me think.", Retract())
    fails(caller, opening)
    caller.says(B, "Let me think.", Retract(), "Ice.", STOP, reason="bad_response")
    assert reasoning(caller) == "Let me think."
    assert caller.text == "Ice."
    caller.checks_out()


def test_the_reasoning_of_a_continuation_is_shown() -> None:
    caller = Caller()
    caller.says(A, Reasoning("ice first"), BEGUN)
    caller.says(PREFILLS, Reasoning("now the rest"), REST, STOP, reason="stalled")
    assert reasoning(caller) == "ice firstnow the rest"
    assert caller.text == BEGUN + REST


def test_words_are_never_taken_for_thoughts() -> None:
    caller = Caller()
    opening = caller.says(A, Reasoning("Ice."))
    fails(caller, opening)
    caller.says(B, "Ice.", STOP, reason="bad_response")
    assert caller.seen[-1] == Delta("Ice.")
