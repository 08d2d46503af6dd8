"""`kill -9` of the bot at any moment: its database stays sound, what people wrote is there, and no answer hangs for ever."""

import contextlib
import sqlite3

import pytest

from tests.e2e.conftest import Stage
from tests.fakes.upstream.server import TEXT
from tests.support.waiting import becomes_true

MOMENTS = ["the thread stands", "the provider was asked", "the first text stands", "much text stands", "it has ended"]


async def reached(stage: Stage, moment: str) -> None:
    """Waits until the conversation has come so far."""
    seen = len(stage.upstream.calls)
    match moment:
        case "the thread stands":
            await stage.thread()
        case "the provider was asked":
            await stage.discord.wait_for(lambda: stage.guild.threads and len(stage.upstream.calls) >= max(seen, 1))
        case "the first text stands" | "much text stands":
            least = 1 if moment.startswith("the first") else 100
            await stage.discord.wait_for(
                lambda: (
                    stage.guild.threads
                    and stage.guild.threads[0].from_bot
                    and len(stage.guild.threads[0].from_bot[-1].content) > least
                )
            )
        case _:
            await stage.finished(await stage.thread())


@pytest.mark.parametrize("moment", MOMENTS)
async def test_a_bot_killed_at_any_moment_comes_back_with_everything(stage: Stage, moment: str) -> None:
    stage.upstream.behaviour["voice"] = "ok" if moment == "it has ended" else "stall:120"
    async with stage.running_bot() as bot:
        await stage.maria.slash(stage.channel, "chat", prompt="tell me about ice")
        await reached(stage, moment)
        await bot.kill()
    with sqlite3.connect(stage.folder / "bot.sqlite3") as database:
        assert database.execute("pragma integrity_check").fetchone() == ("ok",)
        assert database.execute("pragma foreign_key_check").fetchall() == []
    stage.upstream.behaviour["voice"] = "ok"
    stage.upstream.hold.set()
    async with stage.running_bot():
        thread = await stage.thread()
        count = len(thread.from_bot)
        if count:
            await stage.finished(thread, count - 1)
        await stage.maria.say(thread, "and about snow?")
        answer = await stage.finished(thread, count)
        assert TEXT in answer.content
        asked = [message["content"] for message in stage.upstream.calls[-1].body["messages"]]
        assert asked[-1] == "and about snow?"


async def test_a_bot_killed_before_the_question_was_noted_down_answers_it_when_it_is_back(stage: Stage) -> None:
    stage.upstream.behaviour["voice"] = "stall:120"
    async with stage.running_bot() as bot:
        await stage.maria.say(stage.channel, f"<@{stage.discord.bot.id}> tell me about ice")
        thread = await stage.thread()
        await stage.upstream.arrived.wait()
        await bot.kill()
    # As if it had been a moment earlier: the conversation is known, the question is not.
    with sqlite3.connect(stage.folder / "bot.sqlite3") as database:
        database.execute("DELETE FROM turn_parts")
        database.execute("DELETE FROM turns")
    stage.upstream.behaviour["voice"] = "ok"
    stage.upstream.hold.set()
    async with stage.running_bot():
        await stage.discord.wait_for(lambda: sum(TEXT in message.content for message in thread.from_bot) == 1)


async def test_a_bot_killed_while_discord_has_not_taken_the_end_of_an_answer_ends_it_when_it_is_back(
    stage: Stage,
) -> None:
    stage.upstream.behaviour["voice"] = "pauses:120"

    async def words_are_kept() -> bool:
        with contextlib.closing(sqlite3.connect(stage.folder / "bot.sqlite3")) as database:
            return database.execute("SELECT count(*) FROM turns WHERE answer = ?", (TEXT,)).fetchone() == (1,)

    async with stage.running_bot() as bot:
        await stage.maria.slash(stage.channel, "chat", prompt="tell me about ice")
        await reached(stage, "much text stands")
        stage.discord.fail_next("PATCH", "/messages/", times=4)
        stage.upstream.hold.set()
        await becomes_true(words_are_kept)
        await bot.kill()
    (thread,) = stage.guild.threads
    assert "Stop" in thread.from_bot[-1].buttons, "the end was not taken"
    async with stage.running_bot():
        answer = await stage.finished(thread)
        assert "Stop" not in answer.buttons
