"""A tool of an MCP server, as the bot offers it to a model."""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from mcp import types

from antiphon.events import Tool as Declaration
from discord_bot.features.image.card import quoted
from discord_bot.features.tools.servers import ToolServer
from discord_bot.features.tools.tool import LONGEST_RESULT, Result
from discord_bot.i18n import t

LONGEST_NAME, LONGEST_DESCRIPTION = 64, 1_000


class ForeignTool:
    def __init__(self, server: ToolServer, tool: types.Tool) -> None:
        self._server, self._tool = server, tool
        self.declaration = Declaration(
            offered_name(server.name, tool.name), (tool.description or "")[:LONGEST_DESCRIPTION], tool.inputSchema
        )

    def line(self, arguments: Mapping[str, Any], locale: str) -> str:  # noqa: ARG002 - arguments may be private
        return t(locale, "tool-foreign", tool=self._title, server=self._server.name)

    def question(self, arguments: Mapping[str, Any], locale: str) -> str:
        if not self._server.needs_allowing(self._tool):
            return ""
        shown = quoted(json.dumps(arguments, ensure_ascii=False)) if arguments else "–"
        return t(locale, "allow-foreign", tool=self._title, server=self._server.name, what=shown)

    @property
    def _title(self) -> str:
        return quoted(self._tool.title or self._tool.name)

    async def run(self, arguments: Mapping[str, Any]) -> Result:
        text, failed = await self._server.call(self._tool.name, arguments)
        return Result(text[:LONGEST_RESULT], failed=failed)


class ForeignServer(ToolServer):
    """A server with its tools in the shape of the bot's own."""

    @property
    def offered(self) -> list[ForeignTool]:
        return [ForeignTool(self, tool) for tool in self.tools]


def offered_name(server: str, tool: str) -> str:
    """By the contract's rule: letters, digits, "_" and "-", at most 64; a few digits keep a long name unique."""
    name = re.sub(r"[^A-Za-z0-9_-]", "_", f"{server}__{tool}")
    if len(name) <= LONGEST_NAME:
        return name
    return f"{name[: LONGEST_NAME - 9]}_{hashlib.sha256(name.encode()).hexdigest()[:8]}"
