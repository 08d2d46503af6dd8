"""The command, as a person calls it: real processes, a real terminal's streams, exit codes."""

import json
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.processes import Process, running
from tests.support.terminal import QUICK, antiphon


@pytest.fixture
async def target(tmp_path: Path) -> AsyncIterator[str]:
    async with running("inference_service", directory=tmp_path, environ=QUICK) as service:
        yield (await service.line("ready: ")).split()[1]


async def call(folder: Path, *arguments: str, stdin: str = "", **environ: str) -> tuple[int, str, str]:
    ran = await antiphon(*arguments, directory=folder, environ=environ, stdin=stdin.encode())
    assert "Traceback" not in ran.err
    return ran.code, ran.out, ran.err


async def test_a_question_is_answered_and_standard_input_belongs_to_it(tmp_path: Path, target: str) -> None:
    code, out, _ = await call(tmp_path, "chat", "-t", target, "Review", "this", stdin="the piped text")
    assert code == 0
    assert "offline demo voice" in out
    assert "Review this the piped text" in out


async def test_json_is_one_event_a_line(tmp_path: Path, target: str) -> None:
    code, out, _ = await call(tmp_path, "chat", "-t", target, "--json", "hi")
    found = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [found[0]["event"], found[-1]["event"]] == ["started", "finished"]
    assert found[-1]["total_chars"] == sum(len(one.get("text", "")) for one in found)


async def test_pictures_land_in_files(tmp_path: Path, target: str) -> None:
    code, out, _ = await call(
        tmp_path, "image", "-t", target, "a fox", "-o", "fox.webp", "-n", "2", "--size", "128x96", "--seed", "5"
    )
    assert code == 0
    assert "fox-1.webp (128x96, seed 5)" in out
    assert (tmp_path / "fox-2.webp").read_bytes()[8:12] == b"WEBP"


@pytest.mark.parametrize(
    ("arguments", "expected", "text"),
    [
        (("chat", "-m", "nope", "hi"), 2, "there is no model 'nope'"),
        (("chat",), 2, "What is the question?"),
        (("chat", "-i", "missing.png", "hi"), 1, "missing.png"),
        (("image", "x", "-o", "fox.txt"), 2, "the suffix must be one of"),
        (("image", "x", "-o", "nowhere/fox.png"), 2, "there is no such folder"),
        (("image", "x", "--size", "big"), 2, "1024x768"),
        (("image", "x", "--size", "64x64", "--aspect", "1:1"), 2, "not both"),
        (("models", "sing"), 2, "'sing' is not a task"),
    ],
)
async def test_a_mistake_is_explained(
    tmp_path: Path, target: str, arguments: tuple[str, ...], expected: int, text: str
) -> None:
    code, _, err = await call(tmp_path, arguments[0], "-t", target, *arguments[1:])
    assert code == expected
    assert text in " ".join(err.replace("│", "").split())


async def test_a_service_that_is_down_is_said_with_what_to_do(tmp_path: Path) -> None:
    code, _, err = await call(tmp_path, "chat", "-t", "127.0.0.1:1", "hi")
    assert code == 3
    assert "cannot be reached" in err


async def test_lists_status_usage_health_and_reload_answer(tmp_path: Path, target: str) -> None:
    for command, text in (
        ("models", "embedded/demo"),
        ("status", "ready"),
        ("usage", "No usage"),
        ("health", "ready"),
        ("reload", "Nothing has changed"),
    ):
        code, out, _ = await call(tmp_path, command, "-t", target)
        assert (code, text in out) == (0, True), (command, out)


async def test_check_says_what_to_do_about_each_problem(tmp_path: Path) -> None:
    environ = {"MISTRAL_TOKEN": "mistral-token-0001", "ANTIPHON__PROVIDERS__MISTRAL__BASE_URL": "http://127.0.0.1:1/v1"}
    code, out, _ = await call(tmp_path, "check", "--json", **environ)
    row = json.loads(out)
    assert code == 1
    assert (row["provider"], row["state"], row["credential"]) == ("mistral", "unreachable", "MISTRAL_TOKEN …0001")
    assert "base_url" in row["advice"]


@pytest.mark.parametrize(
    ("environ", "text"),
    [
        ({"ANTIPHON__SERVICE__PORT": "nonsense"}, "service.port"),
        ({"ANTIPHON__SERVICE__PRT": "1"}, "did you mean"),
        ({"ANTIPHON__SERVICE__HOST": "0.0.0.0"}, "set service.insecure = true"),
        ({"ANTIPHON_CONFIG": "/nowhere/antiphon.toml"}, "cannot be read"),
    ],
)
async def test_a_configuration_that_cannot_be_used_is_one_readable_message(
    tmp_path: Path, environ: dict[str, str], text: str
) -> None:
    code, out, err = await call(tmp_path, "serve", **environ)
    assert code == 2
    assert text in err
    assert out == ""


async def test_up_without_a_token_prints_the_steps_and_keeps_serving_until_it_is_stopped(tmp_path: Path) -> None:
    async with running("antiphon", "up", directory=tmp_path, environ=QUICK) as up:
        target = (await up.line("ready: ")).split()[1]
        await up.line("  3. export DISCORD_TOKEN")
        code, out, _ = await call(tmp_path, "health", "-t", target)
        assert (code, out.strip()) == (0, "ready")
        assert await ended(up) == 0


async def ended(process: Process) -> int:
    os.kill(process.pid, signal.SIGTERM)
    return await process.wait()


async def test_a_wrong_discord_token_is_said_and_the_service_goes_on(tmp_path: Path) -> None:
    from tests.fakes.discord.server import FakeDiscord

    async with FakeDiscord() as discord:
        environ = {**QUICK, "DISCORD_TOKEN": "wrong", "ANTIPHON__BOT__API_BASE_URL": discord.api_url}
        async with running("antiphon", "up", directory=tmp_path, environ=environ) as up:
            target = (await up.line("ready: ")).split()[1]
            await up.complaint("The bot has stopped")
            assert any("Discord refused the token of DISCORD_TOKEN" in line for line in up.errors)
            assert (await call(tmp_path, "health", "-t", target))[0] == 0
            assert not any("Traceback" in line for line in up.errors)


async def test_several_workers_share_one_port_and_end_together(tmp_path: Path) -> None:
    async with running(
        "inference_service", directory=tmp_path, environ={**QUICK, "ANTIPHON__SERVICE__WORKERS": "2"}
    ) as service:
        target = (await service.line("ready: ")).split()[1]
        for _ in range(3):
            assert (await call(tmp_path, "chat", "-t", target, "hi"))[0] == 0
        assert await ended(service) == 0
