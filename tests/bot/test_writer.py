"""Answers reach Discord whole: the real library writes into a Discord that enforces its rules."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import discord
import pytest
from discord.http import Route

from discord_bot.rendering.pacing import Paces
from discord_bot.rendering.splitter import split
from discord_bot.rendering.trace import rate_limit_trace
from discord_bot.rendering.view import FILE_FROM, Look
from discord_bot.rendering.writer import Undeliverable, Withdrawn, Writer
from tests.fakes.discord.model import PUBLIC_THREAD, Channel
from tests.fakes.discord.people import Person
from tests.fakes.discord.permissions import Permission
from tests.fakes.discord.ratelimit import Limits
from tests.fakes.discord.server import FakeDiscord

PARAGRAPH = "The fox went out on a chilly night, and prayed to the moon to give him light. " * 3
LONG = "\n\n".join(f"{number}. {PARAGRAPH}" for number in range(1, 26))


def nothing() -> None:
    """No buttons."""


def stop() -> discord.ui.View:
    view = discord.ui.View(timeout=None)
    view.add_item(discord.ui.Button(label="Stop", custom_id="stop:1:1"))
    return view


class Stage:
    """A Discord with one channel, and the real client's HTTP side; no gateway is needed to write."""

    def __init__(self, world: FakeDiscord, client: discord.Client, paces: Paces) -> None:
        self.discord, self.client, self.paces = world, client, paces
        self.guild = world.add_guild()
        self.maria: Person = world.add_user("Maria")
        world.join(self.guild, self.maria)
        self.channel = world.add_text_channel(self.guild, "general")

    def writer(self, channel: Channel | None = None, key: str = "1", known: list[int] | None = None) -> Writer:
        place = channel or self.channel
        partial = self.client.get_partial_messageable(place.id)
        return Writer(partial, place.id, self.paces, key, "en", known=known)

    def thread(self) -> Channel:
        thread = Channel(
            self.discord.ids.next(),
            PUBLIC_THREAD,
            "talk",
            self.discord,
            self.guild,
            parent=self.channel,
            owner=self.maria,
        )
        self.guild.channels[thread.id] = self.discord.channels[thread.id] = thread
        return thread

    def count(self, method: str) -> int:
        return sum(1 for entry in self.discord.log if entry.method == method and "/messages" in entry.path)

    async def shown(self, text: str, channel: Channel | None = None) -> None:
        place = channel or self.channel
        await self.discord.wait_for(lambda: any(text in one for one in place.texts))


@pytest.fixture
async def stage(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    async with FakeDiscord(limits=Limits().scaled(0.1)) as world:
        monkeypatch.setattr(Route, "BASE", world.api_url)
        paces = Paces()
        client = discord.Client(
            intents=discord.Intents.none(),
            allowed_mentions=discord.AllowedMentions.none(),
            http_trace=rate_limit_trace(paces),
            max_ratelimit_timeout=60.0,
        )
        await client.login(world.token)
        try:
            yield Stage(world, client, paces)
        finally:
            await client.close()
        assert world.violations == []
        assert len(paces) == 0


def joined(channel: Channel) -> str:
    return "".join("".join(channel.texts).split())


async def test_a_long_answer_is_complete_over_several_messages(stage: Stage) -> None:
    writer = stage.writer()
    for end in range(0, len(LONG), 400):
        writer.show(Look(text=LONG[:end]), stop)
        await asyncio.sleep(0.02)
    await writer.finish(Look(text=LONG, live=False), nothing)
    assert writer.verified
    assert stage.channel.texts == [segment.text for segment in split(LONG)]
    assert joined(stage.channel) == "".join(LONG.split())
    assert [message.buttons for message in stage.channel.from_bot] == [[]] * len(stage.channel.texts)
    assert writer.message_ids == [message.id for message in stage.channel.from_bot]


async def test_while_it_grows_the_newest_message_has_a_cursor_and_the_buttons(stage: Stage) -> None:
    writer = stage.writer()
    writer.show(Look(text=LONG[:3000]), stop)
    await stage.discord.wait_for(lambda: len(stage.channel.from_bot) == 2)
    first, second = stage.channel.from_bot
    assert "▍" not in first.content
    assert first.buttons == []
    assert second.content.endswith(" ▍")
    assert second.buttons == ["Stop"]
    await writer.finish(Look(text=LONG[:3000], live=False), nothing)


async def test_many_states_at_once_are_one_request(stage: Stage) -> None:
    writer = stage.writer()
    for end in range(1, 1_000):
        writer.show(Look(text=LONG[:end]), stop)
    await writer.finish(Look(text=LONG[:1_000], live=False), nothing)
    assert stage.count("POST") + stage.count("PATCH") <= 2
    assert stage.channel.texts == [LONG[:1_000].strip()]


async def test_nothing_is_sent_when_nothing_has_changed(stage: Stage) -> None:
    writer = stage.writer()
    writer.show(Look(line="Thinking…"), nothing)
    await stage.shown("Thinking…")
    await writer.finish(Look(line="Thinking…", live=False), nothing)
    assert (stage.count("POST"), stage.count("PATCH")) == (1, 0)


async def test_many_answers_in_one_channel_all_end_whole_without_a_refusal(stage: Stage) -> None:
    async def answer(number: int) -> None:
        writer = stage.writer(key=str(number))
        text = f"Answer {number}: {LONG[:1_500]}"
        for end in range(0, len(text), 50):
            writer.show(Look(text=text[:end]), stop)
            await asyncio.sleep(0.03)
        await writer.finish(Look(text=text, line=f"end {number}", live=False), nothing)
        assert writer.verified

    await asyncio.gather(*(answer(number) for number in range(10)))
    texts = stage.channel.texts
    assert len(texts) == 10
    assert all(any(text.endswith(f"end {number}") for text in texts) for number in range(10))
    assert not [entry for entry in stage.discord.log if entry.status == 429]
    assert stage.count("PATCH") > 10  # they were seen growing


async def test_the_last_edit_lands_though_discord_is_ill_for_a_while(stage: Stage) -> None:
    writer = stage.writer()
    writer.show(Look(text="The beginning of an answer"), stop)
    await stage.shown("The beginning")
    stage.discord.fail_next("PATCH", "/messages/", 503, times=2)
    await writer.finish(Look(text="The beginning of an answer and its end.", live=False), nothing)
    assert stage.channel.texts == ["The beginning of an answer and its end."]


async def test_an_interim_edit_that_fails_does_not_end_the_answer(stage: Stage) -> None:
    writer = stage.writer()
    writer.show(Look(text="The beginning"), stop)
    await stage.shown("The beginning")
    stage.discord.fail_next("PATCH", "/messages/", 503)
    writer.show(Look(text="The beginning" + " and more of it" * 5), stop)
    await stage.shown("and more of it")
    await writer.finish(Look(text="The end.", live=False), nothing)
    assert stage.channel.texts == ["The end."]


async def test_a_repeated_send_makes_no_second_message(stage: Stage) -> None:
    for _ in range(2):  # as when the response to the first one is lost
        await stage.writer(key="same").finish(Look(text="Once.", live=False), nothing)
    assert stage.channel.texts == ["Once."]


async def test_a_person_who_deletes_the_answer_ends_it(stage: Stage) -> None:
    writer = stage.writer()
    writer.show(Look(text="Something unwanted"), stop)
    await stage.shown("Something")
    await stage.maria.delete(stage.channel.last)
    with pytest.raises(Withdrawn):
        await writer.finish(Look(text="Something unwanted, and more.", live=False), nothing)
    assert stage.channel.texts == []


async def test_in_an_archived_thread_the_answer_goes_on_in_a_new_message(stage: Stage) -> None:
    thread = stage.thread()
    writer = stage.writer(thread)
    writer.show(Look(text=LONG[:3_000]), stop)
    await stage.discord.wait_for(lambda: len(thread.from_bot) == 2)
    thread.archived = True
    await writer.finish(Look(text=LONG[:3_200], live=False), nothing)
    assert not thread.archived
    assert joined(thread) == "".join(LONG[:3_200].split())
    assert writer.message_ids == [message.id for message in thread.from_bot]


async def test_a_lost_permission_is_reported_to_the_asker(stage: Stage) -> None:
    writer = stage.writer()
    writer.show(Look(text="The beginning"), stop)
    await stage.shown("The beginning")
    stage.channel.overwrites[stage.guild.id] = (0, int(Permission.VIEW_CHANNEL))
    with pytest.raises(Undeliverable):
        await writer.finish(Look(text="The end", live=False), nothing)


async def test_a_message_of_yesterday_is_replaced_and_not_edited(stage: Stage) -> None:
    await stage.writer(key="old").finish(Look(text="The former answer.", live=False), nothing)
    message = stage.channel.messages.pop(stage.channel.last.id)
    former = message.id = discord.utils.time_snowflake(discord.utils.utcnow() - timedelta(hours=2))
    stage.channel.messages[former] = message
    writer = stage.writer(key="new", known=[former])
    await writer.finish(Look(text="The new answer.", live=False), nothing)
    assert stage.channel.texts == ["The new answer."]
    assert stage.count("PATCH") == 0
    assert writer.message_ids != [former]


async def test_a_shorter_answer_takes_its_superfluous_messages_away(stage: Stage) -> None:
    first = stage.writer(key="first")
    await first.finish(Look(text=LONG[:5_000], live=False), nothing)
    again = stage.writer(key="again", known=first.message_ids)
    await again.finish(Look(text="Shorter.", live=False), nothing)
    assert stage.channel.texts == ["Shorter."]
    assert again.message_ids == first.message_ids[:1]


async def test_a_very_long_answer_is_a_file_too(stage: Stage) -> None:
    text = "\n\n".join([LONG] * 5)
    writer = stage.writer()
    await writer.finish(Look(text=text, live=False), nothing, text, "The whole answer")
    assert len(stage.channel.texts) >= FILE_FROM
    (file,) = stage.channel.last.attachments
    assert file.filename == "answer.md"
    assert file.content.decode() == text
    assert file.description == "The whole answer"
    assert stage.channel.texts[-1].endswith("-# The full answer is in the attached file.")


async def test_the_cut_ends_of_code_stand_as_code_in_discord(stage: Stage) -> None:
    code = "```python\n" + "\n".join(f"value_{number} = {number}" for number in range(300)) + "\n```"
    await stage.writer().finish(Look(text=code, line="model · 1 s", live=False), nothing)
    assert all(text.startswith("```python\nvalue_") for text in stage.channel.texts)
    assert stage.channel.texts[-1].endswith("\n```\n-# model · 1 s")


async def test_nobody_is_pinged_and_no_preview_is_shown(stage: Stage) -> None:
    text = f"@everyone <@{stage.maria.id}> look at https://example.org"
    writer = stage.writer()
    writer.show(Look(text=text), stop)
    await stage.shown("@everyone")
    await writer.finish(Look(text=text, live=False), nothing)
    message = stage.channel.last
    assert message.content == text
    assert message.pinged == []
    assert not message.mention_everyone
    assert all(revision.flags & 1 << 2 for revision in message.history)


async def test_the_bot_is_seen_typing_until_the_first_text(stage: Stage) -> None:
    writer = stage.writer()
    writer.show(Look(line="Thinking…"), stop)
    await stage.discord.wait_for(lambda: stage.channel.typing)
    writer.show(Look(text="The first text of this answer."), stop)
    await stage.shown("The first text")
    await writer.finish(Look(text="The first text of this answer.", live=False), nothing)
    assert len(stage.channel.typing) == 1
