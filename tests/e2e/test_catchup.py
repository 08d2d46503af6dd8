"""What did I miss here? For one person alone, with links, and a digest for all who want one."""

import time
from typing import Any

from discord_bot.store.database import open_store
from discord_bot.store.digests import Digest
from tests.e2e.conftest import Stage
from tests.fakes.discord.interaction import Interaction
from tests.fakes.discord.model import File, Message
from tests.fakes.discord.people import Person
from tests.fakes.discord.permissions import Permission
from tests.fakes.upstream.replies import png

DAY = 86_400


async def newcomer(stage: Stage, name: str, locale: str = "en-US") -> Person:
    person = stage.discord.add_user(name, locale=locale)
    stage.discord.join(stage.guild, person)
    return person


def link(message: Message) -> str:
    assert message.channel.guild is not None
    return f"https://discord.com/channels/{message.channel.guild.id}/{message.channel.id}/{message.id}"


async def told(stage: Stage, asked: Interaction, *words: str) -> Message:
    message: Message = await stage.discord.wait_for(
        lambda: asked.response and all(word in asked.response.content for word in words) and asked.response
    )
    return message


def prompt(stage: Stage) -> str:
    return str(stage.upstream.of("a")[-1].body["messages"][-1]["content"])


async def test_missed_messages_are_summarised_privately_with_links_and_stored_nowhere(stage: Stage) -> None:
    ben = await newcomer(stage, "Ben")
    stage.upstream.text = "- The release moves to Friday [1]\n- Ben shows a fox [2, 77]"
    async with stage.running_bot():
        await ben.say(stage.channel, "before canary")
        await stage.maria.say(stage.channel, "I am off for lunch")
        quiet = await told(
            stage, await stage.maria.slash(stage.channel, "catchup"), "Nothing new since your last message <t:"
        )
        assert quiet.ephemeral
        assert not stage.upstream.calls

        first = await ben.say(stage.channel, "We release on Friday instead, canary")
        fox = await ben.say(stage.channel, files=[File("fox.png", png(), "image/png", "a red fox")])
        await ben.say(stage.channel, "see the log", reply_to=first, files=[File("log.txt", b"x")])
        interaction = await stage.maria.slash(stage.channel, "catchup")
        answer = await told(stage, interaction, "Friday", "Read: 3 messages, by one person, a picture, a file")
        assert answer.ephemeral_to is stage.maria
        assert answer.content.startswith("**Since your last message <t:")
        assert f"Friday [1]({link(first)})" in answer.content
        assert f"a fox [2]({link(fox)})\n" in answer.content
        text = prompt(stage)
        assert "before canary" not in text
        for part in ("Maria, who was away", "[1] Ben: We release", "[2] Ben: [picture fox.png: a red fox]"):
            assert part in text
        assert "[3] Ben to Ben: see the log\n[file log.txt]" in text

        again = await stage.maria.slash(stage.channel, "catchup", hours=5)
        await told(stage, again, "In the last 5 hours", "Friday")
        assert "before canary" in prompt(stage)
        assert stage.channel.from_bot == []
    files = [one for one in stage.folder.iterdir() if one.name.startswith("bot.sqlite3")]
    assert not [one.name for one in files if b"canary" in one.read_bytes()]


async def test_since_here_in_russian_and_a_failure_offers_another_try(stage: Stage) -> None:
    olga = await newcomer(stage, "Ольга", "ru")
    stage.upstream.text = "- Решили встретиться [1]"
    stage.upstream.behaviour["voice"] = "held"
    stage.more["ANTIPHON__BOT__ANSWER_TIMEOUT"] = "8"
    async with stage.running_bot():
        first = await stage.maria.say(stage.channel, "Let us meet")
        await stage.maria.say(stage.channel, "At nine")
        interaction = await olga.message_menu(first, "Since here")
        failed = await stage.discord.wait_for(
            lambda: interaction.response and "Ещё раз" in interaction.response.buttons and interaction.response
        )
        assert failed.ephemeral
        stage.upstream.behaviour["voice"] = "ok"
        retried = await olga.click(failed, "Ещё раз")
        answer = await told(stage, retried, "Что здесь писали", f"встретиться [1]({link(first)})", "Прочитано: ")
        assert answer.ephemeral_to is olga
        assert "2 сообщения, от 1 человека" in answer.content
        assert "Ответь по-русски" in prompt(stage)


async def test_only_what_the_asker_may_read_is_read_and_elsewhere_it_says_why_not(stage: Stage) -> None:
    ben = await newcomer(stage, "Ben")
    deaf = stage.discord.add_text_channel(
        stage.guild, "deaf", overwrites={ben.id: (0, int(Permission.READ_MESSAGE_HISTORY))}
    )
    blind = stage.discord.add_text_channel(
        stage.guild, "blind", overwrites={stage.discord.bot.id: (0, int(Permission.READ_MESSAGE_HISTORY))}
    )
    async with stage.running_bot():
        await stage.maria.say(deaf, "secret")
        for channel, install, words in (
            (deaf, False, "don't have permission to read this channel's history"),
            (blind, False, "missing a permission here: Read Message History"),
            (ben.direct(), False, "Use </catchup:"),
            (stage.channel, True, "only read channels on servers that have added me"),
        ):
            interaction = await ben.slash(channel, "catchup", user_install=install)
            refused = await interaction.answer()
            assert words in refused.content
            assert refused.ephemeral
        empty = stage.discord.add_text_channel(stage.guild, "empty")
        await told(stage, await ben.slash(empty, "catchup"), "Nobody has written here yet")
        assert not stage.upstream.calls


async def test_a_digest_is_switched_on_by_managers_and_sent_once_after_a_restart(stage: Stage) -> None:
    owner: Person = stage.guild.owner  # type: ignore[assignment]
    stage.upstream.text = "- News [1]"
    async with stage.running_bot():
        refused = await (await stage.maria.slash(stage.channel, "digest", time="9:00")).answer()
        assert "Manage Server" in refused.content
        attempts: tuple[tuple[dict[str, Any], str], ...] = (
            ({}, "has no daily summary"),
            ({"time": "noonish"}, "a time of day"),
            ({"time": "9:00", "time-zone": "Mars/Base"}, "don't know the time zone"),
            ({"time": "9:00", "time-zone": "Europe/Berlin"}, "Every day at 09:00 (Europe/Berlin)"),
        )
        for options, words in attempts:
            assert words in (await (await owner.slash(stage.channel, "digest", **options)).answer()).content
        assert "Europe/Berlin" in await owner.autocomplete(stage.channel, "digest", "time-zone", "berl")
        news = await stage.maria.say(stage.channel, "Fresh news")
    store = await open_store(f"sqlite:///{stage.folder}/bot.sqlite3")
    now = time.time()
    await store.digests.set(
        Digest(stage.channel.id, stage.guild.id, 540, "Europe/Berlin", "en-US", now - DAY, now - 60)
    )
    await store.close()
    async with stage.running_bot():
        digest = await stage.discord.wait_for(
            lambda: next(
                (message for message in stage.channel.from_bot if "What happened here" in message.content), None
            )
        )
        assert f"News [1]({link(news)})" in digest.content
        assert "Read: one message, by one person" in digest.content
        shown = await (await owner.slash(stage.channel, "digest")).answer()
        assert "Every day at 09:00" in shown.content
    async with stage.running_bot():
        shown = await (await owner.slash(stage.channel, "digest")).answer()
        await (await owner.click(shown, "Turn off")).acknowledged()
        await stage.discord.wait_for(lambda: "turned off the daily summary" in shown.content)
        assert "has no daily summary" in (await (await owner.slash(stage.channel, "digest")).answer()).content
        assert sum("What happened here" in message.content for message in stage.channel.from_bot) == 1
        assert len(stage.upstream.of("a")) == 1
