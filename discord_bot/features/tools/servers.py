"""MCP servers that the operator lists: one connection each, restored whenever it breaks.

The official `mcp` package speaks the protocol. A connection lives in a single task from beginning to end, because
the package's scopes must be left where they were entered.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import Any

import httpx
import structlog
from mcp import ClientSession, StdioServerParameters, types
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import McpError

from antiphon.config.bot import McpServer
from antiphon.config.secrets import SecretProblem, find_secret

log = structlog.get_logger(__name__)
FIRST_PAUSE, LONGEST_PAUSE = 2.0, 120.0  # seconds between two attempts
STARTING, CALL, QUIET = (
    30.0,
    45.0,
    60.0,
)  # seconds: to connect, for one call, until a silent server is pinged
MOST_TOOLS = 40  # per server
PASSED_ON = ("PATH", "HOME", "LANG", "TMPDIR", "SYSTEMROOT")


class ToolServer:
    """`tools` is empty while the server is away."""

    def __init__(self, name: str, config: McpServer, environ: Mapping[str, str]) -> None:
        self.name, self._config, self._environ = name, config, environ
        self.tools: list[types.Tool] = []
        self._session: ClientSession | None = None
        self._lost = asyncio.Event()

    async def run(self) -> None:
        """For as long as the bot runs."""
        pause = FIRST_PAUSE
        while True:
            began = asyncio.get_running_loop().time()
            try:
                await self._connected()
            except Exception as error:  # noqa: BLE001 - a server of others may fail in any way; it is tried again
                log.warning("an MCP server is away", server=self.name, error=_kind(error), again_in=pause)
            finally:
                self._session, self.tools = None, []
            if asyncio.get_running_loop().time() - began > LONGEST_PAUSE:
                pause = FIRST_PAUSE
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _connected(self) -> None:
        self._lost.clear()
        async with self._transport() as (reader, writer), ClientSession(reader, writer) as session:
            async with asyncio.timeout(STARTING):
                await session.initialize()
                self.tools = await _all_tools(session)
            self._session = session
            log.info("an MCP server is connected", server=self.name, tools=len(self.tools))
            while not self._lost.is_set():
                try:
                    async with asyncio.timeout(QUIET):
                        await self._lost.wait()
                except TimeoutError:
                    async with asyncio.timeout(STARTING):
                        await session.send_ping()

    @contextlib.asynccontextmanager
    async def _transport(self) -> AsyncIterator[tuple[Any, Any]]:
        if self._config.command:
            program, *arguments = self._config.command
            wanted = {name: self._environ[name] for name in (*PASSED_ON, *self._config.env) if name in self._environ}
            async with stdio_client(StdioServerParameters(command=program, args=arguments, env=wanted)) as streams:
                yield streams
            return
        async with (
            httpx.AsyncClient(headers=self._headers(), timeout=httpx.Timeout(CALL, read=300)) as client,
            streamable_http_client(self._config.url, http_client=client) as (reader, writer, _),
        ):
            yield reader, writer

    def _headers(self) -> dict[str, str]:
        name = self._config.token_env
        secret = find_secret(name, self._environ) if name else None
        if name and secret is None:
            raise SecretProblem(f"{name} is not set")
        return {"Authorization": f"Bearer {secret.value}"} if secret is not None else {}

    async def call(self, tool: str, arguments: Mapping[str, Any]) -> tuple[str, bool]:
        """The text of the result, and whether the tool has failed."""
        session = self._session
        if session is None:
            return "The tool is not available now.", True
        try:
            answer = await session.call_tool(tool, dict(arguments), timedelta(seconds=CALL))
        except McpError as refused:
            if refused.error.code == types.CONNECTION_CLOSED:
                self._lost.set()
            return f"The tool failed: {refused.error.message[:300]}", True
        except Exception as error:  # noqa: BLE001 - the connection broke in some way
            log.warning("an MCP server broke", server=self.name, error=_kind(error))
            self._lost.set()
            return "The tool is not available now.", True
        return _text(answer), answer.isError

    def needs_allowing(self, tool: types.Tool) -> bool:
        """Only tools that declare themselves read-only, or that the operator trusts, run without a question."""
        reads = tool.annotations is not None and tool.annotations.readOnlyHint is True
        return not reads and tool.name not in self._config.allowed


async def _all_tools(session: ClientSession) -> list[types.Tool]:
    tools: list[types.Tool] = []
    cursor: str | None = None
    while len(tools) < MOST_TOOLS:
        page = await session.list_tools(params=types.PaginatedRequestParams(cursor=cursor))
        tools += page.tools
        cursor = page.nextCursor
        if not cursor:
            break
    return tools[:MOST_TOOLS]


def _text(answer: types.CallToolResult) -> str:
    parts = [
        content.text if isinstance(content, types.TextContent) else f"[{content.type}]" for content in answer.content
    ]
    return "\n".join(parts) or "Done."


def _kind(error: BaseException) -> str:
    """Only the class: messages may contain addresses or tokens."""
    while isinstance(error, BaseExceptionGroup) and error.exceptions:
        error = error.exceptions[0]
    return type(error).__name__
