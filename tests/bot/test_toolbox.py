"""The tools of one answer: every error goes back to the model as words, and nothing costly runs unasked."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import ValidationError

from antiphon import events
from antiphon.config.bot import McpServer
from discord_bot.features.tools.reminding import due_at
from discord_bot.features.tools.tool import BadArguments, Result, Source, text_of
from discord_bot.features.tools.toolbox import DECLINED, MOST_CALLS, Toolbox


class Bell:
    """Rings; costly where its question is not empty."""

    declaration = events.Tool("ring")

    def __init__(self, question: str = "") -> None:
        self._question, self.rung = question, 0

    def line(self, arguments: Mapping[str, Any], locale: str) -> str:
        return f"Rang {text_of(arguments, 'how')} in {locale}"

    def question(self, arguments: Mapping[str, Any], locale: str) -> str:
        return self._question

    async def run(self, arguments: Mapping[str, Any]) -> Result:
        if arguments["how"] == "broken":
            raise RuntimeError("a secret")
        self.rung += 1
        return Result("ding", [Source("Bell [1]", "https://bell.example")], frozenset({7}))


def call(name: str = "ring", arguments: str = '{"how": "twice"}') -> events.ToolCall:
    return events.ToolCall("c1", name, arguments)


async def test_a_tool_runs_and_is_seen_with_its_sources() -> None:
    box, lines = Toolbox([Bell()], "en"), list[str]()
    box.note = lines.append
    assert await box.run(call()) == events.ToolResult("c1", "ding", is_error=False)
    await box.run(call())
    assert lines == ["Rang twice in en"] * 2
    assert box.people == {7}
    assert box.sources_line("Sources") == "-# Sources: [Bell 1](<https://bell.example>)"
    assert Toolbox([], "en").sources_line("Sources") == ""


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (call("sing"), "no such tool"),
        (call(arguments="{}"), "how must be a text"),
        (call(arguments='{"how": 3}'), "how must be a text"),
        (call(arguments='{"how": "broken"}'), "The tool failed."),
        (call(arguments="{"), "Expecting"),
    ],
)
async def test_every_failure_is_reported_to_the_model_and_nothing_leaks(asked: events.ToolCall, words: str) -> None:
    result = await Toolbox([Bell()], "en").run(asked)
    assert result.is_error
    assert words in result.content
    assert "secret" not in result.content


async def test_an_answer_uses_a_bounded_number_of_tools() -> None:
    bell = Bell()
    box = Toolbox([bell], "en")
    results = [await box.run(call()) for _ in range(MOST_CALLS + 1)]
    assert bell.rung == MOST_CALLS
    assert [result.is_error for result in results] == [False] * MOST_CALLS + [True]


@pytest.mark.parametrize("allowed", [True, False])
async def test_costly_tools_wait_for_permission(allowed: bool) -> None:
    bell, questions, asked = Bell("May I?"), list[str](), asyncio.Event()
    box = Toolbox([bell], "en")

    def ask(question: str) -> None:
        questions.append(question)
        asked.set()

    box.ask = ask
    assert not box.decide(allowed=True), "nothing is asked yet"
    running = asyncio.create_task(box.run(call()))
    await asked.wait()
    assert bell.rung == 0
    assert box.decide(allowed=allowed)
    assert not box.decide(allowed=True), "a second press changes nothing"
    result = await running
    assert bell.rung == int(allowed)
    assert result.content == ("ding" if allowed else DECLINED)
    assert questions == ["May I?", ""]


@pytest.mark.parametrize(
    ("arguments", "due"),
    [
        ({"minutes_from_now": 2}, 1_120.0), ({"minutes_from_now": 0.5}, 1_030.0),
        ({"at": "1970-01-01T01:20:00+01:00"}, 1_200.0), ({"at": "1970-01-01T00:20:00Z"}, 1_200.0),
        ({"at": "1970-01-01T00:20:00"}, None), ({"at": "soon"}, None), ({"minutes_from_now": 0}, None),
        ({"minutes_from_now": True}, None), ({"minutes_from_now": 10**9}, None), ({"at": "1970-01-01T00:10:00Z"}, None), ({}, None),
    ],
)  # fmt: skip
def test_a_reminders_time_is_never_guessed(arguments: dict[str, Any], due: float | None) -> None:
    if due is not None:
        assert due_at(arguments, 1_000.0) == due
        return
    with pytest.raises(BadArguments):
        due_at(arguments, 1_000.0)


def test_an_mcp_server_is_a_program_or_an_address() -> None:
    assert McpServer(command=["library"]).url == ""
    for wrong in ({}, {"command": ["x"], "url": "https://x.example"}):
        with pytest.raises(ValidationError, match="either `command` or `url`"):
            McpServer.model_validate(wrong)
