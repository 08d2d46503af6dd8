"""What a request will probably read."""

import io
import wave
from typing import Any

import msgspec
import pytest

from inference_service.domain import AudioPart, ChatRequest, ImagePart, Message, Part, Role, TextPart
from inference_service.routing.tokens import PER_IMAGE, PER_SECOND, estimate_prompt, estimate_texts
from inference_service.tools import Tool, ToolCall, ToolResult

PICTURE = ImagePart("image/png", b"")
UNREADABLE = AudioPart("audio/wav", b"no recording")


def asked(*messages: tuple[Part, ...], **more: Any) -> int:
    return estimate_prompt(ChatRequest("id", "chat", tuple(Message(Role.USER, parts) for parts in messages), **more))


def recording(seconds: int) -> AudioPart:
    """Silence that lasts so long."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(100)
        file.writeframes(bytes(100 * seconds))
    return AudioPart("audio/wav", out.getvalue())


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


@pytest.mark.parametrize(
    ("parts", "tokens"),
    [
        ((recording(10),), 320),
        ((recording(10), recording(5)), 480),
        ((TextPart("x" * 400), recording(1)), 132),
        ((recording(1), PICTURE), 832),
        ((UNREADABLE,), 0),  # nobody knows how long it lasts
        ((UNREADABLE, recording(1)), 32),
    ],
)
def test_a_recording_counts_by_its_seconds(parts: tuple[Part, ...], tokens: int) -> None:
    assert asked(parts) == tokens
    assert asked((), parts) == tokens
    assert PER_SECOND == 32


def test_tool_calls_and_their_results_are_read_too() -> None:
    call = ToolCall("id", "n" * 40, '{"a":"' + "x" * 352 + '"}')
    assert asked((call,)) == 100
    assert asked((call, ToolResult("id", "x" * 80))) == 120
    assert asked((ToolResult("id", "x" * 80), ToolResult("id", "x" * 80))) == 40
    assert asked((TextPart("x" * 40), call, ToolResult("id", "x" * 80))) == 130


def test_the_tools_that_are_offered_are_read_as_they_are_written() -> None:
    tools = (Tool("look_up", "x" * 100), Tool("add", "y" * 300))
    assert asked((TextPart("x" * 400),), tools=tools) == round((400 + len(msgspec.json.encode(tools))) / 4)


def test_the_callers_own_beginning_is_counted_as_read() -> None:
    assert asked((TextPart("x" * 400),), partial="x" * 40) == 110


@pytest.mark.parametrize(
    ("texts", "tokens"),
    [([], 0), (["x" * 400], 100), (["x" * 400, "ж" * 400, ""], 300), (["x" * 2_000 + "ж" * 18_000], 5_000)],
)
def test_each_text_to_be_embedded_counts_by_its_own_script(texts: list[str], tokens: int) -> None:
    assert estimate_texts(texts) == tokens
