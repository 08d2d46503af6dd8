"""Web search at an endpoint that the operator configures: the JSON API of SearXNG.

Wire format: `GET /search?q=…&format=json` answers `{"results": [{"title", "url", "content"}, …]}` (SearXNG
documentation: dev/search_api). The format must be switched on there under `search.formats`.
"""

import json
from collections.abc import Mapping
from typing import Any

import aiohttp
import structlog
from yarl import URL

from antiphon.events import Tool as Declaration
from discord_bot.features.tools.tool import LONGEST_RESULT, Occasion, Result, Source, text_of
from discord_bot.i18n import language_of, t

log = structlog.get_logger(__name__)
MOST_SHOWN, LONGEST_SHOWN = 6, 600
TIME = aiohttp.ClientTimeout(total=12)
LARGEST = 2 * 1024 * 1024


class SearchWeb:
    declaration = Declaration(
        "search_web",
        "Search the web. Use it for what happens now, for facts that may have changed, and when you are not sure.",
        {
            "type": "object",
            "properties": {"query": {"type": "string", "description": "What one would type into a search engine."}},
            "required": ["query"],
        },
    )

    def __init__(self, occasion: Occasion, url: str) -> None:
        self._occasion, self._url = occasion, url

    def line(self, arguments: Mapping[str, Any], locale: str) -> str:
        return t(locale, "tool-web", query=text_of(arguments, "query", 60))

    def question(self, arguments: Mapping[str, Any], locale: str) -> str:  # noqa: ARG002 - it only reads
        return ""

    async def run(self, arguments: Mapping[str, Any]) -> Result:
        query = text_of(arguments, "query")
        parameters = {"q": query, "format": "json", "language": language_of(self._occasion.locale)}
        try:
            async with (
                aiohttp.ClientSession(timeout=TIME) as session,
                session.get(self._url, params=parameters) as response,
            ):
                response.raise_for_status()
                answer = json.loads(await _body(response))
            shown = [entry for entry in map(_entry, answer["results"]) if entry is not None][:MOST_SHOWN]
        except (TimeoutError, aiohttp.ClientError, ValueError, KeyError, TypeError) as error:
            log.warning("the web search failed", error=type(error).__name__)
            return Result("The web search does not answer now.", failed=True)
        if not shown:
            return Result("Nothing was found.")
        text = "\n\n".join(f"[{number}] {title}\n{url}\n{words}" for number, (title, url, words) in enumerate(shown, 1))
        return Result(text[:LONGEST_RESULT], [Source(title, url) for title, url, _ in shown])


async def _body(response: aiohttp.ClientResponse) -> bytes:
    """Raises ValueError if it is too large, whatever its header says."""
    body = bytearray()
    async for piece in response.content.iter_any():
        body += piece
        if len(body) > LARGEST:
            raise ValueError("too large")
    return bytes(body)


def _entry(item: Any) -> tuple[str, str, str] | None:
    """Title, address and text of one result; None if it is malformed."""
    if not isinstance(item, dict):
        return None
    url, title = item.get("url"), item.get("title")
    if not isinstance(url, str) or not url.startswith(("https://", "http://")) or not isinstance(title, str):
        return None
    try:
        address = str(URL(url))  # escaped: it goes into a link and must not end it
    except ValueError:
        return None
    return " ".join(title.split())[:120], address, " ".join(str(item.get("content") or "").split())[:LONGEST_SHOWN]
