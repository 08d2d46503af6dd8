"""What a request will probably read."""

import pytest

from inference_service.domain import ChatRequest, ImagePart, Message, Part, Role, TextPart
from inference_service.routing.tokens import PER_IMAGE, estimate_prompt

PICTURE = ImagePart("image/png", b"")


def asked(*messages: tuple[Part, ...]) -> int:
    return estimate_prompt(ChatRequest("id", "chat", tuple(Message(Role.USER, parts) for parts in messages)))


@pytest.mark.parametrize(
    ("messages", "tokens"),
    [
        ([], 0),
        ([(TextPart(""),)], 0),
        ([(TextPart("x" * 400),)], 100),
        ([(TextPart("x" * 200), TextPart("x" * 200)), (TextPart("x" * 400),)], 200),
        ([(PICTURE,)], PER_IMAGE),
        ([(TextPart("x" * 40), PICTURE, PICTURE), (PICTURE,)], 10 + 3 * PER_IMAGE),
        ([(TextPart("x" * 400),), (TextPart("ж" * 400),)], 400),  # the script of the last message counts
        ([(TextPart("ж" * 400),), (TextPart("x" * 400),)], 200),
    ],
)
def test_the_prompt_is_its_words_and_its_pictures(messages: list[tuple[Part, ...]], tokens: int) -> None:
    assert asked(*messages) == tokens


def test_the_script_shows_in_the_first_two_thousand_characters() -> None:
    assert asked((TextPart("x" * 2_000 + "ж" * 18_000),)) == 5_000
    assert asked((TextPart("x" * 1_998 + "ж" * 4),)) == 501


def test_a_picture_is_about_eight_hundred_tokens() -> None:
    assert PER_IMAGE == 800
