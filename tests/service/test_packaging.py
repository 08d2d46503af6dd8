"""What somebody else's service installs: the wheel alone, in a clean environment, with nothing of the server in the way."""

import os
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.service.test_examples import EXAMPLES, run
from tests.support.service import serving

ROOT = Path(__file__).resolve().parents[2]
UV = str(Path(sys.executable).parent / "uv")
DEMO = {"embedded": {"characters_per_second": 0}}
ASK = """
import asyncio, sys
from antiphon.client import InferenceClient

async def main():
    async with InferenceClient(sys.argv[1]) as client:
        stream = client.chat("Hello there")
        async for event in stream:
            pass
        print(stream.text, await client.ready(), [model.name for model in await client.models()])

asyncio.run(main())
print(sorted({name.partition(".")[0] for name in sys.modules}))
"""


def uv(*arguments: str, environ: Mapping[str, str] | None = None) -> None:
    """From what `make` has fetched already, else from the registry."""
    environ = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"} | dict(environ or {})
    for offline in (["--offline"], []):
        done = subprocess.run(
            [UV, *arguments, "--quiet", *offline], check=False, cwd=ROOT, env=environ, capture_output=True, text=True
        )
        if done.returncode == 0:
            return
    if not os.environ.get("CI"):
        pytest.skip("no packages to install from")
    pytest.fail(done.stderr)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    uv("build", "--wheel", "--out-dir", str(folder))
    (made,) = folder.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Path:
    """The `bin` of a new virtual environment that has the wheel and what it asks for, no extras."""
    folder = tmp_path_factory.mktemp("clean") / "env"
    uv("venv", "--python", sys.executable, str(folder))
    uv("pip", "install", "--python", str(folder / "bin" / "python"), str(wheel))
    return folder / "bin"


async def test_the_wheel_alone_is_a_whole_client_and_loads_nothing_of_the_servers(clean: Path, tmp_path: Path) -> None:
    (tmp_path / "ask.py").write_text(ASK)
    async with serving(DEMO) as (server, _):
        code, out, err = await run(str(clean / "python"), "-I", str(tmp_path / "ask.py"), server.target)
        assert (code, err) == (0, "")
        answer, modules = out.strip().splitlines()[0], out.strip().splitlines()[-1]
        assert "Hello there" in answer
        for stranger in (
            "inference_service",
            "discord_bot",
            "aiohttp",
            "redis",
            "PIL",
            "discord",
            "sqlalchemy",
            "msgspec",
        ):
            assert f"'{stranger}'" not in modules
        code, out, err = await run(
            str(clean / "python"), "-I", str(EXAMPLES / "python" / "chat.py"), server.target, "Hi"
        )
        assert (code, err) == (0, "")
        code, out, _ = await run(str(clean / "antiphon"), "chat", "-t", server.target, "Hello there")
        assert code == 0
        assert "Hello there" in out


async def test_a_missing_extra_is_named(clean: Path, tmp_path: Path) -> None:
    for command in ("serve", "bot", "check", "up"):
        code, _, err = await run("env", "-C", str(tmp_path), str(clean / "antiphon"), command)
        assert code == 2
        assert "'antiphon[" in err
        assert "@ file://" in err  # from where this one was installed: nobody has registered the bare name
        assert "Traceback" not in err


async def test_one_line_installs_the_command_from_a_wheel(wheel: Path, tmp_path: Path) -> None:
    """`uv tool install`; `pipx install` does the same with pip."""
    environ = {"UV_TOOL_DIR": str(tmp_path / "tools"), "UV_TOOL_BIN_DIR": str(tmp_path / "bin")}
    uv("tool", "install", "--python", sys.executable, f"antiphon[all] @ {wheel.as_uri()}", environ=environ)
    command = str(tmp_path / "bin" / "antiphon")
    code, out, err = await run(command, "--version")
    assert (code, err) == (0, "")
    assert "installed: client, service, bot" in out
    (tmp_path / "antiphon.toml").write_text("[service]\nprot = 1\n")
    code, _, err = await run("env", "-C", str(tmp_path), command, "serve")
    assert (code, "did you mean 'port'?" in err) == (2, True)


def test_the_wheel_contains_the_stubs_and_the_page_and_no_tests(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    page = {f"inference_service/statuspage/page.{kind}" for kind in ("html", "css", "js")}
    assert {"antiphon/v1/chat_pb2.py", "antiphon/v1/chat_pb2.pyi", *page} <= set(names)
    assert "antiphon/py.typed" in names
    assert not [name for name in names if name.startswith(("tests/", "benchmarks/", "tools/", "examples/"))]
