"""The disk takes nothing more: what was answered stands, what cannot be saved is refused in words, and all recovers."""

import resource
import sqlite3

from tests.e2e.conftest import Stage
from tests.e2e.test_conversation import body
from tests.fakes.upstream.server import TEXT
from tests.support.processes import Process

NOTHING = 1  # bytes that a file may have


def fill_disk(bot: Process) -> None:
    """Every write to a file fails from now on; a limit of the process needs no rights and fails as a full disk does."""
    resource.prlimit(bot.pid, resource.RLIMIT_FSIZE, (NOTHING, resource.RLIM_INFINITY))


def free_disk(bot: Process) -> None:
    resource.prlimit(bot.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


async def test_a_full_disk_takes_no_answer_away_and_is_said_only_to_whom_it_concerns(stage: Stage) -> None:
    stage.upstream.behaviour["voice"] = "held"
    async with stage.running_bot() as bot:
        await stage.maria.slash(stage.channel, "chat", prompt="hi")
        thread = await stage.thread()
        await stage.upstream.arrived.wait()
        await stage.discord.wait_for(lambda: thread.from_bot)
        fill_disk(bot)
        stage.upstream.behaviour["voice"] = "ok"
        stage.upstream.hold.set()
        answer = await stage.finished(thread)
        assert body(answer.content) == TEXT
        # A conversation that stands, a new one, a command and a picture: each is told why not.
        await stage.maria.say(thread, "and now?")
        await stage.discord.wait_for(lambda: any("can't save" in one.content for one in thread.written))
        await stage.maria.say(stage.channel, f"<@{stage.discord.bot.id}> and here?")
        await stage.discord.wait_for(lambda: any("can't save" in one.content for one in stage.channel.written))
        for command, options in (("chat", {"prompt": "hello", "private": True}), ("image", {"prompt": "a fox"})):
            asked = await stage.maria.slash(stage.channel, command, **options)
            await stage.discord.wait_for(
                lambda asked=asked: any("can't save" in one.content for one in [asked.response, *asked.followed] if one)
            )
        questions = [one for one in stage.upstream.of("a") if "title" not in str(one.body["messages"])]
        assert len(questions) == 1, "nothing was asked that nobody is charged for"
        free_disk(bot)
        await stage.maria.say(thread, "and again?")
        await stage.discord.wait_for(lambda: sum(body(one.content) == TEXT for one in thread.from_bot) == 2)
        assert await bot.end() == 0, "the last try before the end writes what is still to be written"
    with sqlite3.connect(stage.folder / "bot.sqlite3") as database:
        assert database.execute("SELECT state, answer FROM turns").fetchall() == [("done", TEXT)] * 2
        assert database.execute("SELECT SUM(requests) FROM usage").fetchone() == (2,)
