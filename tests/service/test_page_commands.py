"""The commands and programs of the pages run as they are pasted."""

import re
import shlex
from pathlib import Path

import pytest
from PIL import Image

from tests.support.processes import running
from tests.support.terminal import QUICK, antiphon, program
from tests.unit.test_pages import blocks

KEY = b"gsk_" + b"a1B2" * 12 + b"c3D4\n"
STDIN = {"keys": KEY, "chat": b"diff --git a/fox b/fox\n"}
# Commands that do not end by themselves, or that call providers with the key stored before; other tests run them.
ELSEWHERE = ("antiphon chat", "antiphon status --watch", "antiphon bot", "antiphon check")
COMMAND = re.compile(r"(?:^|\| ?)(?:\.venv/bin/)?(antiphon .*)$")


def commands(wanted: str) -> list[str]:
    lines = [
        line.split("  #")[0].strip() for page, text in blocks("sh") if page == wanted for line in text.splitlines()
    ]
    typed = [match[1].strip() for line in lines if (match := COMMAND.search(line))]
    return [command for command in typed if command not in ELSEWHERE]


@pytest.mark.timeout(300)  # six processes, one after the other
async def test_the_readmes_commands_and_its_program_run_as_pasted(tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("A fox in the snow.")
    Image.new("RGB", (40, 30), "white").save(tmp_path / "photo.jpg")
    async with running("inference_service", directory=tmp_path, environ=QUICK) as service:
        target = (await service.line("ready: ")).split()[1]
        environ = {"ANTIPHON__CLIENT__TARGET": target, "XDG_CONFIG_HOME": str(tmp_path / "config")}
        typed = commands("README.md")
        assert len(typed) >= 5
        for command in typed:
            words = shlex.split(command)[1:]
            ran = await antiphon(*words, directory=tmp_path, environ=environ, stdin=STDIN.get(words[0]))
            assert ran.code == 0, f"{command}: {ran.err}"
        assert (tmp_path / "fox.png").read_bytes().startswith(b"\x89PNG")
        (source,) = [text for page, text in blocks("python") if page == "README.md"]
        assert "127.0.0.1:50551" in source
        (tmp_path / "ask.py").write_text(source.replace("127.0.0.1:50551", target))
        ran = await program("ask", directory=tmp_path, environ=environ)
        assert ran.code == 0, ran.err
        assert "offline demo voice" in ran.out
