"""The server's own message search with the asker's permissions: each result is checked against them.

Wire format: `GET /guilds/{guild.id}/messages/search` of Discord's API (documentation: resources/message, search guild
messages). 202 means that the server is not indexed yet.
"""

from collections.abc import Mapping
from typing import Any

import discord
import structlog
from discord.http import Route

from antiphon.events import Tool as Declaration
from discord_bot.features.chat.card import may_read
from discord_bot.features.tools.tool import LONGEST_RESULT, Occasion, Result, Source, text_of
from discord_bot.i18n import t

log = structlog.get_logger(__name__)
ASKED_FOR, MOST_SHOWN, LONGEST_SHOWN = 25, 8, 500


class SearchMessages:
    declaration = Declaration(
        "search_messages",
        "Search the messages of this Discord server that the person who asks may read. Use it for questions about what"
        " was said, decided or linked here. Returns messages with author, channel, date and text.",
        {
            "type": "object",
            "properties": {
                "query": {"type": "string", "description": "Words that the messages contain; few and plain."}
            },
            "required": ["query"],
        },
    )

    def __init__(self, occasion: Occasion) -> None:
        self._occasion = occasion

    def line(self, arguments: Mapping[str, Any], locale: str) -> str:
        return t(locale, "tool-messages", query=text_of(arguments, "query", 60))

    def question(self, arguments: Mapping[str, Any], locale: str) -> str:  # noqa: ARG002 - it reads what the person may read
        return ""

    async def run(self, arguments: Mapping[str, Any]) -> Result:
        query, occasion = text_of(arguments, "query"), self._occasion
        route = Route("GET", "/guilds/{guild_id}/messages/search", guild_id=occasion.guild.id)
        try:
            person = await occasion.person()
            answer = await occasion.services.rooms.http.request(route, params={"content": query, "limit": ASKED_FOR})
        except discord.HTTPException as refused:
            log.info("the server's search refused", code=refused.code)
            return Result("The search of this server is not possible now.", failed=True)
        if "messages" not in answer:
            return Result("Discord has not indexed this server yet. It can be searched in a few minutes.", failed=True)
        messages = [message for group in answer["messages"] for message in group[:1]]
        shown = [message for message in messages if self._may_see(message, answer, person)][:MOST_SHOWN]
        if not shown:
            return Result("No message that this person may read was found.")
        text = "\n".join(self._line(number, message) for number, message in enumerate(shown, 1))
        sources = [Source(f"{_name(message)} #{self._channel_name(message)}", self._url(message)) for message in shown]
        return Result(text[:LONGEST_RESULT], sources, frozenset(int(message["author"]["id"]) for message in shown))

    def _may_see(self, message: dict[str, Any], answer: dict[str, Any], person: Any) -> bool:
        occasion, channel_id = self._occasion, int(message["channel_id"])
        here = getattr(occasion.channel, "id", 0)
        channel = occasion.guild.get_channel_or_thread(channel_id)
        if channel is None:
            # An archived thread is not cached; anyone who can read its channel can read it, unless it is private.
            thread = next(
                (candidate for candidate in answer.get("threads") or [] if int(candidate["id"]) == channel_id), None
            )
            if thread is None or thread["type"] == discord.ChannelType.private_thread.value:
                return False
            channel = occasion.guild.get_channel(int(thread["parent_id"]))
        return channel is not None and may_read(channel, person, here=here)

    def _line(self, number: int, message: dict[str, Any]) -> str:
        text = " ".join(message.get("content", "").split())[:LONGEST_SHOWN]
        files = "".join(f" [file {attachment['filename']}]" for attachment in message.get("attachments", []))
        return (
            f"[{number}] {message['timestamp'][:10]} {_name(message)} in #{self._channel_name(message)}: {text}{files}"
        )

    def _channel_name(self, message: dict[str, Any]) -> str:
        channel = self._occasion.guild.get_channel_or_thread(int(message["channel_id"]))
        return channel.name if channel is not None else "…"

    def _url(self, message: dict[str, Any]) -> str:
        return f"https://discord.com/channels/{self._occasion.guild.id}/{message['channel_id']}/{message['id']}"


def _name(message: dict[str, Any]) -> str:
    author = message["author"]
    return " ".join(str(author.get("global_name") or author["username"]).split())
