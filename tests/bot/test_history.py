"""What of a conversation is sent to the model, and what names things get. Pure."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon.events import Image, Message, Text
from discord_bot.conversation.history import build, tokens
from discord_bot.conversation.title import LONGEST, clean_title, file_name, shorten, thread_name
from discord_bot.store.turns import Attached, Part, State, Turn


def turn(number: int, question: str, answer: str = "", asker: int = 1) -> Turn:
    return Turn(number, 1, asker, State.DONE, "en", 1, [Part(asker, f"P{asker}", question)], answer=answer)


def told(messages: Sequence[Message]) -> list[tuple[str, str]]:
    return [
        (message.role, "".join(part.text for part in message.parts if isinstance(part, Text))) for message in messages
    ]


def test_the_persona_comes_first_then_the_turns_in_their_order() -> None:
    made = build("Be kind.", [turn(1, "a?", "A."), turn(2, "b?", "B."), turn(3, "c?")], 8_000)
    assert told(made.messages) == [
        ("system", "Be kind."), ("user", "a?"), ("assistant", "A."), ("user", "b?"), ("assistant", "B."), ("user", "c?"),
    ]  # fmt: skip
    assert made.left_out == 0


def test_turns_that_do_not_fit_go_oldest_first_and_the_persona_stays() -> None:
    turns = [turn(number, "word " * 200, "word " * 200) for number in range(10)] + [turn(10, "last?")]
    made = build("Be kind.", turns, 2_000)
    assert told(made.messages)[0] == ("system", "Be kind.")
    assert told(made.messages)[-1] == ("user", "last?")
    assert 0 < made.left_out < 10
    assert len(made.messages) == 2 + 2 * (10 - made.left_out)


def test_the_question_itself_is_always_sent() -> None:
    made = build("", [turn(1, "before", "answer"), turn(2, "word " * 5_000)], 500)
    assert [role for role, _ in told(made.messages)] == ["user"]
    assert made.left_out == 1


def test_an_answer_that_is_to_be_replaced_is_not_sent() -> None:
    made = build("", [turn(1, "a?", "A."), turn(2, "b?", "the former answer")], 8_000)
    assert told(made.messages)[-1] == ("user", "b?")


def test_pictures_go_with_their_question_and_cost_room() -> None:
    picture = Attached(1, "image/png", b"data")
    look = turn(1, "look")
    look.images = [picture]
    made = build("", [look, turn(2, "and?")], 8_000)
    assert Image("image/png", b"data") in made.messages[0].parts
    look.images = [picture] * 9
    assert build("", [look, turn(2, "and?")], 4_000).left_out == 1


def test_names_are_given_where_several_people_write() -> None:
    made = build("", [turn(1, "a?", "A.", asker=1), turn(2, "b?", asker=2)], 8_000)
    assert told(made.messages)[0] == ("user", "P1: a?")
    assert told(made.messages)[-1] == ("user", "P2: b?")


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.text(max_size=400), st.text(max_size=400)), min_size=1, max_size=12), st.integers(500, 4_000)
)
def test_the_estimate_never_exceeds_the_context_but_for_the_question(
    pairs: list[tuple[str, str]], context: int
) -> None:
    turns = [turn(number, *pair) for number, pair in enumerate(pairs)]
    made = build("persona", turns, context)
    spent = sum(tokens(text) for _, text in told(made.messages))
    assert spent <= context or len(made.messages) == 2
    assert made.left_out + sum(role == "user" for role, _ in told(made.messages)) == len(turns)


def test_letters_outside_latin_cost_more() -> None:
    assert tokens("лиса" * 100) > tokens("foxx" * 100)


@pytest.mark.parametrize(
    ("question", "name"),
    [
        ("How do **glaciers** move?", "How do glaciers move?"),
        ("<@123456> what is `x`?\nand more", "what is x ? and more"),
        ("https://example.org/very/long", "Antiphon"),
        ("\u200b\u200b", "Antiphon"),
        ("\u202egnp.exe\u202c", "gnp.exe"),
        ("", "Antiphon"),
        ("👩‍🚀 in space", "👩‍🚀 in space"),
    ],
)
def test_a_thread_is_named_after_its_question(question: str, name: str) -> None:
    assert thread_name(question) == name


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=300))
def test_any_question_gives_a_name_that_discord_takes(question: str) -> None:
    name = thread_name(question)
    assert 1 <= len(name) <= LONGEST + 1
    assert name == name.strip()
    assert "\n" not in name


def test_a_long_name_ends_at_a_word() -> None:
    assert thread_name("why does the fox " * 10) == "why does the fox why does the fox why does the fox why does…"


@pytest.mark.parametrize(
    ("said", "title"),
    [('"Foxes in snow."\nBecause…', "Foxes in snow"), ("", ""), ("word " * 13, ""), ("**Лисы** зимой", "Лисы зимой")],
)
def test_only_a_title_is_taken_for_one(said: str, title: str) -> None:
    assert clean_title(said) == title


def test_shortened_text_is_one_line_that_fits() -> None:
    assert shorten("a\nb   c", 10) == "a b c"
    assert shorten("a long sentence", 8) == "a long…"


@pytest.mark.parametrize(
    ("name", "clean"),
    [("../../x", "x"), ("..\\..\\x.py", "x.py"), ("", "file"), ("a\nb.txt", "a b.txt"), ("..", "file")],
)
def test_a_file_name_is_no_path(name: str, clean: str) -> None:
    assert file_name(name) == clean
