"""The pages: what they tell people to type exists, and the site builds with warnings as errors."""

import ast
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer.main

from antiphon.cli.app import app

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "deploy/README.md"]
PAGES += sorted((ROOT / "docs").glob("*.md")) + sorted((ROOT / "docs/guides").glob("*.md"))
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`((?:\.venv/bin/)?antiphon [a-z][^`]*)`")
STRAY = re.compile(r"[<>|&$…]|\.\.\.")
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def blocks(language: str) -> list[tuple[str, str]]:
    return [
        (str(page.relative_to(ROOT)), text)
        for page in PAGES
        for kind, text in BLOCK.findall(page.read_text(encoding="utf-8"))
        if kind == language
    ]


def commands() -> list[tuple[str, str]]:
    """Every shell command line of the pages, without comments, and the commands named in their text."""
    found = []
    for page, text in blocks("sh"):
        for line in text.replace("\\\n", " ").splitlines():
            code = line.split("  #")[0].strip()
            parts = [] if code.startswith("#") else re.split(r"&&|\|(?!\|)", code)
            found += [(page, part.strip()) for part in parts if part.strip()]
    for page in PAGES:
        text = BLOCK.sub("", page.read_text(encoding="utf-8"))
        found += [(str(page.relative_to(ROOT)), match) for match in INLINE.findall(text)]
    return found


def words(command: str) -> list[str]:
    try:
        return shlex.split(STRAY.sub("x", command))
    except ValueError:
        return command.split()


ANTIPHON = sorted({(page, command) for page, command in commands() if re.match(r"(\S*/)?antiphon(?=\s|$)", command)})
MAKE = sorted({(page, command) for page, command in commands() if command.startswith("make ")})


@pytest.mark.parametrize(("page", "command"), ANTIPHON)
def test_a_command_of_a_page_exists_with_its_options(page: str, command: str) -> None:
    group: Any = typer.main.get_command(app)
    context = group.make_context("antiphon", [], resilient_parsing=True)
    arguments = words(command)[1:]
    while arguments and arguments[0].startswith("-"):
        arguments = arguments[2:] if arguments[0] in ("-c", "--config") else arguments[1:]
    node = group
    while arguments and hasattr(node, "list_commands"):
        node = node.get_command(context, arguments.pop(0))
        assert node is not None, f"{page}: {command}"
    known = {option for parameter in node.get_params(context) for option in parameter.opts + parameter.secondary_opts}
    used = {argument.partition("=")[0] for argument in arguments if re.match(r"--?[a-z]", argument)}
    assert used <= known | {"--help", "-h"}, f"{page}: {command}"


@pytest.mark.parametrize(("page", "command"), MAKE)
def test_a_target_of_a_page_exists(page: str, command: str) -> None:
    assert words(command)[1] in TARGETS, f"{page}: {command}"


def test_files_that_commands_name_exist() -> None:
    for page, command in commands():
        for name in re.findall(r"(?:^|\s)((?:deploy|examples|tools|docs|tests)/[\w./-]+)", command):
            if not name.startswith("deploy/secrets"):
                assert (ROOT / name).exists(), f"{page}: {command}"


@pytest.mark.parametrize(("page", "source"), blocks("python"))
def test_a_python_example_is_a_program_that_runs_as_pasted(page: str, source: str) -> None:
    compile(source, page, "exec")  # a SyntaxError for await outside of a function
    if page == "docs/api.md":
        return  # taken from functions of examples/, which their own test runs
    tree = ast.parse(source)
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    names |= {
        alias.asname or alias.name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    names |= {
        node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    }
    names |= {argument.arg for node in ast.walk(tree) if isinstance(node, ast.arguments) for argument in node.args}
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    assert used - names <= set(dir(__builtins__)) | set(__builtins__ if isinstance(__builtins__, dict) else ()), page


def test_the_unit_of_systemd_is_sound(tmp_path: Path) -> None:
    verify = shutil.which("systemd-analyze")
    if verify is None:
        pytest.skip("no systemd-analyze on this machine")
    unit = tmp_path / "antiphon.service"
    text = (ROOT / "deploy/systemd/antiphon.service").read_text(encoding="utf-8")
    unit.write_text(text.replace("/opt/antiphon/bin/antiphon", sys.executable))
    done = subprocess.run([verify, "verify", str(unit)], check=False, capture_output=True, text=True)
    complaints = [line for line in done.stderr.splitlines() if "antiphon.service" in line]
    assert not complaints


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    environ = {"NO_MKDOCS_2_WARNING": "1", "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(command, check=False, cwd=ROOT, env=environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "site" / "troubleshooting.html").exists()
    pages = "".join(page.read_text(encoding="utf-8") for page in (tmp_path / "site").glob("*.html"))
    # Read offline: nothing is loaded from elsewhere.
    assert not re.search(r'(?:src|href)="https?://[^"]+\.(?:js|css|woff2?)"', pages)
