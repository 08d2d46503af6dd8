"""At SIGTERM whatever runs gets an honest end: answers, summaries, recordings, commands; and the log holds no error."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from antiphon.v1 import chat_pb2
from tests.e2e.room import Room, a_room
from tests.fakes.inference import delta, started
from tests.service.test_unary import voice


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    async with a_room(tmp_path) as room:
        yield room


async def endless(_: chat_pb2.ChatRequest) -> AsyncIterator[chat_pb2.ChatResponse]:
    yield started()
    yield delta("Glaciers are slow rivers of ice, and this answer goes on. ")
    await asyncio.Event().wait()


async def test_everything_that_runs_at_the_end_says_so_and_nothing_breaks(
    room: Room, capsys: pytest.CaptureFixture[str]
) -> None:
    room.script(endless)
    room.service.may_hear.clear()
    ben = await room.person("Ben")
    olga = await room.person("Olga", locale="ru")
    async with room.running() as bot:
        await ben.say(room.channel, "The harvest is in.")
        answering = await room.maria.slash(room.channel, "chat", prompt="How do glaciers move?")
        catching_up = await olga.slash(room.channel, "catchup")
        await room.chats(2)
        await room.message(await room.thread(), "goes on", button="Stop")
        await ben.speak(ben.direct(), voice())
        await room.message(ben.direct(), "Thinking")
        await room.service.hearing.wait()
        await bot.finish_answers()

        thread = await room.thread()
        assert "I was restarted before I could finish." in thread.from_bot[-1].content
        assert "Continue" in thread.from_bot[-1].buttons
        assert answering.response is not None
        private = [one.content for one in room.channel.shown_to(olga) if one.ephemeral]
        assert any("Я перезапускаюсь" in one for one in private), private
        assert catching_up.response is not None
        # What was only being listened to is asked again by the next start; nothing of it hangs in the channel.
        assert not [one for one in ben.direct().from_bot if "Thinking" in one.content]

        # What comes now is turned away.
        late = await (await ben.slash(room.channel, "usage")).answer()
        assert late.content == "I'm restarting. Please try again in a minute."
        pressed = await ben.click(thread.from_bot[-1], "Regenerate")
        assert "restarting" in (await pressed.answer()).content
    said = capsys.readouterr()
    assert "[error" not in said.out + said.err
    assert "exception" not in said.out + said.err
