"""Starting without make, on Windows too, and an environment whose folder was renamed."""

import asyncio
import signal
import subprocess
from pathlib import Path, PureWindowsPath
from typing import Any

import pytest

from antiphon import setup, signals

ROOT = Path(__file__).resolve().parents[2]


def test_the_steps_use_the_interpreter_of_the_platform_and_only_locked_packages() -> None:
    python = setup.interpreter(PureWindowsPath("C:/My Bots/antiphon/.venv"), "win32")
    commands = setup.steps(python)
    assert {command[0] for command in commands} == {"C:\\My Bots\\antiphon\\.venv\\Scripts\\python.exe"}
    assert ["--require-hashes" in command for command in commands] == [True, True, False]
    assert commands[-1][-2:] == ["-e", "."]
    assert setup.interpreter(Path(".venv"), "linux") == Path(".venv/bin/python")


def test_an_old_python_and_a_wrong_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(setup.SetupProblem, match=r"3\.11 or newer; this is 3\.9"):
        setup.check((3, 9), ROOT)
    with pytest.raises(setup.SetupProblem, match=r"where pyproject\.toml is"):
        setup.check((3, 12), tmp_path)
    setup.check((3, 11), ROOT)


def test_a_changed_lock_or_another_place_fills_the_environment_again(tmp_path: Path) -> None:
    def project(name: str) -> Path:
        root = tmp_path / name
        (root / "requirements").mkdir(parents=True)
        for file in (setup.LOCK, setup.BUILD_LOCK, setup.CONFIGURATION):
            (root / file).write_text(file)
        return root

    here, there = project("a"), project("b")
    before = setup.fingerprint(here)
    assert setup.fingerprint(here) == before
    assert setup.fingerprint(there) != before
    (here / setup.LOCK).write_text("grpcio==1")
    assert setup.fingerprint(here) != before


def test_the_windows_starter_passes_its_arguments_on_and_has_windows_line_ends() -> None:
    text = (ROOT / "run.cmd").read_bytes().decode("ascii")
    assert text.count("\n") == text.count("\r\n")
    assert "-m antiphon.setup %*" in text


def test_a_renamed_folder_takes_its_environment_with_it(tmp_path: Path) -> None:
    new = tmp_path / "new name"
    scripts, site = new / ".venv" / "bin", new / ".venv" / "lib" / "python3" / "site-packages"
    scripts.mkdir(parents=True)
    site.mkdir(parents=True)
    (scripts / "antiphon").write_text(f"#!{tmp_path}/old/.venv/bin/python\nprint(1)\n")
    (scripts / "uv").write_bytes(b"\x7fELF\x00" + f"{tmp_path}/old".encode())
    (site / "_antiphon.pth").write_text(f"{tmp_path}/old\n")
    command = [str(ROOT / "tools" / "moved.sh"), str(new / ".venv"), f"{tmp_path}/old", str(new)]
    subprocess.run(command, check=True)
    assert (scripts / "antiphon").read_text() == f"#!{new}/.venv/bin/python\nprint(1)\n"
    assert (site / "_antiphon.pth").read_text() == f"{new}\n"
    assert (scripts / "uv").read_bytes().endswith(b"/old")  # a program is not text
    assert (new / ".venv" / "place").read_text() == str(new)


async def test_signals_reach_the_loop_where_the_loop_itself_cannot_take_them(monkeypatch: pytest.MonkeyPatch) -> None:
    loop, arrived = asyncio.get_running_loop(), asyncio.Event()

    def unsupported(*_: Any) -> None:
        raise NotImplementedError

    monkeypatch.setattr(loop, "add_signal_handler", unsupported)
    before = signal.getsignal(signal.SIGUSR1)
    try:
        signals.handle(loop, ("SIGUSR1", "SIGNONE"), arrived.set)
        signal.raise_signal(signal.SIGUSR1)
        await arrived.wait()
    finally:
        signal.signal(signal.SIGUSR1, before)
