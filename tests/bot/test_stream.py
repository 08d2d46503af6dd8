"""What a person sees of an answer in each of its states. Pure."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from discord_bot.rendering.splitter import DISCORD_LIMIT, units
from discord_bot.rendering.view import MOST_SEGMENTS, Look, contents


def one(look: Look, locale: str = "en") -> str:
    (text,) = contents(look, locale)
    return text


def test_before_any_text_the_state_is_shown_alone() -> None:
    assert one(Look(line="Thinking…")) == "-# Thinking…"


def test_with_nothing_to_say_there_is_still_a_message() -> None:
    assert one(Look()) == "▍"
    assert one(Look(text="  \n")) == "▍"


def test_a_growing_text_has_a_cursor_at_its_end() -> None:
    assert one(Look(text="The fox")) == "The fox ▍"


def test_the_cursor_is_below_code_that_is_closed_for_display() -> None:
    assert one(Look(text="```py\nx = 1")) == "```py\nx = 1\n```\n▍"


def test_the_cursor_is_never_inside_half_a_link() -> None:
    assert one(Look(text="See [the page](https://exam")) == "See ▍"


def test_an_ended_answer_has_its_footer_and_no_cursor() -> None:
    assert one(Look(text="The fox.", line="model · 2.1 s", live=False)) == "The fox.\n-# model · 2.1 s"


def test_an_error_is_shown_apart_below_the_text() -> None:
    look = Look(text="Half an", tail="The answer broke off.\n-# id 7F3K2", live=False)
    assert one(look) == "Half an\n\nThe answer broke off.\n-# id 7F3K2"


def test_notes_stand_small_and_on_one_line_each() -> None:
    assert one(Look(text="x", notes=["a\nb", ""], line="c", live=False)) == "x\n-# a b\n-# c"


def test_an_answer_that_is_far_too_long_ends_with_a_word_about_its_file() -> None:
    parts = contents(Look(text="word " * 8_000, live=False), "ru")
    assert len(parts) == MOST_SEGMENTS
    assert parts[-1].endswith("-# Полный ответ — в приложенном файле.")


texts = st.lists(
    st.sampled_from(
        ["word ", "\n\n", "```py\n", "```\n", "| a | b |\n", "|---|---|\n", "[l](http://e.org) ", "𝔘" * 99, "x" * 700]
    ),
    max_size=40,
).map("".join)


@settings(max_examples=200, deadline=None)
@given(texts, st.text(max_size=300), st.lists(st.text(max_size=200), max_size=8), st.text(max_size=90), st.booleans())
def test_no_state_gives_a_message_that_discord_refuses(
    text: str, tail: str, notes: list[str], line: str, live: bool
) -> None:
    for part in contents(Look(text, tail, line, notes, live), "en"):
        assert part.strip()
        assert units(part) <= DISCORD_LIMIT


@pytest.mark.parametrize("step", [1, 7, 150])
def test_a_full_message_stays_unchanged_while_the_answer_grows(step: int) -> None:
    text = "\n\n".join(f"Paragraph {number}: " + "the fox and the snow, " * 9 for number in range(30))[
        : 6_000 if step > 1 else 2_400
    ]
    whole = contents(Look(text=text, live=False), "en")
    for length in range(100, len(text), step):
        grown = contents(Look(text=text[:length]), "en")
        assert grown[:-1] == whole[: len(grown) - 1]
