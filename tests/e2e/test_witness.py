"""The witness: of every kind of input that Discord has, the service gets what the person sent, or the person is told."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.bot.test_documents import docx
from tests.e2e.room import Room, a_room
from tests.fakes.discord.model import File
from tests.fakes.upstream.replies import png


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    async with a_room(tmp_path, QUOTAS__USER_REQUESTS_PER_HOUR="0") as room:
        yield room


@dataclass
class Sent:
    """What a person sends, what the service is to get of it, and what the person is to be told was left out."""

    text: str = "look"
    files: list[File] = field(default_factory=list)
    shown: dict[str, Any] = field(default_factory=dict)
    got: tuple[str, ...] = ()
    told: str = ""


POLL = {
    "question": {"text": "Which fox?"},
    "answers": [{"answer_id": 1, "poll_media": {"text": "red"}}, {"answer_id": 2, "poll_media": {"text": "grey"}}],
    "expiry": "2030-01-01T00:00:00+00:00",
    "allow_multiselect": False,
    "layout_type": 1,
}
EVERYTHING = {
    "words": Sent("Why is the sky blue?", got=("Why is the sky blue?",)),
    "markup": Sent("**bold** ||hidden|| `code` 日本 👩‍👩‍👧", got=("**bold** ||hidden|| `code` 日本 👩‍👩‍👧",)),
    "custom emoji": Sent("<:fox:123> runs", got=(":fox: runs",)),
    "a moment": Sent("at <t:0:R>", got=("at 1970-01-01 00:00 UTC",)),
    "a sticker": Sent("", shown={"stickers": ["Waving fox"]}, got=("[sticker: Waving fox]",)),
    "a poll": Sent("", shown={"poll": POLL}, got=("[poll: Which fox? – red; grey]",)),
    "a picture": Sent(files=[File("a.png", png(), "image/png")], got=("look", "[image]")),
    "code": Sent(files=[File("a.py", b"print('hi')", "text/x-python")], got=("look", "[a.py]\nprint('hi')")),
    "an old encoding": Sent(files=[File("a.txt", "привет".encode("cp1251"), "text/plain")], got=("привет",)),
    "a document": Sent(
        files=[File("a.docx", docx("<w:p><w:r><w:t>Dear fox</w:t></w:r></w:p>"), "application/octet-stream")],
        got=("Dear fox",),
    ),
    "a broken picture": Sent(files=[File("b.png", b"\x89PNG broken", "image/png")], got=("look",), told="b.png"),
    "a HEIC picture": Sent(files=[File("c.heic", b"\0\0\0\x18ftypheic" + bytes(40), "")], got=("look",), told="HEIC"),
    "a program": Sent(files=[File("d.bin", bytes(range(256)) * 9, "")], got=("look",), told="d.bin"),
    "too many files": Sent(
        files=[File(f"{n}.txt", f"number {n}".encode(), "text/plain") for n in range(8)],
        got=("number 0", "number 5"),
        told="left out 2 files",
    ),
}


async def test_every_kind_of_input_reaches_the_service_or_the_person_gets_a_notice(room: Room) -> None:
    direct = room.maria.direct()
    async with room.running():
        for number, (kind, sent) in enumerate(EVERYTHING.items(), 1):
            await room.maria.say(direct, sent.text, files=sent.files, **sent.shown)
            await room.discord.wait_for(
                lambda number=number: sum("Regenerate" in message.buttons for message in direct.from_bot) == number  # type: ignore[misc]
            )
            got = room.asked(number - 1)
            assert all(words in got for words in sent.got), (kind, got)
            answer = direct.from_bot[-1].content
            assert sent.told in answer, (kind, answer)
            if not sent.told:
                assert "left out" not in answer, (kind, answer)


async def test_a_forwarded_and_a_quoted_message_arrive_with_all_they_hold(room: Room) -> None:
    ben = await room.person("Ben")
    room.channel.overwrites[room.guild.id] = (0, 1 << 35)  # no threads: all of it stands in one channel
    embed = {"title": "Release 2.0", "description": "Faster foxes", "fields": [{"name": "Size", "value": "small"}]}
    async with room.running():
        news = await ben.say(
            room.channel, "Look:", embeds=[embed], files=[File("fox.png", png(), "image/png")], stickers=["Waving fox"]
        )
        await room.maria.say(room.channel, f"{room.me} what is this?", reply_to=news)
        await room.chats(1)
        for words in ("Ben wrote:", "Look:", "Release 2.0", "Faster foxes", "Size: small", "Waving fox", "[image]"):
            assert words in room.asked(0)
        forward = await room.maria.say(room.channel, forwarded=news)
        await room.maria.say(room.channel, f"{room.me} and this?", reply_to=forward)
        await room.chats(2)
        for words in ("Look:", "Faster foxes", "[image]"):
            assert words in room.asked(1)
        await room.discord.wait_for(
            lambda: sum("Regenerate" in message.buttons for message in room.channel.from_bot) == 2
        )
