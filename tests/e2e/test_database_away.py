"""The database goes away while an answer runs: the answer stands, nobody hears of it, and it is noted down later."""

import asyncpg

from tests.bot.conftest import postgres_server, postgres_url  # noqa: F401 - fixtures
from tests.e2e.conftest import Stage
from tests.e2e.test_conversation import body
from tests.fakes.upstream.server import TEXT


async def test_an_answer_that_ends_without_the_database_stays_and_is_stored_later(
    stage: Stage,
    postgres_url: str,  # noqa: F811 - the fixture
) -> None:
    stage.more["ANTIPHON__BOT__DATABASE"] = postgres_url
    plain = postgres_url.replace("+asyncpg", "")
    server, name = plain.rpartition("/")[0], plain.rpartition("/")[2]
    admin = await asyncpg.connect(f"{server}/postgres")
    stage.upstream.behaviour["voice"] = "held"
    try:
        async with stage.running_bot() as bot:
            await stage.maria.slash(stage.channel, "chat", prompt="hi")
            thread = await stage.thread()
            await stage.upstream.arrived.wait()
            await stage.discord.wait_for(lambda: thread.from_bot)
            await admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
            stage.upstream.behaviour["voice"] = "ok"
            stage.upstream.hold.set()
            answer = await stage.finished(thread)
            assert body(answer.content) == TEXT
            assert not any("went wrong" in message.content for message in stage.written)
            await stage.maria.say(stage.channel, f"<@{stage.discord.bot.id}> and now?")
            await stage.discord.wait_for(
                lambda: any("can't save anything" in message.content for message in stage.channel.from_bot)
            )
            await admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
            assert await bot.end() == 0, "the last try before the end writes what is still to be written"
        door = await asyncpg.connect(plain)
        assert await door.fetchval("SELECT state FROM turns") == "done"
        assert await door.fetchval("SELECT answer FROM turns") == TEXT
        assert await door.fetchval("SELECT tokens FROM usage") > 0
        await door.close()
    finally:
        await admin.close()
