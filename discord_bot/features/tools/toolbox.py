"""The tools of one answer: offered tools, calls and results. Errors go back to the model as words."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import structlog

from antiphon import events
from discord_bot.features.tools.tool import BadArguments, Result, Source, Tool
from discord_bot.store.conversations import Conversation
from discord_bot.store.settings import Scope

log = structlog.get_logger(__name__)
MOST_CALLS = 8  # per answer
PATIENCE = 120.0  # seconds that an unanswered question waits
MOST_SOURCES = 8

DECLINED = "The person did not allow it. Go on without it, and do not ask for it again."
LATE = "The person did not answer, so it was not done. Say so in a few words."

Fill = Callable[[Conversation, Any, int, str, str, Scope], Awaitable["Toolbox | None"]]
"""The tools of one answer, by conversation, channel, person, language and model; None: it is words alone."""


async def no_tools(*_: Any) -> None:
    """No tools are offered."""


class Toolbox:
    """`note` shows a small line, `ask` a question with *Allow*; both return at once."""

    def __init__(self, tools: Sequence[Tool], locale: str, people: set[int] | None = None) -> None:
        self._tools = {tool.declaration.name: tool for tool in tools}
        self._locale, self._calls = locale, 0
        self.sources: list[Source] = []
        self.people: set[int] = people if people is not None else set()
        """Everybody whose words the model has read."""
        self._decision: asyncio.Future[bool] | None = None
        self.note: Callable[[str], None] = lambda _: None
        self.ask: Callable[[str], None] = lambda _: None

    @property
    def declarations(self) -> list[events.Tool]:
        return [tool.declaration for tool in self._tools.values()]

    def decide(self, *, allowed: bool) -> bool:
        """The person has pressed the button. False: no question is open."""
        if self._decision is None or self._decision.done():
            return False
        self._decision.set_result(allowed)
        return True

    async def run(self, call: events.ToolCall) -> events.ToolResult:
        """Raises only CancelledError."""
        self._calls += 1
        tool = self._tools.get(call.name)
        if tool is None:
            return _failed(call, "There is no such tool.")
        if self._calls > MOST_CALLS:
            return _failed(call, "Enough tools were used for this answer. Answer with what you know.")
        try:
            result = await self._run(tool, call)
        except (BadArguments, json.JSONDecodeError) as bad:
            return _failed(call, str(bad))
        except Exception as error:
            log.exception("a tool broke", tool=call.name, error=type(error).__name__)
            return _failed(call, "The tool failed.")
        self.people |= result.people
        self.sources += [source for source in result.sources if source not in self.sources]
        return events.ToolResult(call.id, result.text, result.failed)

    async def _run(self, tool: Tool, call: events.ToolCall) -> Result:
        arguments = call.parsed
        line, question = tool.line(arguments, self._locale), tool.question(arguments, self._locale)
        if question:
            allowed = await self._allowed(question)
            if not allowed:
                return Result(LATE if allowed is None else DECLINED, failed=True)
        self.note(line)
        return await tool.run(arguments)

    async def _allowed(self, question: str) -> bool | None:
        """None: nobody answered in time."""
        self._decision = asyncio.get_running_loop().create_future()
        self.ask(question)
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._decision
        except TimeoutError:
            return None
        finally:
            self.ask("")

    def sources_line(self, label: str) -> str:
        """Links to the sources, in one small line; empty if there are none."""
        links = [f"[{_plain(source.title)}](<{source.url}>)" for source in self.sources[:MOST_SOURCES]]
        while links and len(" · ".join(links)) > 900:
            links.pop()
        return f"-# {label}: {' · '.join(links)}" if links else ""


def _failed(call: events.ToolCall, text: str) -> events.ToolResult:
    return events.ToolResult(call.id, text, is_error=True)


def _plain(title: str) -> str:
    return "".join(character for character in title if character not in "[]()<>*_`~|\\")[:50].strip() or "…"
