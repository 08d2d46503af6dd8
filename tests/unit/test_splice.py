"""Joining a continued answer to what was delivered."""

from hypothesis import given
from hypothesis import strategies as st

from inference_service.routing.splice import SHORTEST_PREFIX, Splicer, looks_whole

WORDS = st.lists(
    st.sampled_from(["ice ", "moves ", "slowly, ", "Ёлки ", "🏔️ ", "down. ", "and ", "a ", "valley "]),
    min_size=8,
    max_size=80,
).map("".join)


def splice(prefix: str, pieces: list[str]) -> str:
    splicer = Splicer(prefix)
    return "".join(splicer.feed(piece) for piece in pieces) + splicer.flush()


def cut(text: str, sizes: list[int]) -> list[str]:
    pieces, at = [], 0
    for size in sizes:
        pieces.append(text[at : at + size])
        at += size
    return [*pieces, text[at:]]


@given(WORDS, st.integers(0, 100), st.lists(st.integers(1, 12), max_size=30))
def test_an_echoed_prefix_is_said_once_however_it_is_cut(text: str, share: int, sizes: list[int]) -> None:
    place = max(SHORTEST_PREFIX, len(text) * share // 100)
    prefix = text[:place]
    assert prefix + splice(prefix, cut(text, sizes)) == text


def test_an_overlap_is_trimmed() -> None:
    prefix = "The glacier moves because ice creeps over the ground"
    assert splice(prefix, ["over the ", "ground and slides."]) == " and slides."


def test_a_few_equal_letters_are_no_echo() -> None:
    assert splice("I was looking at the cat", ["tle on the hill."]) == "tle on the hill."


def test_a_plain_continuation_passes_untouched() -> None:
    assert splice("The glacier moves because", [" ice", " creeps."]) == " ice creeps."


@given(WORDS, st.lists(st.integers(1, 12), max_size=30))
def test_nothing_is_lost_of_a_text_that_shares_nothing(text: str, sizes: list[int]) -> None:
    prefix = "0123456789 ABCDEFGHIJ XYZ"
    assert splice(prefix, cut(text, sizes)) == text


def test_only_a_text_that_may_be_whole_needs_no_continuation() -> None:
    assert looks_whole("The glacier moves. ")
    assert looks_whole("```python\nx = 1\n```")
    assert not looks_whole("where the ground is we")
    assert not looks_whole("")


UNITS = st.sampled_from(["| --- ", "ha ", "0, ", "    return None\n", "<td></td>", "=", "la la li "])


@given(UNITS, st.integers(30, 99), st.lists(st.integers(1, 12), max_size=30))
def test_what_repeats_itself_is_no_overlap(unit: str, share: int, sizes: list[int]) -> None:
    """A table or a refrain goes on as it began."""
    whole = f"Here it is: {unit * 20}and that is all."
    place = len(whole) * share // 100
    prefix = whole[:place]
    assert prefix + splice(prefix, cut(whole[place:], sizes)) == whole
