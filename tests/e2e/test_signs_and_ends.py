"""What people see first and last: a sign in time, an honest end, and nothing needless in between."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from antiphon.v1 import chat_pb2
from tests.e2e.room import WORDS, Room, a_room, text_of
from tests.fakes.discord.model import FORUM, STAGE, VOICE, File
from tests.fakes.inference import answer, chat_of, delta, finished, started
from tests.fakes.upstream.replies import png

PICTURE = File("fox.png", png(), "image/png")


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    async with a_room(tmp_path) as room:
        yield room


def requests(room: Room, after: int = 0) -> list[str]:
    """What the bot asked of Discord, without ids."""
    return [
        f"{entry.method} {'/'.join('N' if piece.isdecimal() else piece for piece in entry.path.split('/'))}"
        for entry in room.discord.log[after:]
        if not entry.path.startswith(("/interactions", "/webhooks"))
    ]


async def test_a_command_needs_a_thread_and_the_messages_of_its_answer_and_nothing_else(room: Room) -> None:
    async with room.running():
        before = len(room.discord.log)
        await room.maria.slash(room.channel, "chat", prompt="How do glaciers move?")
        await room.message(await room.thread(), WORDS, button="Regenerate")
        assert requests(room, before)[:2] == [
            "POST /channels/N/messages/N/threads",
            "POST /channels/N/messages",
        ]
        assert not any(request.startswith("GET") for request in requests(room, before))


async def test_a_question_with_files_gets_its_sign_while_they_load_and_can_be_taken_back(room: Room) -> None:
    room.discord.downloads.clear()
    async with room.running():
        await room.maria.slash(room.channel, "chat", prompt="what is this?", attachment=PICTURE)
        thread = await room.thread()
        await room.message(thread, "Thinking…")
        direct = room.maria.direct()
        question = await room.maria.say(direct, "and this?", files=[PICTURE])
        await room.message(direct, "Thinking…")
        await room.maria.delete(question)
        room.discord.downloads.set()
        shown = await room.message(thread, WORDS, button="Regenerate")
        assert len(thread.from_bot) == 1, "the sign became the answer"
        assert "[image]" in room.asked()
        assert shown.history[0].content.startswith("-# ")
        await room.discord.wait_for(lambda: not direct.from_bot)
        assert len(room.service.chats) == 1 + (len(room.service.chats) > 1)  # a title may have been asked for
        assert all("and this?" not in text_of(message) for call in room.service.chats for message in call.messages)


async def test_an_answer_without_words_says_so_and_can_be_tried_again(room: Room) -> None:
    room.script(chat_of([started(), chat_pb2.ChatResponse(reasoning="let me see"), finished(0)]))
    async with room.running():
        direct = room.maria.direct()
        await room.maria.say(direct, "Think hard.")
        empty = await room.message(direct, "empty answer", button="Try again")
        room.script(answer(WORDS))
        await room.maria.click(empty, "Try again")
        await room.message(direct, WORDS, button="Regenerate")


async def test_the_continued_text_stays_visible(room: Room) -> None:
    going_on = asyncio.Event()

    async def halves(request: chat_pb2.ChatRequest) -> AsyncIterator[chat_pb2.ChatResponse]:
        yield started(request.request_id)
        if len(room.service.chats) == 1:
            yield delta("The first half of it is quite long already, ")
            await asyncio.Event().wait()
        await going_on.wait()
        yield delta("and this is the second.")
        yield finished(23)

    room.script(halves)
    async with room.running():
        direct = room.maria.direct()
        await room.maria.say(direct, "Go on and on.")
        growing = await room.message(direct, "first half", button="Stop")
        await room.maria.click(growing, "Stop")
        stopped = await room.message(direct, "Stopped by Maria", button="Continue")
        seen = len(stopped.history)
        await room.maria.click(stopped, "Continue")
        await room.message(direct, "first half", button="Stop")
        going_on.set()
        whole = await room.message(direct, "and this is the second.", button="Regenerate")
        assert whole.id == stopped.id
        assert all("first half" in entry.content for entry in whole.history[seen:])


async def test_direct_messages_begin_anew_by_command_or_mention_and_a_reply_goes_back(room: Room) -> None:
    async with room.running():
        direct = room.maria.direct()
        await room.maria.say(direct, "My name is Maria.")
        first = await room.message(direct, WORDS, button="Regenerate")
        begun = await (await room.maria.slash(direct, "new")).answer()
        assert "Starting over" in begun.content
        await room.maria.say(direct, "Who am I?")
        await room.chats(2)
        assert all("Maria." not in text_of(message) for message in room.service.chats[1].messages)
        await room.discord.wait_for(lambda: sum("Regenerate" in message.buttons for message in direct.from_bot) == 2)
        await room.maria.say(direct, f"{room.me} And now?")
        await room.chats(3)
        assert [text_of(message) for message in room.service.chats[2].messages][1:] == ["And now?"]
        await room.discord.wait_for(lambda: sum("Regenerate" in message.buttons for message in direct.from_bot) == 3)
        await room.maria.say(direct, "And before?", reply_to=first)
        await room.chats(4)
        assert any("Maria." in text_of(message) for message in room.service.chats[3].messages)
        await room.discord.wait_for(lambda: sum("Regenerate" in message.buttons for message in direct.from_bot) == 4)


@pytest.mark.parametrize("kind", [VOICE, STAGE])
async def test_in_voice_and_stage_channels_a_reply_goes_on(room: Room, kind: int) -> None:
    async with room.running():
        place = room.discord.add_channel(room.guild, "talk", kind)
        await room.maria.slash(place, "chat", prompt="first")
        first = await room.message(place, WORDS, button="Regenerate")
        await room.maria.say(place, "second", reply_to=first)
        await room.chats(2)
        assert [text_of(message) for message in room.service.chats[1].messages][1:] == ["first", WORDS, "second"]
        await room.discord.wait_for(lambda: sum("Regenerate" in message.buttons for message in place.from_bot) == 2)


async def test_in_a_persons_thread_or_post_the_command_reads_what_was_said_and_a_reply_goes_on(room: Room) -> None:
    async with room.running():
        forum = room.discord.add_channel(room.guild, "help", FORUM)
        post = room.discord.add_thread(forum, "My fox is sick", room.maria)
        ben = await room.person("Ben")
        await ben.say(post, "Has it eaten grapes?")
        await room.maria.slash(post, "chat", prompt="What should I do?")
        first = await room.message(post, WORDS, button="Regenerate")
        assert "Has it eaten grapes?" in room.asked(0)
        assert "Read: one earlier message" in first.content
        await room.maria.say(post, "Are you sure?", reply_to=first)
        await room.chats(2)
        texts = [text_of(message) for message in room.service.chats[1].messages]
        assert WORDS in texts
        assert "Are you sure?" in texts[-1]
        await room.discord.wait_for(lambda: sum("Regenerate" in message.buttons for message in post.from_bot) == 2)


async def test_another_model_in_a_conversation_keeps_its_context_and_is_its_owners_to_choose(room: Room) -> None:
    ben = await room.person("Ben")
    async with room.running():
        await room.maria.slash(room.channel, "chat", prompt="first")
        thread = await room.thread()
        await room.message(thread, WORDS, button="Regenerate")
        refused = await (await ben.slash(thread, "chat", prompt="mine", model="second")).answer()
        assert refused.ephemeral
        assert "Only the person who started" in refused.content
        await room.maria.slash(thread, "chat", prompt="next", model="second")
        call = await room.discord.wait_for(
            lambda: next((one for one in room.service.chats if text_of(one.messages[-1]) == "next"), None)
        )
        assert call.model == "second"
        assert {one.conversation_id for one in (call, room.service.chats[0])} == {call.conversation_id}
        assert len(call.conversation_id) == 32
        assert [text_of(one) for one in call.messages][1:3] == ["first", WORDS]
        owner: Any = room.guild.owner
        card = await (await owner.slash(room.channel, "settings")).answer()
        await (await owner.click(card, "settings:2:answers:show")).acknowledged()
        assert "A member's own choice comes first" in card.text
        await (await owner.click(card, "settings:2:answers:lock_model")).acknowledged()
        await room.discord.wait_for(lambda: "Locked: everybody gets this model" in card.text)
        locked = await (await room.maria.slash(room.channel, "chat", prompt="hi", model="second")).answer()
        assert locked.ephemeral
        assert "locked its model" in locked.content


async def test_limits_of_a_role_and_retention_of_a_server_are_set_in_the_card(room: Room) -> None:
    from tests.fakes.discord.model import Role

    role = Role(room.discord.ids.next(), "guests")
    room.guild.roles.append(role)
    guest = room.discord.add_user("Gus", locale="ru")
    room.discord.join(room.guild, guest, roles=[role])
    async with room.running():
        owner: Any = room.guild.owner
        card = await (await owner.slash(room.channel, "settings")).answer()
        await (await owner.click(card, "settings:2:limits:show")).acknowledged()
        form = await (await owner.choose(card, "settings:2:limits:role_limit", [role])).acknowledged()
        await owner.submit_modal(form, user_requests_per_day="1")
        await room.discord.wait_for(lambda: f"<@&{role.id}>" in card.text)
        direct = await (await guest.slash(room.channel, "status")).answer()
        await room.discord.wait_for(lambda: "Осталось на сегодня: 1 из 1" in direct.content)
        await guest.slash(room.channel, "chat", prompt="раз")
        await room.message(await room.thread(), WORDS, button="Заново")
        full = await (await guest.slash(room.channel, "chat", prompt="два")).answer()
        assert "1 из 1" in full.content
        await room.maria.slash(room.channel, "chat", prompt="one of many")
        await room.message(await room.thread(2), WORDS, button="Regenerate")
        await (await owner.click(card, "settings:2:privacy:show")).acknowledged()
        await (await owner.choose(card, "settings:2:privacy:retention_days", ["7"])).acknowledged()
        await room.discord.wait_for(lambda: "How long I keep questions and answers: 7 days" in card.text)
        mine = await (await room.maria.slash(room.channel, "privacy")).answer()
        assert "after 7 days" in mine.content


async def test_pictures_are_refused_in_private_and_before_they_begin(room: Room) -> None:
    async with room.running():
        for prompt, file, text in (
            ("naked people", PICTURE, "age-restricted"),
            ("a fox", File("x.txt", b"words", "text/plain"), "I can't read x.txt"),
        ):
            order = await room.maria.slash(room.channel, "image", prompt=prompt, image=file)
            told = await room.message(room.channel, text)
            assert told.ephemeral
            assert not room.channel.from_bot
            await order.acknowledged()
        assert not room.service.images


async def test_examples_of_help_are_answered_and_drawn(room: Room) -> None:
    async with room.running():
        card = await (await room.maria.slash(room.channel, "help")).answer()
        interaction = await room.maria.click(card, "Explain black holes to a ten-year-old")
        shown = await room.discord.wait_for(
            lambda: interaction.response and WORDS in interaction.response.content and interaction.response
        )
        assert shown.ephemeral
        assert room.asked() == "Explain black holes to a ten-year-old"
        await room.maria.click(card, "Draw a fox in the snow")
        await room.discord.wait_for(lambda: room.service.images)
        assert room.service.images[0].prompt == "Draw a fox in the snow"
        await room.message(room.channel, "fox in the snow", button="Delete")


async def test_wide_tables_are_lists_and_a_picture_on_wish(room: Room) -> None:
    table = (
        "| Animal | What it does all day and all night |\n| --- | --- |\n| fox | jumps over the lazy dog |\n\nSo $x^2$."
    )
    room.script(answer(table))
    async with room.running():
        direct = room.maria.direct()
        await room.maria.say(direct, "Compare.")
        shown = await room.message(direct, "x²", button="Show as picture")
        assert "- **fox**\n  - What it does all day and all night: jumps over the lazy dog" in shown.content
        pressed = await room.maria.click(shown, "Show as picture")
        drawn = await room.discord.wait_for(
            lambda: pressed.response and pressed.response.attachments and pressed.response
        )
        assert drawn.ephemeral
        assert drawn.attachments[0].content.startswith(b"\x89PNG")
        assert drawn.attachments[0].description
