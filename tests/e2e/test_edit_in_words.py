"""A picture is changed in words, and any answer goes on in a thread of its own."""

from tests.e2e.conftest import Stage
from tests.e2e.test_catchup import newcomer
from tests.e2e.test_conversation import body
from tests.e2e.test_places import picture
from tests.fakes.discord.model import Channel, Message
from tests.fakes.upstream.server import TEXT


async def drawn(stage: Stage, channel: Channel, words: str, count: int = 1) -> Message:
    """The bot's picture there whose text holds these words, once it stands."""

    def look() -> Message | None:
        done = [
            message
            for message in channel.from_bot
            if words in message.text and message.attachments and "Delete" in message.buttons
        ]
        return done[-1] if len(done) >= count else None

    message: Message = await stage.discord.wait_for(look)
    return message


async def test_make_it_night_in_a_reply_or_in_the_thread_below_draws_from_the_picture(stage: Stage) -> None:
    ben = await newcomer(stage, "Бен", "ru")
    async with stage.running_bot():
        fox = await picture(stage, prompt="a fox", spoiler=True)
        night = await ben.say(stage.channel, "make it night!", reply_to=fox)
        dark = await drawn(stage, stage.channel, "a fox, make it night!")
        assert dark.reference is night
        assert dark.attachments[0].filename.startswith("SPOILER_")
        assert dark.attachments[0].content != fox.attachments[0].content
        # Again draws from the same picture.
        again = await stage.maria.click(dark, "Again")
        same = await stage.discord.wait_for(
            lambda: (
                again.response and again.response.attachments and "Delete" in again.response.buttons and again.response
            )
        )
        assert body(same.content) == body(dark.content)

        thread = await ben.open_thread(fox, "under the fox")
        await ben.say(thread, "добавь луну")
        await drawn(stage, thread, "a fox, добавь луну")
        await ben.say(thread, "без хвоста")
        await drawn(stage, thread, "a fox, добавь луну, без хвоста")
        assert not stage.upstream.calls

        await stage.maria.say(thread, "what is this?")
        await stage.finished(thread)
        content = stage.upstream.of("a")[0].body["messages"][-1]["content"]
        assert any(part["type"] == "image_url" for part in content)


async def test_an_edit_is_refused_politely_where_pictures_are_off(stage: Stage) -> None:
    async with stage.running_bot():
        fox = await picture(stage)
        owner = stage.guild.owner
        card = await (await owner.slash(stage.channel, "settings")).answer()  # type: ignore[attr-defined]
        await (await owner.click(card, "settings:2:pictures:show")).acknowledged()  # type: ignore[attr-defined]
        await (await owner.click(card, "settings:2:pictures:pictures")).acknowledged()  # type: ignore[attr-defined]
        await stage.maria.say(stage.channel, "make it night", reply_to=fox)
        await stage.discord.wait_for(
            lambda: any("Pictures are turned off" in message.content for message in stage.channel.from_bot)
        )


async def test_a_fork_knows_the_talk_up_to_its_answer_and_opens_once(stage: Stage) -> None:
    ben = await newcomer(stage, "Ben")
    async with stage.running_bot():
        await stage.maria.slash(stage.channel, "chat", prompt="first question")
        thread = await stage.thread()
        first = await stage.finished(thread)
        await stage.maria.say(thread, "second question")
        await stage.finished(thread, 1)

        reply = await (await ben.click(first, "Fork")).answer()
        assert reply.ephemeral
        fork = await stage.thread(2)
        assert fork.mention in reply.content
        assert fork.parent is stage.channel
        assert f"{first.channel.id}/{first.id}" in fork.from_bot[0].content
        again = await (await ben.click(first, "Fork")).answer()
        assert "already forked this answer" in again.content
        assert fork.mention in again.content

        await ben.say(fork, "another way")
        await stage.finished(fork)
        conversation = stage.upstream.of("a")[-1].body["messages"][1:]
        conversation = next(
            call.body["messages"][1:] for call in reversed(stage.upstream.of("a")) if len(call.body["messages"]) > 3
        )
        texts = [one["content"] for one in conversation]
        assert [texts[0].rpartition(": ")[2], texts[1], texts[2].rpartition(": ")[2]] == [
            "first question",
            TEXT,
            "another way",
        ]
        assert len(stage.guild.threads) == 2
        # Without the right to open threads there is a sentence.
        stage.discord.change_channel(stage.channel, {stage.discord.bot.id: (0, 1 << 35)})
        refused = await (await stage.maria.click(first, "Fork")).answer()
        assert "can't open a thread here" in refused.content
