"""Tools with a person in the loop: searches that show their sources, and work that waits for *Allow*."""

import json
import sys
from pathlib import Path
from typing import Any

from tests.e2e.conftest import Stage
from tests.e2e.test_catchup import link, newcomer
from tests.fakes import mcp_server
from tests.fakes.discord.model import Channel, Message
from tests.fakes.discord.permissions import Permission
from tests.fakes.searx import FakeSearx
from tests.fakes.upstream.server import TEXT


def results(stage: Stage) -> list[str]:
    """What tools have returned to the model, newest request last."""
    calls = [one for call in stage.upstream.of("a") for one in call.body["messages"] if one["role"] == "tool"]
    return [str(one["content"]) for one in calls]


async def asking(stage: Stage, place: Channel, words: str) -> Message:
    """The bot's message there that asks for something."""
    message: Message = await stage.discord.wait_for(
        lambda: next((one for one in place.from_bot if words in one.content and "Allow" in one.buttons), None)
    )
    return message


async def test_the_servers_messages_are_searched_with_the_eyes_of_the_asker(stage: Stage) -> None:
    ben = await newcomer(stage, "Ben")
    secret = stage.discord.add_text_channel(
        stage.guild, "secret", overwrites={stage.maria.id: (0, int(Permission.VIEW_CHANNEL))}
    )
    async with stage.running_bot():
        open_word = await ben.say(stage.channel, "The treasure map hangs in the hall")
        await stage.guild.owner.say(secret, "The treasure map is false")  # type: ignore[attr-defined]
        stage.upstream.tool_calls = [[("search_messages", {"query": "treasure map"})]]
        await stage.maria.slash(stage.channel, "chat", prompt="Where is the map?")
        answer = await stage.finished(await stage.thread())
        assert "-# Searched this server: treasure map" in answer.content
        assert f"-# Sources: [Ben #general](<{link(open_word)}>)" in answer.content
        assert TEXT in answer.content
        assert "Ben in #general: The treasure map hangs in the hall" in results(stage)[0]
        assert "false" not in results(stage)[0]

        stage.guild.indexed = False
        stage.upstream.tool_calls = [[("search_messages", {"query": "treasure"})]]
        await stage.maria.slash(stage.channel, "chat", prompt="Again?")
        await stage.finished(await stage.thread(2))
        assert "not indexed this server yet" in results(stage)[-1]


async def test_the_web_is_searched_where_the_operator_says_and_a_failure_goes_to_the_model(stage: Stage) -> None:
    async with FakeSearx() as searx:
        stage.more["ANTIPHON__BOT__TOOLS__SEARCH_URL"] = searx.url
        searx.results = [
            {"title": "Glaciers [move]", "url": "https://example.org/ice", "content": "They creep."},
            {"title": "bad", "url": "javascript:alert(1)"},
        ]
        async with stage.running_bot():
            stage.upstream.tool_calls = [[("search_web", {"query": "glaciers"}), ("search_web", {"query": " "})]]
            await stage.maria.say(stage.maria.direct(), "Why do glaciers move?")
            answer = await stage.finished(stage.maria.direct())
            assert searx.queries == ["glaciers"]
            assert "-# Searched the web: glaciers" in answer.content
            assert "-# Sources: [Glaciers move](<https://example.org/ice>)" in answer.content
            assert "They creep." in results(stage)[0]
            assert "javascript" not in results(stage)[0]
            assert "query must be a text" in results(stage)[1]
            searx.status = 500
            stage.upstream.tool_calls = [[("search_web", {"query": "snow"})]]
            await stage.maria.say(stage.maria.direct(), "And snow?")
            await stage.finished(stage.maria.direct(), 1)
            assert "does not answer now" in results(stage)[-1]


async def test_drawing_waits_for_the_asker_alone_and_a_refusal_goes_on_without(stage: Stage) -> None:
    ben = await newcomer(stage, "Ben")
    draw: tuple[str, dict[str, Any]] = ("draw_picture", {"prompt": "a fox on a glacier", "shape": "wide"})
    async with stage.running_bot():
        stage.upstream.tool_calls = [[draw]]
        await stage.maria.slash(stage.channel, "chat", prompt="Draw it")
        thread = await stage.thread()
        card = await asking(stage, thread, "May I draw this? “a fox on a glacier”")
        refused = await (await ben.click(card, "Allow")).reply()
        assert "Only the person who asked" in refused.content
        await (await stage.maria.click(card, "Allow")).acknowledged()
        picture = await stage.discord.wait_for(
            lambda: next(
                (message for message in thread.from_bot if message.attachments and "Delete" in message.buttons), None
            )
        )
        assert "a fox on a glacier" in picture.content
        answer = await stage.finished(thread, 0)
        assert "-# Drawing: a fox on a glacier" in answer.content
        assert "Allow" not in answer.buttons

        stage.upstream.tool_calls = [[draw]]
        await stage.maria.say(thread, "Another one")
        card = await asking(stage, thread, "May I draw this?")
        await (await stage.maria.click(card, "Don't allow")).acknowledged()
        await stage.discord.wait_for(lambda: "Regenerate" in card.buttons)
        assert "did not allow it" in results(stage)[-1]
        assert sum(bool(message.attachments) for message in thread.from_bot) == 1

        stage.upstream.tool_calls = [[draw]]
        await stage.maria.say(thread, "And now?")
        card = await asking(stage, thread, "May I draw this?")
        await (await stage.maria.click(card, "Stop")).acknowledged()
        await stage.discord.wait_for(lambda: "Allow" not in card.buttons)
        assert "Stopped by Maria" in card.content


async def test_tools_of_an_mcp_server_run_and_those_that_write_are_asked_for(stage: Stage) -> None:
    program = json.dumps([sys.executable, str(Path(mcp_server.__file__))])
    stage.more |= {
        "ANTIPHON__BOT__TOOLS__MCP__LIBRARY__COMMAND": program,
        "ANTIPHON__BOT__TOOLS__MCP__LIBRARY__ENV": '["LIBRARY"]',
        "LIBRARY": "Alexandria",
    }
    async with stage.running_bot() as bot:
        await bot.complaint("an MCP server is connected")
        stage.upstream.tool_calls = [
            [("library__find_book", {"title": "Moby Dick"})],
            [("library__lend_book", {"title": "Moby Dick"})],
        ]
        await stage.maria.slash(stage.channel, "chat", prompt="Lend me Moby Dick")
        thread = await stage.thread()
        card = await asking(stage, thread, "May I use Lend a book of library?")
        assert "Moby Dick" in card.content
        assert "-# Used find\\_book (library)" in card.content
        await (await stage.maria.click(card, "Allow")).acknowledged()
        await stage.discord.wait_for(lambda: "Regenerate" in card.buttons)
        assert "stands on shelf 7; home is Alexandria" in results(stage)[0]
        assert results(stage)[-1] == "Moby Dick is lent"

        # A server that dies is said to be away, and comes back.
        lost = len(bot.errors)
        stage.upstream.tool_calls = [[("library__burn_down", {})]]
        await stage.maria.say(thread, "Burn it")
        card = await asking(stage, thread, "May I use burn")
        await (await stage.maria.click(card, "Allow")).acknowledged()
        await stage.discord.wait_for(lambda: "Regenerate" in card.buttons)
        assert "The tool failed" in results(stage)[-1] or "not available" in results(stage)[-1]
        await bot.complaint("an MCP server is connected", after=lost)
