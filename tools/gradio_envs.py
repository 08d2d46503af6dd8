"""Prepares the virtualenvs in which the tests run real Gradio apps.

`python tools/gradio_envs.py` prepares all major versions, `python tools/gradio_envs.py 5 6` some.
They lie outside the repository ($ANTIPHON_TEST_CACHE, else $XDG_CACHE_HOME/antiphon-tests, else
~/.cache/antiphon-tests) and are named after their requirements: a changed pin makes a new one,
an unchanged one costs nothing. Gradio 3 and 4 need numpy 1, which has wheels up to Python 3.12.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

REQUIREMENTS = Path(__file__).resolve().parent.parent / "tests" / "fakes" / "gradio_apps" / "requirements"
VERSIONS = ("3", "4", "5", "6")
OLDEST, NEWEST = (3, 11), (3, 12)


def cache_folder() -> Path:
    if directory := os.environ.get("ANTIPHON_TEST_CACHE"):
        return Path(directory)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "antiphon-tests"


def folder(version: str) -> Path:
    pins = (REQUIREMENTS / f"gradio{version}.txt").read_bytes()
    return cache_folder() / f"gradio{version}-{hashlib.sha256(pins).hexdigest()[:12]}"


def prepared(version: str) -> Path | None:
    """The interpreter of a finished environment, None when there is none yet."""
    home = folder(version)
    return home / "bin" / "python" if (home / ".ready").exists() else None


def interpreter() -> str:
    """A Python that all pinned requirements have wheels for."""
    if OLDEST <= sys.version_info[:2] <= NEWEST:
        return sys.executable
    for minor in range(NEWEST[1], OLDEST[1] - 1, -1):
        if interpreter := shutil.which(f"python3.{minor}"):
            return interpreter
    raise SystemExit("gradio_envs: Python 3.11 or 3.12 is needed and was not found")


def prepare(version: str) -> None:
    home = folder(version)
    shutil.rmtree(home, ignore_errors=True)
    pins = str(REQUIREMENTS / f"gradio{version}.txt")
    python = str(home / "bin" / "python")
    uv = shutil.which("uv") or next((str(p) for p in [Path(sys.executable).parent / "uv"] if p.exists()), None)
    if uv:
        subprocess.run([uv, "venv", "--quiet", "--python", interpreter(), str(home)], check=True)
        subprocess.run([uv, "pip", "install", "--quiet", "--python", python, "-r", pins], check=True)
    else:
        subprocess.run([interpreter(), "-m", "venv", str(home)], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "-r", pins], check=True)
    # Importing once here, not in a test, pays for the compiling of a few thousand modules.
    subprocess.run([python, "-c", "import gradio"], check=True, env={**os.environ, "GRADIO_ANALYTICS_ENABLED": "False"})
    (home / ".ready").touch()


def main(arguments: list[str]) -> int:
    chosen = arguments or list(VERSIONS)
    if unknown := [version for version in chosen if version not in VERSIONS]:
        print(f"gradio_envs: {', '.join(unknown)} is not one of {', '.join(VERSIONS)}", file=sys.stderr)
        return 2
    began = time.monotonic()
    for version in chosen:
        if prepared(version):
            print(f"gradio {version}: ready")
            continue
        started = time.monotonic()
        prepare(version)
        print(f"gradio {version}: prepared in {time.monotonic() - started:.1f} s", flush=True)
    print(f"all ready after {time.monotonic() - began:.1f} s")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
