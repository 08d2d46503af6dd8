"""What a server's managers decide holds everywhere on it: models of a channel in its threads, tools, and what people use."""

from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest

from antiphon.v1 import chat_pb2, models_pb2
from tests.e2e.room import Room, a_room, model
from tests.fakes.discord.model import Message
from tests.fakes.discord.people import Person
from tests.fakes.inference import Refusal, delta, finished, info, started
from tests.service.test_unary import voice


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    async with a_room(tmp_path, QUOTAS__USER_REQUESTS_PER_HOUR="3", TOOLS__SEARCH_URL="https://searx.example/") as room:
        yield room


def owner_of(room: Room) -> Person:
    owner = room.guild.owner
    assert isinstance(owner, Person)
    return owner


async def test_a_recording_counts_when_it_is_heard_and_pays_for_its_answer(room: Room) -> None:
    direct = room.maria.direct()
    async with room.running():
        await room.maria.speak(direct, voice())
        await room.message(direct, "Glaciers are slow", button="Regenerate")
        assert room.asked() == "What do glaciers do?"
        usage = await (await room.maria.slash(direct, "usage")).answer()
        assert "one answer," in usage.content

        room.service.spoken = Refusal(grpc.StatusCode.UNAVAILABLE, "all are away", info("UNAVAILABLE"))
        await room.maria.speak(direct, voice())
        await room.message(direct, "couldn't listen")
        usage = await (await room.maria.slash(direct, "usage")).answer()
        assert "one answer," in usage.content, "what came to nothing is not charged"

        room.service.spoken = "  "
        for count in (1, 2):
            await room.maria.speak(direct, voice())
            await room.discord.wait_for(
                lambda count=count: sum("hear any words" in message.content for message in direct.written) >= count
            )
        heard = len(room.service.recordings)
        await room.maria.speak(direct, voice())
        await room.message(direct, "3 of 3")
        assert len(room.service.recordings) == heard, "nobody listens to what the quota does not allow"


async def test_the_model_of_a_channel_answers_in_its_threads_and_private_answers(room: Room) -> None:
    owner = owner_of(room)
    async with room.running():
        await (await owner.slash(room.channel, "model", model="second", scope="channel")).answer()
        await room.maria.say(room.channel, f"{room.me} hello")
        thread = await room.thread()
        await room.message(thread, button="Regenerate")
        assert room.service.chats[0].model == "second"
        await room.maria.slash(thread, "chat", prompt="quietly", private=True)
        await room.discord.wait_for(lambda: any("quietly" in str(chat.messages[-1]) for chat in room.service.chats))
        assert room.service.chats[-1].model == "second"

        # Taken back from inside the thread: it is the channel's, not the thread's.
        await (await owner.slash(thread, "model", scope="channel")).answer()
        await owner.say(thread, "and now?")
        await room.discord.wait_for(lambda: any("and now?" in str(chat.messages[-1]) for chat in room.service.chats))
        assert room.service.chats[-1].model == "chat"


async def page(room: Room, owner: Person, name: str) -> Message:
    card = await (await owner.slash(room.channel, "settings")).answer()
    await (await owner.click(card, name)).acknowledged()
    return card


async def test_managers_switch_each_tool_off_and_on(room: Room) -> None:
    owner = owner_of(room)
    room.service.listed.models[0].CopyFrom(model("chat", capabilities=models_pb2.Capabilities(tools=True)))

    async def offered(request: chat_pb2.ChatRequest) -> AsyncIterator[chat_pb2.ChatResponse]:
        yield started()
        yield delta("Done.")
        yield finished(5)

    room.script(offered)
    async with room.running():
        card = await page(room, owner, "Tools")
        assert [one for one in card.buttons if one.endswith(": on")] == [
            "Web search: on", "Message search: on", "Drawing: on", "Reminders: on",
        ]  # fmt: skip
        for label in ("Web search", "Drawing", "Reminders"):
            await (await owner.click(card, f"{label}: on")).acknowledged()
            await room.discord.wait_for(lambda label=label: f"{label}: off" in card.buttons)
        await room.maria.say(room.channel, f"{room.me} what can you do?")
        await room.message(await room.thread(), button="Regenerate")
        assert [tool.name for tool in room.service.chats[0].tools] == ["search_messages"]

        await (await owner.click(card, "Drawing: off")).acknowledged()
        await room.discord.wait_for(lambda: "Drawing: on" in card.buttons)
        await room.maria.say(room.channel, f"{room.me} and now?")
        await room.message(await room.thread(2), button="Regenerate")
        chat = next(one for one in room.service.chats if "and now?" in str(one.messages[-1]))
        assert sorted(tool.name for tool in chat.tools) == ["draw_picture", "search_messages"]
