"""Joining what the next deployment says to what the caller has."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_service.routing.answer.splice import (
    LONGEST_OVERLAP,
    SHORTEST_IDEOGRAPHS,
    SHORTEST_PREFIX,
    AfterGiven,
    AfterInstruction,
    AfterPrefill,
    Boundary,
    Fresh,
    Restart,
    common_prefix,
    looks_whole,
)
from tests.support.texts import TEXTS

CHUNKS = (1, 3, 1_000)


def said(joint: Fresh | AfterPrefill | AfterInstruction | AfterGiven | Restart, text: str, size: int) -> str:
    """What comes out when the text arrives in pieces of this size."""
    pieces = [joint.feed(text[start : start + size]) for start in range(0, len(text), size)]
    return "".join(pieces) + joint.finish()


# --- after prefill: only an echo of the whole prefix is an echo ----------------------------------


@pytest.mark.parametrize("size", CHUNKS)
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_whatever_is_cut_wherever_an_exact_continuation_joins_exactly(text: str, size: int) -> None:
    for place in range(1, len(text)):
        prefix, rest = text[:place], text[place:]
        assert prefix + said(AfterPrefill(prefix, echoes=False), rest, size) == text
        if not rest.startswith(prefix):  # a text that says its beginning twice, from a deployment nobody knows yet
            assert prefix + said(AfterPrefill(prefix, echoes=None), rest, size) == text


@pytest.mark.parametrize("size", CHUNKS)
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_an_echo_of_the_whole_prefix_is_taken_away(text: str, size: int) -> None:
    for place in range(1, len(text)):
        prefix = text[:place]
        for echoes in (True, None):
            joint = AfterPrefill(prefix, echoes=echoes)
            assert prefix + said(joint, text, size) == text
            assert joint.echoed is True


def test_a_part_of_the_prefix_is_no_echo() -> None:
    joint = AfterPrefill("Ring the bell. Ring", echoes=None)
    assert said(joint, "Ring the ", 4) == "Ring the "
    joint = AfterPrefill("one two three", echoes=None)
    assert said(joint, "three four", 4) == "three four"
    assert joint.echoed is False


def test_text_held_back_as_a_possible_echo_was_not_sent() -> None:
    joint = AfterPrefill("one two three", echoes=None)
    assert joint.feed("one two") == ""
    assert joint.feed(" th") == ""
    assert joint.feed("ough") == "one two though"


# --- after an instruction: whole words, joined at a boundary -------------------------------------

PLAIN = (
    "The ice creeps over the ground because calm water freezes first, and nobody hears it.",
    "First line of a poem\nSecond line of the same\n\nA new stanza begins here\nand ends there.",
    "def add(a, b):\n    total = a + b\n    return total\n\nprint(add(1, 2))\n",
    "- milk\n- bread\n  - rye\n  - wheat\n- honey from the market",
    "Шёл снег, и никто не слышал, как тихо замерзает вода у берега.",
    "He said: “Wait!” Then he left; she stayed (for an hour) and wrote: done.",
    "Step 1. Open the door. Step 2. Close it. Step 3. Breathe deeply and count to ten.",
    "x = 1; y = 2; z = 3. Therefore x + y = z, as the table below shows for all values.",
)


def ways(kept: str, rest: str) -> dict[str, str]:
    """How models go on when they are asked to; `rest` begins with the white space that the text has there."""
    words = re.findall(r"\S+", kept)
    tail = re.search(r"(?:\S+\s+){0,2}\S+\Z", kept)
    line = kept.rsplit("\n", 1)[-1].lstrip()
    return {
        "exactly": rest,
        "without the space": rest.lstrip(),
        "with one space": " " + rest.lstrip(),
        "the last word again": words[-1] + rest,
        "the last three words again": (tail.group() if tail else "") + rest,
        "the last line again": (line or words[-1]) + rest,
        "the whole text again": kept + rest,
        "the last words on a new line": "\n" + line + rest if line == kept.lstrip() else words[-1] + rest,
    }


@pytest.mark.parametrize("size", CHUNKS)
@pytest.mark.parametrize("text", PLAIN)
def test_eight_ways_of_going_on_join_exactly(text: str, size: int) -> None:
    """Cut at the end of any word, and inside of every word that has an inside."""
    words = [match for match in re.finditer(r"\S+", text) if match.start() > 8]
    for place in (place for word in words for place in {word.end(), max(word.start() + 1, word.end() - 1)}):
        boundary = Boundary(text[:place])
        rest = text[len(boundary.kept) :]
        for way, words in ways(boundary.kept, rest).items():
            joined = boundary.kept + said(AfterInstruction(boundary), words, size)
            assert joined == text, (way, boundary.kept[-20:], words[:20])


def test_a_text_that_says_things_twice_may_say_them_again() -> None:
    boundary = Boundary("ha ha ha")
    assert boundary.kept + said(AfterInstruction(boundary), "ha ha!", 2) == "ha ha ha ha!"
    boundary = Boundary("1,ann\n1,ann\n2,ben\n2,b")
    assert boundary.kept + said(AfterInstruction(boundary), "2,ben\n3,cleo", 3) == "1,ann\n1,ann\n2,ben\n2,ben\n3,cleo"


def test_marks_that_begin_a_row_are_no_repetition() -> None:
    boundary = Boundary("| a | b |\n| 1 | 2 |\n| 3")
    assert boundary.kept + said(AfterInstruction(boundary), "\n| 3 | 4 |", 3) == "| a | b |\n| 1 | 2 |\n| 3 | 4 |"


def test_closing_brackets_follow_each_other() -> None:
    boundary = Boundary("if a {\n    if b {\n        run();\n    }\n}")
    assert boundary.kept.endswith("    }")
    assert boundary.kept + said(AfterInstruction(boundary), "\n}", 1) == "if a {\n    if b {\n        run();\n    }\n}"


def test_several_closing_brackets_are_no_repetition_of_those_before_them() -> None:
    text = "a {\n  b {\n    c {\n      d {\n      }\n    }\n  }\n}"
    boundary = Boundary(text[: text.index("\n  }\n}")])
    # The bracket that the text ends with is taken back; the next one closes the same block.
    assert boundary.kept + said(AfterInstruction(boundary), text[len(boundary.kept) :], 3) == text
    boundary = Boundary(text[: text.index("\n}")] + "\n")
    assert boundary.kept + said(AfterInstruction(boundary), "}", 1) == text
    boundary = Boundary("a {\n  b {\n    c {\n      d {\n      }\n    }\n")
    assert boundary.kept + said(AfterInstruction(boundary), "\n  }\n}", 3) == text


def test_an_echo_of_the_whole_text_is_taken_away_although_its_lines_repeat_themselves() -> None:
    boundary = Boundary("1,ann\n1,ann\n2,b")
    assert boundary.kept + said(AfterInstruction(boundary), "1,ann\n1,ann\n2,ben", 3) == "1,ann\n1,ann\n2,ben"


def test_an_echo_of_a_text_longer_than_any_repetition_is_taken_away() -> None:
    text = " ".join(f"word{number}" for number in range(LONGEST_OVERLAP + 100))
    boundary = Boundary(text + " an")
    assert boundary.kept + said(AfterInstruction(boundary), text + " and so on", 50) == text + " and so on"


def test_an_echo_of_the_whole_text_and_nothing_else_adds_nothing() -> None:
    boundary = Boundary("One two thr")
    assert said(AfterInstruction(boundary), "One two", 3) == ""


def test_ideographs_are_joined_without_a_space_and_not_taken_back() -> None:
    boundary = Boundary("氷河はゆっくりと動")
    assert (boundary.kept, boundary.word) == ("氷河はゆっくりと動", "")
    assert said(AfterInstruction(boundary), "く。", 1) == "く。"
    assert said(AfterInstruction(boundary), "ゆっくりと動く。", 1) == "く。"


def test_a_continuation_without_a_word_gives_back_what_was_taken() -> None:
    boundary = Boundary("It is done.")
    joint = AfterInstruction(boundary)
    assert said(joint, " \n", 1) == ""
    assert boundary.kept + joint.restore() == "It is done."


def test_a_link_is_not_taken_back() -> None:
    link = "https://example.org/" + "x" * 300
    assert Boundary(f"see {link}").kept == f"see {link}"


@given(st.text(min_size=1, max_size=60))
def test_a_boundary_loses_nothing(text: str) -> None:
    boundary = Boundary(text)
    assert boundary.kept + boundary.separator + boundary.word == text
    assert boundary.kept == boundary.kept.rstrip() or not boundary.word


# --- what the caller itself has begun: nothing of it can be taken back ---------------------------


@pytest.mark.parametrize("size", CHUNKS)
@pytest.mark.parametrize(
    ("given", "answer", "rest"),
    [
        ("The ice cre", "eps down", "eps down"),
        ("The ice cre", "creeps down", "eps down"),  # the unfinished word again
        ("The ice cre", " creeps down", "eps down"),
        ("The ice cre", "The ice creeps down", "eps down"),  # all of it again
        ("The ice cre", "\n The ice creeps down", "eps down"),
        ("The ice", " creeps", " creeps"),
        ("The ice ", "creeps", "creeps"),
        ("The ice ", "The ice creeps", "creeps"),
        ("The ice ", "ice creeps", "ice creeps"),  # behind white space no word is unfinished
        ("The ice cre", "The icy road", "The icy road"),  # only its beginning is alike
        ("The ice cre", "cr", "cr"),  # less than the word
        ("The ice cre", "The ice", "The ice"),
        ("The ice cre", "cre", ""),
        ("The ice cre", " ", " "),
        ("水が凍", "凍る", "凍る"),  # an ideograph is no unfinished word
    ],
)
def test_a_repeated_beginning_is_dropped(given: str, answer: str, rest: str, size: int) -> None:
    assert said(AfterGiven(given), answer, size) == rest


def test_words_behind_a_beginning_leave_as_soon_as_they_cannot_repeat_it() -> None:
    joint = AfterGiven("The ice cre")
    assert [joint.feed(text) for text in ("cr", "e", "eps", " cre")] == ["", "", "eps", " cre"]
    assert joint.finish() == ""


def test_words_that_were_held_back_behind_a_beginning_leave_once() -> None:
    joint = AfterGiven("The ice cre")
    assert joint.feed("cr") == ""
    assert (joint.finish(), joint.finish()) == ("cr", "")
    assert joint.feed("cre") == "cre"


# --- a restart keeps what both texts have in common ----------------------------------------------


@given(st.text(max_size=30), st.text(max_size=30), st.text(max_size=30), st.integers(1, 7))
def test_a_restarted_answer_is_the_new_text(common: str, former: str, new: str, size: int) -> None:
    old, text = common + former, common + new
    joint = Restart(old)
    rest = said(joint, text, size)
    assert joint.keep is not None
    assert old[: joint.keep] + rest == text
    assert joint.keep >= len(common)


def test_nothing_leaves_while_the_restart_says_the_same() -> None:
    joint = Restart("one two")
    assert (joint.feed("one "), joint.keep) == ("", None)
    assert (joint.feed("too"), joint.keep) == ("oo", 5)


@given(st.text(max_size=20), st.text(max_size=20))
def test_the_common_prefix_is_common_and_the_longest(first: str, second: str) -> None:
    size = common_prefix(first, second)
    assert first[:size] == second[:size]
    assert first[size : size + 1] != second[size : size + 1] or size == min(len(first), len(second))


@pytest.mark.parametrize(
    ("text", "whole"),
    [("It is.", True), ("```", True), ("It is. \n", True), ("because", False), ("one,", False), ("", False)],
)
def test_a_text_looks_whole_by_its_last_sign(text: str, whole: bool) -> None:
    assert looks_whole(text) is whole


# --- the rules one by one ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said", "joined"),
    [
        # the text ends with white space: the larger of both leads wins
        ("One. ", "Two", "One. Two"),
        ("One. ", " Two", "One. Two"),
        ("One. ", "  Two", "One.  Two"),
        ("One. ", "\nTwo", "One.\nTwo"),
        ("One.\t", " Two", "One.\tTwo"),
        ("One.\n", "Two", "One.\nTwo"),
        ("One.\n", "\nTwo", "One.\nTwo"),
        ("One.\n", "\n\nTwo", "One.\n\nTwo"),
        ("One.\n\n", " Two", "One.\n\n Two"),
        ("One.\n", "    two", "One.\n    two"),
        ("one:\n  ", "    two", "one:\n    two"),
        ("one:\n  ", "\ttwo", "one:\n\ttwo"),
        ("one:\n  ", "\n\ttwo", "one:\n\ttwo"),
        ("One.\n\n", "\nTwo", "One.\n\nTwo"),
        # it ends with a word, which is taken back with what stood before it
        ("One Tw", "Two", "One Two"),
        ("One Tw", "\nTwo", "One Two"),
        ("One\n  Tw", " Two", "One\n  Two"),
        # it ends with a character that needs no white space behind it
        ("水が", "凍る", "水が凍る"),
        ("水が", " 凍る", "水が凍る"),
        ("水が", "\n凍る", "水が\n凍る"),
        # or with a run that is too long to be taken back
        ("x" * 201, " Two", "x" * 201 + " Two"),
        ("x" * 201, "Two", "x" * 201 + "Two"),
        ("x水" + "y" * 250, " Two", "x水" + "y" * 250 + " Two"),
        ("", " Two", "Two"),
    ],
)
def test_the_continuation_joins_with_the_right_white_space(text: str, said: str, joined: str) -> None:
    boundary = Boundary(text)
    assert boundary.kept + boundary.join(said) == joined


@pytest.mark.parametrize(("length", "taken_back"), [(200, True), (201, False)])
def test_a_run_longer_than_two_hundred_characters_is_no_word(length: int, taken_back: bool) -> None:
    boundary = Boundary("see " + "x" * length)
    assert (boundary.kept == "see") is taken_back
    assert boundary.kept + boundary.separator + boundary.word == "see " + "x" * length


@pytest.mark.parametrize(
    "ending", [".", "!", "?", "…", "。", "！", "？", ":", ";", "```", ")", "]", "}", "»", "”", '"', "*", "|", ">"]
)
def test_a_text_with_such_an_end_looks_whole(ending: str) -> None:
    assert looks_whole(f"words{ending}")
    assert looks_whole(f"words{ending} \n")


@pytest.mark.parametrize("text", ["", "words", "words,", "words -", "x = 1", "``"])
def test_a_text_with_another_end_does_not_look_whole(text: str) -> None:
    assert not looks_whole(text)


def test_a_fresh_answer_is_delivered_as_it_comes() -> None:
    assert Fresh().feed("words") == "words"
    assert Fresh().finish() == ""


@pytest.mark.parametrize(("said", "repeats"), [("水がとて凍る", False), ("水がとて凍る", True)])
def test_four_ideographs_are_a_repetition_and_three_may_be_chance(said: str, repeats: bool) -> None:
    kept = "静かな朝、" + said[:-2]
    tail = said[:-2] if repeats else said[1:-2]
    assert said_after(kept, tail + "凍る") == ("凍る" if repeats else tail + "凍る")


def test_words_of_two_scripts_are_a_repetition_however_short() -> None:
    assert said_after("静かな model 水", "model 水凍る") == "凍る"


def test_an_echo_of_the_whole_text_is_one_although_the_text_repeats_itself() -> None:
    assert said_after("ha ha h", "ha ha ho") == " ho"


def test_the_bounds_of_what_is_looked_for() -> None:
    assert (SHORTEST_PREFIX, LONGEST_OVERLAP, SHORTEST_IDEOGRAPHS) == (16, 400, 4)


def said_after(kept: str, text: str) -> str:
    return said(AfterInstruction(Boundary(kept)), text, 3)


def test_after_a_retraction_the_joint_begins_anew() -> None:
    joint = AfterInstruction(Boundary("The ice creeps over the gr"))
    joint.feed("something else entirely")
    again = joint.again()
    assert again.feed("over the ground and ") == " ground and "
    assert joint.finish() == ""


def test_after_the_end_nothing_is_said_again() -> None:
    joint = AfterInstruction(Boundary("One two thr"))
    joint.feed("two")
    first = joint.finish()
    assert (first, joint.finish()) == ("", "")
    restart = Restart("One two")
    restart.feed("One")
    assert (restart.finish(), restart.keep, restart.finish()) == ("", 3, "")


def test_a_restart_that_says_the_whole_text_decides_with_its_last_character() -> None:
    restart = Restart("One")
    assert (restart.feed("On"), restart.keep) == ("", None)
    assert (restart.feed("e"), restart.keep) == ("", 3)
    assert restart.feed(" two") == " two"


def test_an_echo_is_decided_with_its_last_character() -> None:
    joint = AfterPrefill("One two", echoes=None)
    assert (joint.feed("One tw"), joint.echoed) == ("", None)
    assert (joint.feed("o"), joint.echoed) == ("", True)
    assert joint.feed("One two") == "One two"


def test_text_held_back_at_the_end_comes_out_once() -> None:
    joint = AfterInstruction(Boundary("One two thr"))
    assert joint.feed("tw") == ""  # it may become "two"
    assert (joint.finish(), joint.finish()) == (" tw", "")
