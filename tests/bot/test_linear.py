"""Twice the text costs twice the work, whatever it is made of: counted in steps, not in seconds."""

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from discord_bot.conversation.title import clean_title, file_name, shorten, thread_name
from discord_bot.features.chat.addressing import opening_mention, says_something, without_mention
from discord_bot.rendering import marks
from discord_bot.rendering.splitter import split
from discord_bot.rendering.view import Look, contents

PIECES = [
    "[", "](", "[a](", "!", "![", " ", "\t ", "\n", " \n", "`", "``", "```", "```\n", "~~~\n", "*", "**a", "_", "__", "||", "~~",
    "<", "<@", "<@1>", "<:a:", ">", "> ", "> ```\n", "#", "# ", "#### a\n", "|", "| a ", "|-|\n", "| a |\n|---|\n", "http://", "https://a ",
    "a", "я", "🦊", "👨‍👩‍👧", "🇩", "\u0301", "1. a\n", "- a\n", "a. ", "。", "\u200d",
]  # fmt: skip
RENDERERS: dict[str, Callable[[str], object]] = {
    "split": split,
    "whole": lambda text: contents(Look(text=text, live=False), "en"),
    "growing": lambda text: contents(Look(text=text), "en"),
}


def steps(work: Callable[[str], object], text: str) -> int:
    """Lines of Python that run. Searches in C look at each letter once; those of `marks` are counted below."""
    count = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work(text)
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("name", RENDERERS)
@pytest.mark.parametrize("piece", PIECES)
def test_twice_the_text_takes_twice_the_steps(name: str, piece: str) -> None:
    size = 8_000  # several messages long, so that each step of the splitter is among both
    small = steps(RENDERERS[name], (piece * size)[:size])
    large = steps(RENDERERS[name], (piece * size * 2)[: size * 2])
    assert large <= 2.6 * small + 500


class Looked(marks.Ahead):
    """Counts the letters that its searches pass."""

    passed = 0

    def of(self, needle: Any, place: int) -> int:
        known = self._seen.get(needle)
        found = super().of(needle, place)
        if self._seen.get(needle) != known:
            Looked.passed += min(found, len(self._text)) - place + 1
        return found


@pytest.mark.parametrize("piece", PIECES)
def test_no_stretch_is_searched_again_and_again(piece: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(marks, "Ahead", Looked)
    text = (piece * 20_000)[:20_000]
    Looked.passed = 0
    marks.solid(text)
    kinds = len(marks.EMPHASIS) + 7
    assert Looked.passed <= kinds * 2 * len(text)


@pytest.mark.parametrize("piece", PIECES)
def test_names_and_prompts_of_any_text_are_made_at_once(piece: str) -> None:
    # A search that looks at each stretch again would take hours here, and the test's own limit would end it.
    text = piece * (300_000 // len(piece))
    for work in (
        thread_name,
        clean_title,
        file_name,
        says_something,
        opening_mention,
        lambda one: shorten(one, 100),
        lambda one: without_mention(one, 5),
    ):
        work(text)
