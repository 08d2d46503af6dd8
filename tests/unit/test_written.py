"""The text that a caller has so far."""

from hypothesis import given
from hypothesis import strategies as st

from inference_service.routing.written import MOST_PIECES, Written


@given(st.lists(st.text(max_size=3), max_size=4 * MOST_PIECES))
def test_it_is_what_was_added_however_many_pieces_that_were(pieces: list[str]) -> None:
    written = Written()
    for number, piece in enumerate(pieces, 1):
        written.add(piece)
        assert written.length == len("".join(pieces[:number]))
    assert written.text() == "".join(pieces)


def test_what_is_cleared_begins_again() -> None:
    written = Written()
    for _ in range(MOST_PIECES + 1):
        written.add("ice ")
    written.clear()
    written.add("snow")
    assert (written.text(), written.length) == ("snow", 4)
