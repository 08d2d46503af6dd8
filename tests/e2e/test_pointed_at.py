"""Whatever a question points at keeps its author and its kind: recordings, polls and their results, posts, threads on answers."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from antiphon.v1 import models_pb2
from tests.e2e.room import WORDS, Room, a_room, model, text_of
from tests.e2e.test_witness import POLL
from tests.fakes.discord.model import FORUM, File
from tests.fakes.upstream.replies import png
from tests.service.test_unary import voice


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    async with a_room(tmp_path, QUOTAS__USER_REQUESTS_PER_HOUR="0") as room:
        yield room


async def asks(room: Room, *words: str) -> str:
    """The question with the words, once the service has got it."""

    def look() -> str | None:
        texts = [text_of(chat.messages[-1]) for chat in room.service.chats]
        return next((text for text in texts if all(word in text for word in words)), None)

    message: str = await room.discord.wait_for(look)
    return message


async def test_a_recording_belongs_to_whoever_spoke_and_not_to_whoever_points_at_it(room: Room) -> None:
    ben = await room.person("Ben")
    async with room.running():
        spoken = await ben.speak(room.channel, voice())
        await room.maria.say(room.channel, f"{room.me} is he right?", reply_to=spoken)
        text = await asks(room, "is he right?")
        assert text.startswith("Ben wrote:\n> What do glaciers do?")
        forward = await room.maria.say(room.channel, forwarded=spoken)
        await room.maria.say(room.channel, f"{room.me} and this?", reply_to=forward)
        text = await asks(room, "and this?")
        assert "> What do glaciers do?" in text
        assert "Maria: What do glaciers do?" not in text


async def test_polls_come_with_their_votes_and_their_results(room: Room) -> None:
    counts = [{"id": 1, "count": 3, "me_voted": False}, {"id": 2, "count": 1, "me_voted": False}]
    answers = [
        {"answer_id": 1, "poll_media": {"text": "red", "emoji": {"id": None, "name": "🦊"}}},
        {"answer_id": 2, "poll_media": {"text": "grey"}},
    ]
    poll: dict[str, Any] = POLL | {"answers": answers, "results": {"is_finalized": True, "answer_counts": counts}}
    fields = {
        "poll_question_text": "Which fox?", "victor_answer_votes": "3", "total_votes": "4",
        "victor_answer_id": "1", "victor_answer_text": "red",
    }  # fmt: skip
    result = {"type": "poll_result", "fields": [{"name": name, "value": value} for name, value in fields.items()]}
    async with room.running():
        voted = await room.maria.say(room.channel, poll=poll)
        await room.maria.say(room.channel, f"{room.me} who wins?", reply_to=voted)
        assert "[poll: Which fox? – 🦊 red (3); grey (1)]" in await asks(room, "who wins?")
        ended = await room.maria.say(room.channel, embeds=[result])
        await room.maria.say(room.channel, f"{room.me} and so?", reply_to=ended)
        assert "[result of the poll: Which fox? – red, 3 of 4 votes]" in await asks(room, "and so?")
        waved = await room.maria.say(room.channel, stickers=["Waving fox"])
        await room.maria.say(room.channel, f"{room.me} what is that?", reply_to=waved)
        assert "[sticker: Waving fox]" in await asks(room, "what is that?")


async def test_a_forum_post_comes_with_its_title(room: Room) -> None:
    forum = room.discord.add_channel(room.guild, "help", FORUM)
    post = room.discord.add_thread(forum, "My fox is sick", room.maria)
    ben = await room.person("Ben")
    async with room.running():
        await ben.say(post, f"{room.me} any advice?")
        assert "[post: My fox is sick]" in await asks(room, "any advice?")


async def test_a_thread_that_somebody_opens_on_an_answer_goes_on_from_it(room: Room) -> None:
    room.channel.overwrites[room.guild.id] = (0, 1 << 35)  # the bot opens no threads, people do
    ben = await room.person("Ben")
    async with room.running():
        await room.maria.say(room.channel, f"{room.me} How do glaciers move?")
        answer = await room.message(room.channel, WORDS, button="Regenerate")
        # A reply is answered behind the first answer, and so after that was noted down.
        await room.maria.say(room.channel, "Really?", reply_to=answer)
        await room.discord.wait_for(lambda: sum("Regenerate" in one.buttons for one in room.channel.from_bot) == 2)
        room.channel.overwrites.clear()
        thread = await ben.open_thread(answer, "Ice")
        await ben.say(thread, "And how fast?")
        await asks(room, "And how fast?")
        texts = [text_of(message) for message in room.service.chats[-1].messages]
        assert any("How do glaciers move?" in text for text in texts)
        assert WORDS in texts


async def test_what_begins_with_a_hidden_picture_is_hidden(room: Room) -> None:
    room.service.listed.models[2].CopyFrom(
        model("image", models_pb2.TASK_IMAGE, capabilities=models_pb2.Capabilities(input_image=True))
    )
    async with room.running():
        hidden = File("SPOILER_fox.png", png(), "image/png")
        drawn = await room.maria.slash(room.channel, "image", prompt="the same at night", image=hidden)
        done = await room.discord.wait_for(
            lambda: drawn.response and "Delete" in drawn.response.buttons and drawn.response
        )
        assert all(attachment.filename.startswith("SPOILER_") for attachment in done.attachments)
