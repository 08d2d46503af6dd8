"""The command against a scripted service: what a person sees, what a program reads, which code it ends with."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
import trustme

from antiphon import errors
from antiphon.cli import output
from antiphon.names import deployment_of, deployments_of, failure_of
from antiphon.v1 import chat_pb2, common_pb2, models_pb2, operations_pb2
from tests.fakes.inference import (
    ScriptedInference,
    answer,
    chat_of,
    delta,
    finished,
    handover,
    info,
    pictures,
    refuse,
    retry,
    started,
    tried,
)
from tests.support.terminal import Terminal, antiphon

PNG = b"\x89PNG\r\n\x1a\n picture"
STATUS = grpc.StatusCode


@pytest.fixture
async def fake() -> AsyncIterator[ScriptedInference]:
    async with ScriptedInference() as scripted:
        yield scripted


async def test_an_answer_goes_to_standard_output_and_nothing_else_does(fake: ScriptedInference, tmp_path: Path) -> None:
    notice = common_pb2.Notice(kind=common_pb2.NOTICE_KIND_DROPPED, field="sampling.seed", message="no seed here")
    fake.on_chat(
        chat_of([started(), chat_pb2.ChatResponse(notice=notice), delta("Foxes "), delta("are red."), finished(14)])
    )
    ran = await antiphon(
        "chat", "Tell me", "about foxes", "-t", fake.target, "-s", "Be brief.", "--seed", "7", directory=tmp_path
    )
    assert ran.code == 0
    assert ran.out == "Foxes are red.\n"
    assert "no seed here" in ran.err
    assert fake.chats[0].messages[0].parts[0].text == "Be brief."
    assert fake.chats[0].messages[1].parts[0].text == "Tell me about foxes"
    assert fake.chats[0].model == "chat"
    assert fake.chats[0].sampling.seed == 7


async def test_standard_input_and_pictures_become_part_of_the_question(fake: ScriptedInference, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(PNG)
    (tmp_path / "b.jpg").write_bytes(b"\xff\xd8\xff jpeg")
    arguments = ("chat", "Review", "-t", fake.target, "-i", "a.png", "-i", "b.jpg")
    ran = await antiphon(*arguments, directory=tmp_path, stdin="diff –\n+ лиса\n".encode())
    assert ran.code == 0, ran.err
    *images, text = fake.chats[0].messages[0].parts
    assert [part.image.mime_type for part in images] == ["image/png", "image/jpeg"]
    assert text.text == "Review\n\ndiff –\n+ лиса"
    assert fake.chats[0].model == "vision"


@pytest.mark.parametrize(
    ("arguments", "stdin", "said"),
    [
        (["chat"], b"", "What is the question?"),
        (["chat", "?"], b"\xff\xfe\x00", "not text"),
        (["chat", "?", "-i", "notes.txt"], b"", "not a PNG, JPEG, GIF or WebP"),
        (["chat", "?", "--temperature", "9"], b"", "less than or equal to 2"),
        (["chat", "?", "--seed", "99999999999999999999999"], b"", "range"),
        (["image", "fox", "-o", "nowhere/fox.png"], b"", "there is no such folder"),
        (["image", "fox", "-o", "fox.bmp"], b"", "suffix must be one of"),
        (["image", "fox", "-o", "fox.png", "--format", "webp"], b"", "says png, but --format says webp"),
        (["image", "fox", "--size", "big"], b"", "must look like 1024x768"),
        (["image", "fox", "--size", "64x64", "--aspect", "1:1"], b"", "not both"),
        (["models", "poems"], b"", "use chat or image"),
        (["nonsense"], b"", "No such command"),
    ],
)
async def test_wrong_usage_is_one_sentence_and_code_2_and_asks_nobody(
    fake: ScriptedInference, tmp_path: Path, arguments: list[str], stdin: bytes, said: str
) -> None:
    (tmp_path / "notes.txt").write_text("words")
    target = ["-t", fake.target] if arguments != ["nonsense"] else []
    ran = await antiphon(*arguments, *target, directory=tmp_path, stdin=stdin)
    assert ran.code == 2
    assert said in ran.err
    assert "Traceback" not in ran.err
    assert ran.out == ""
    assert not fake.chats
    assert not fake.images


@pytest.mark.parametrize(
    ("script", "code", "said"),
    [
        (refuse(STATUS.NOT_FOUND, "there is no model 'x'; near is 'chat'", info("UNKNOWN_MODEL")), 2, "near is 'chat'"),
        (refuse(STATUS.FAILED_PRECONDITION, "the provider refuses", info("CONTENT_REFUSED")), 4, "refuses"),
        (refuse(STATUS.UNAUTHENTICATED, "a token is needed", info("TOKEN")), 4, "ANTIPHON_TOKEN"),
        (refuse(STATUS.RESOURCE_EXHAUSTED, "all rest", info("EXHAUSTED"), retry(30)), 3, "Try again in 30 s"),
        (
            refuse(STATUS.UNAVAILABLE, "nobody answers", info("NONE"), tried(("a/b", "server_error", 500))),
            3,
            "a/b: server error (HTTP 500)",
        ),
        (chat_of([started(), delta("Once")]), 3, "the service sent no final event"),
        (chat_of([started(), delta("Once"), finished(9)]), 1, "should have 9"),
    ],
    ids=["unknown", "refused", "token", "exhausted", "unavailable", "interrupted", "incomplete"],
)
async def test_each_failure_has_its_code_and_says_what_to_do(
    fake: ScriptedInference, tmp_path: Path, script: object, code: int, said: str
) -> None:
    fake.on_chat(script)  # type: ignore[arg-type] # a script by construction
    ran = await antiphon("chat", "?", "-t", fake.target, directory=tmp_path)
    assert (ran.code, "Traceback" in ran.err) == (code, False)
    assert said in ran.err


async def test_a_service_that_is_not_there_is_code_3_and_a_hint(tmp_path: Path) -> None:
    ran = await antiphon("chat", "?", "-t", "127.0.0.1:1", directory=tmp_path)
    assert ran.code == 3
    assert "antiphon up" in ran.err


async def test_json_is_one_event_a_line_and_an_error_is_one_too(fake: ScriptedInference, tmp_path: Path) -> None:
    fake.on_chat(answer("Лиса"))
    ran = await antiphon("chat", "?", "--json", "-t", fake.target, directory=tmp_path)
    lines = [json.loads(line) for line in ran.out.splitlines()]
    assert [line["event"] for line in lines] == ["started", "delta", "usage", "finished"]
    assert lines[1]["text"] == "Лиса"
    fake.on_chat(refuse(STATUS.RESOURCE_EXHAUSTED, "all rest", info("EXHAUSTED"), retry(30)))
    ran = await antiphon("chat", "?", "--json", "-t", fake.target, directory=tmp_path)
    (line,) = [json.loads(line) for line in ran.out.splitlines()]
    assert (line["event"], line["kind"], line["retry_after"], ran.code) == ("error", "QuotaExceeded", 30.0, 3)


async def test_a_restarted_answer_is_said_again_whole(fake: ScriptedInference, tmp_path: Path) -> None:
    fake.on_chat(chat_of([started(), delta("The old"), handover(4), delta("new answer"), finished(14)]))
    ran = await antiphon("chat", "?", "-t", fake.target, directory=tmp_path)
    assert ran.out.endswith("\nThe new answer\n")
    assert "fake/two starts again" in ran.err


async def test_one_picture_goes_to_its_file_and_several_are_numbered(fake: ScriptedInference, tmp_path: Path) -> None:
    fake.on_image(pictures(PNG))
    wish = ("--size", "512x512", "--seed", "7", "--steps", "4", "--guidance", "3.5", "--negative", "dogs")
    ran = await antiphon("image", "a", "fox", "-o", "fox.png", *wish, "-t", fake.target, directory=tmp_path)
    assert ran.code == 0, ran.err
    assert (tmp_path / "fox.png").read_bytes() == PNG
    assert ran.out == "fox.png (64x64, seed 0)\n"
    asked = fake.images[0]
    assert (asked.prompt, asked.size.width, asked.seed, asked.steps) == ("a fox", 512, 7, 4)
    assert (asked.guidance_scale, asked.negative_prompt, asked.count) == (3.5, "dogs", 1)
    fake.on_image(pictures(PNG, PNG + b"2"))
    many = ("image", "fox", "-o", "fox.webp", "-n", "2", "--aspect", "16:9", "-t", fake.target)
    ran = await antiphon(*many, directory=tmp_path)
    assert ran.code == 0, ran.err
    assert (tmp_path / "fox-2.webp").read_bytes() == PNG + b"2"
    assert (fake.images[1].aspect_ratio.horizontal, fake.images[1].aspect_ratio.vertical) == (16, 9)


async def test_no_picture_at_all_is_a_failure(fake: ScriptedInference, tmp_path: Path) -> None:
    fake.on_image(pictures())
    ran = await antiphon("image", "fox", "-t", fake.target, directory=tmp_path)
    assert ran.code == 3
    assert not list(tmp_path.iterdir())


async def test_listings_status_reload_and_health(fake: ScriptedInference, tmp_path: Path) -> None:
    fake.listed.models.append(
        models_pb2.Model(
            name="chat [x]", tasks=[models_pb2.TASK_CHAT], deployments=deployments_of(["fake/one"]), available=False
        )
    )
    provider = fake.status.providers.add(name="github")
    token = provider.credentials.add(name="GIT_TOKEN2 …x7Qa", state=operations_pb2.CREDENTIAL_STATE_COOLDOWN)
    token.wakes_at.GetCurrentTime()
    token.wakes_at.seconds += 7200
    provider.deployments.add(
        deployment=deployment_of("github/gpt-4o-mini"),
        breaker=operations_pb2.BREAKER_STATE_OPEN,
        reason=failure_of("timeout"),
    )
    fake.status.routes.add(model="chat", deployments=deployments_of(["github/gpt-4o-mini", "mistral/large"]))
    fake.status.recent_handovers.add(
        from_deployment=deployment_of("a/b"),
        to_deployment=deployment_of("c/d"),
        reason=failure_of("stream_cut"),
        keep_chars=12,
    )
    models = await antiphon("models", "-t", fake.target, directory=tmp_path)
    assert "chat [x]" in models.out
    assert "not now" in models.out
    status = await antiphon("status", "-t", fake.target, directory=tmp_path)
    for text in ("GIT_TOKEN2 …x7Qa", "cooldown", "2 h", "open (timeout)", "github/gpt-4o-mini → mistral/large", "c/d"):
        assert text in status.out
    shown = json.loads((await antiphon("status", "--json", "-t", fake.target, directory=tmp_path)).out)
    assert shown["providers"][0]["credentials"][0]["name"] == "GIT_TOKEN2 …x7Qa"
    assert "No usage yet" in (await antiphon("usage", "-t", fake.target, directory=tmp_path)).out
    fake.changes.append("routes: chat has changed")
    assert "chat has changed" in (await antiphon("reload", "-t", fake.target, directory=tmp_path)).out
    assert (await antiphon("health", "-t", fake.target, directory=tmp_path)).code == 0
    fake.ready = False
    assert (await antiphon("health", "-t", fake.target, directory=tmp_path)).code == 3


async def test_a_conversation_on_a_terminal_remembers_begins_again_and_ends(
    fake: ScriptedInference, tmp_path: Path
) -> None:
    fake.on_chat(answer("Because of\x1b[2J the air."))
    async with Terminal.running("chat", "-t", fake.target, directory=tmp_path) as terminal:
        await terminal.shows("> ")
        terminal.type("Why is the sky blue?\r")
        seen = await terminal.shows("Because of[2J the air.\n")  # it may write, not steer
        seen = await terminal.shows("> ", seen)
        terminal.type("And at night?\r")
        seen = await terminal.shows("the air.\n", seen)
        seen = await terminal.shows("> ", seen)
        terminal.type("/new\r")
        seen = await terminal.shows("A new conversation.", seen)
        terminal.type("Hello\r")
        seen = await terminal.shows("the air.\n", seen)
        terminal.type("/quit\r")
        assert await terminal.ended() == 0
    assert [len(chat.messages) for chat in fake.chats] == [1, 3, 1]
    assert fake.chats[1].messages[1].role == chat_pb2.ROLE_ASSISTANT


async def test_ctrl_c_stops_an_answer_and_at_the_prompt_it_ends(fake: ScriptedInference, tmp_path: Path) -> None:
    async def endless(_: chat_pb2.ChatRequest) -> AsyncIterator[chat_pb2.ChatResponse]:
        yield started()
        yield delta("On and on")
        await asyncio.Event().wait()

    fake.on_chat(endless)
    async with Terminal.running("chat", "-t", fake.target, directory=tmp_path) as terminal:
        await terminal.shows("> ")
        terminal.type("Go\r")
        seen = await terminal.shows("On and on")
        terminal.type("\x03")
        seen = await terminal.shows("> ", seen)
        await asyncio.wait_for(fake.cancelled.wait(), 30)
        fake.on_chat(refuse(STATUS.UNAVAILABLE, "nobody answers", info("NONE")))
        terminal.type("And now?\r")
        seen = await terminal.shows("nobody answers", seen)
        seen = await terminal.shows("> ", seen)
        terminal.interrupt_prompt()
        assert await terminal.ended() == 0
        assert "Traceback" not in terminal.screen


async def test_ctrl_c_ends_a_single_question_with_130(fake: ScriptedInference, tmp_path: Path) -> None:
    async def endless(_: chat_pb2.ChatRequest) -> AsyncIterator[chat_pb2.ChatResponse]:
        yield started()
        yield delta("On and on")
        await asyncio.Event().wait()

    fake.on_chat(endless)
    async with Terminal.running("chat", "Go", "-t", fake.target, directory=tmp_path) as terminal:
        await terminal.shows("On and on")
        terminal.type("\x03")
        assert await terminal.ended() == 130
        assert "Traceback" not in terminal.screen


async def test_a_service_that_dies_within_an_answer_is_said_in_our_words_only(
    fake: ScriptedInference, tmp_path: Path
) -> None:
    async def dies(_: chat_pb2.ChatRequest) -> AsyncIterator[chat_pb2.ChatResponse]:
        yield started()
        yield delta("It was ")
        dying.append(asyncio.create_task(fake.stop()))

    dying: list[asyncio.Task[None]] = []
    fake.on_chat(dies)
    ran = await antiphon("chat", "?", "-t", fake.target, directory=tmp_path, fresh=True)
    await asyncio.gather(*dying)
    assert (ran.code, ran.out) == (3, "It was \n")
    assert len(ran.err.splitlines()) == 2, ran.err
    assert ran.err.splitlines()[1].startswith("  Request ")


async def test_a_certificate_that_is_not_trusted_is_said_in_our_words_only(tmp_path: Path) -> None:
    leaf = trustme.CA().issue_cert("127.0.0.1")
    chain = b"".join(blob.bytes() for blob in leaf.cert_chain_pems)
    served = grpc.ssl_server_credentials([(leaf.private_key_pem.bytes(), chain)])
    async with ScriptedInference(credentials=served) as fake:
        environ = {"ANTIPHON__CLIENT__TLS": "true"}
        ran = await antiphon("models", "-t", fake.target, directory=tmp_path, environ=environ, fresh=True)
    assert ran.code == 3
    first, second = ran.err.splitlines()
    assert "its certificate is not trusted" in first
    assert "--target" in second


async def test_a_watched_status_waits_for_a_service_that_comes_back(fake: ScriptedInference, tmp_path: Path) -> None:
    async with Terminal.running("status", "--watch", "-t", fake.target, directory=tmp_path) as terminal:
        await terminal.shows("2 running")
        await fake.stop()
        seen = await terminal.shows("waiting for the service")
        await fake.start()
        await terminal.shows("2 running", seen)
        terminal.type("\x03")
        assert await terminal.ended() == 130


async def test_help_explains_every_command_and_needs_nothing_heavy(tmp_path: Path) -> None:
    shown = await antiphon("--help", directory=tmp_path)
    assert shown.code == 0
    for text in (
        "up",
        "serve",
        "bot",
        "check",
        "chat",
        "image",
        "models",
        "usage",
        "status",
        "reload",
        "health",
        "130",
    ):
        assert text in shown.out
    for command in ("chat", "image", "status"):
        assert "--target" in (await antiphon(command, "--help", directory=tmp_path)).out
    script = (
        "import sys, antiphon.cli.app; print([name for name in ('grpc', 'pydantic', 'rich') if name in sys.modules])"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert out.decode().strip() == "[]"


def test_every_wrong_field_is_reported_once(capsys: pytest.CaptureFixture[str]) -> None:
    error = errors.InvalidRequest("size.width: is 7; steps: is 999")
    error.violations = [("size.width", "is 7"), ("steps", "is 999"), ("model", "no such model: qwen:coder:free")]
    output.complain(error)
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["size.width: is 7", "steps: is 999", "model: no such model: qwen:coder:free"]
