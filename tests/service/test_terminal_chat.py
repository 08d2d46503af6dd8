"""`antiphon chat` on a terminal: pasted text, several lines, commands, attachments, and the conversation of yesterday."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from antiphon.v1 import chat_pb2
from tests.fakes.inference import ScriptedInference, answer, pictures
from tests.support.terminal import Terminal, antiphon, surroundings

PNG = b"\x89PNG\r\n\x1a\n picture"
PASTE = "\x1b[200~{}\x1b[201~"
CONFIG = """
[bot.personas.pirate]
name = "Pirate"
prompt = "Talk like a pirate."
"""


@pytest.fixture
async def fake() -> AsyncIterator[ScriptedInference]:
    async with ScriptedInference() as scripted:
        yield scripted


def texts(request: chat_pb2.ChatRequest) -> list[str]:
    return ["".join(part.text for part in message.parts) for message in request.messages]


async def test_a_conversation_takes_lines_pastes_commands_and_attachments(
    fake: ScriptedInference, tmp_path: Path
) -> None:
    environ = {"XDG_STATE_HOME": str(tmp_path / "state"), "XDG_CONFIG_HOME": str(tmp_path / "config")}
    (tmp_path / "config" / "antiphon").mkdir(parents=True)
    (tmp_path / "config" / "antiphon" / "antiphon.toml").write_text(CONFIG)  # the configuration of the user
    (tmp_path / "notes.txt").write_text("Foxes are red.")
    (tmp_path / "fox.png").write_bytes(PNG)
    fake.on_chat(answer("It is **so**."))
    fake.on_image(pictures(PNG))
    arguments = ("chat", "-t", fake.target, "--top-k", "40")
    async with Terminal.running(*arguments, directory=tmp_path, environ=environ) as terminal:
        seen = await terminal.shows("> ")

        async def enter(keys: str, expected: str) -> None:
            nonlocal seen
            terminal.type(keys + "\r")
            seen = await terminal.shows(expected, seen)
            seen = await terminal.shows("> ", seen)

        await enter(PASTE.format("first line\nsecond line\n\nfourth"), "It is so.")
        await enter("one\\\rtwo\x1b\rthree", "It is so.")
        await enter("/file notes.txt", "Attached notes.txt")
        await enter("/image fox.png", "Attached fox.png")
        await enter("/persona pirate", "Persona: pirate.")
        await enter("/model groq/fast", "Using groq/fast")
        await enter("What is this?", "It is so.")
        await enter("/imgae x", "Did you mean /image?")
        await enter("/image a fox in snow", "image.png (64x64")
        await enter("/save talk.md", "Saved as talk.md.")
        await enter("/save talk.md", "exists already")
        await enter("/help", "Alt-Enter")
        terminal.type("half a line")
        terminal.type("\x03")  # clears the line and ends nothing
        terminal.type("\x04")
        assert await terminal.ended() == 0
    first, second, third = fake.chats
    assert texts(first) == ["first line\nsecond line\n\nfourth"]
    assert first.sampling.top_k == 40
    assert texts(second)[-1] == "one\ntwo\nthree"
    assert texts(third)[0] == "Talk like a pirate."
    assert texts(third)[-1] == "What is this?\n\nnotes.txt:\n```\nFoxes are red.\n```"
    assert third.messages[-1].parts[0].image.mime_type == "image/png"
    assert third.model == "groq/fast"
    assert "## Answer\n\nIt is **so**." in (tmp_path / "talk.md").read_text()
    prompts = tmp_path / "state" / "antiphon" / "prompts"
    assert "second line" in prompts.read_text()
    assert prompts.stat().st_mode & 0o077 == 0
    # The next day.
    ran = await antiphon("chat", "-c", "And", "now?", "-t", fake.target, directory=tmp_path, environ=environ)
    assert (ran.code, ran.out) == (0, "It is **so**.\n"), ran.err
    assert texts(fake.chats[-1])[-1] == "And now?"
    assert len(fake.chats[-1].messages) == 8
    assert fake.chats[-1].model == "groq/fast"


async def test_private_stores_nothing_and_files_and_pipes_join_the_question(
    fake: ScriptedInference, tmp_path: Path
) -> None:
    environ = {"XDG_STATE_HOME": str(tmp_path / "state")}
    (tmp_path / "a.txt").write_text("A")
    fake.on_chat(answer("Yes."))
    arguments = ("chat", "Why?", "-f", "a.txt", "--private", "-t", fake.target)
    ran = await antiphon(*arguments, directory=tmp_path, environ=environ, stdin=b"piped")
    assert (ran.code, ran.out) == (0, "Yes.\n")
    assert texts(fake.chats[0]) == ["Why?\n\na.txt:\n```\nA\n```\n\npiped"]
    assert not (tmp_path / "state").exists()
    ran = await antiphon("chat", "-c", "?", "-t", fake.target, directory=tmp_path, environ=environ)
    assert (ran.code, "no conversation to continue" in ran.err) == (2, True)


async def test_an_output_that_is_not_utf_8_loses_no_answer_and_no_json(fake: ScriptedInference, tmp_path: Path) -> None:
    fake.on_chat(answer("Лиса ✓ café"))
    environ = surroundings({"PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0"})

    async def ran(*arguments: str) -> tuple[int | None, bytes]:
        command = ("-m", "antiphon", "chat", "?", "-t", fake.target, *arguments)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *command,
            cwd=tmp_path,
            env=environ,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
        )
        out, _ = await process.communicate()
        return process.returncode, out

    assert await ran() == (0, "???? ? café\n".encode("cp1252"))
    code, out = await ran("--json")
    lines = [json.loads(line) for line in out.decode("ascii").splitlines()]
    assert (code, lines[1]["text"]) == (0, "Лиса ✓ café")


async def test_json_of_a_picture_names_its_file(fake: ScriptedInference, tmp_path: Path) -> None:
    fake.on_image(pictures(PNG))
    ran = await antiphon("image", "fox", "--json", "-t", fake.target, directory=tmp_path)
    lines = {line["event"]: line for line in map(json.loads, ran.out.splitlines())}
    assert lines["image"]["path"] == str(tmp_path / "image.png")
    assert (tmp_path / "image.png").read_bytes() == PNG
    assert lines["finished"]["images"] == 1
    ran = await antiphon("image", "fox", "-t", fake.target, directory=tmp_path)
    assert ran.out.startswith("image-2.png (64x64")
    ran = await antiphon("image", "fox", "-o", "image.png", "-t", fake.target, directory=tmp_path)
    assert (ran.code, "--force" in ran.err) == (2, True)


async def test_the_version_describes_the_platform(tmp_path: Path) -> None:
    ran = await antiphon("--version", directory=tmp_path)
    first, *rest = ran.out.splitlines()
    assert first.startswith("antiphon 0.")
    for word in ("Python", "grpcio", "protobuf", "client, service, bot", "utf-8"):
        assert any(word in line for line in rest), word
