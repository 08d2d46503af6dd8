"""Sets Antiphon up and starts it without make, on any platform: `python -m antiphon.setup` in the project's folder.

It does what `make run` does: a virtual environment in .venv, the locked packages, then `antiphon up`. It uses nothing but
the standard library, because nothing else is installed yet.
"""

import hashlib
import os
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path, PurePath

OLDEST = (3, 11)
LOCK, BUILD_LOCK, CONFIGURATION = "requirements/run.lock", "requirements/build.lock", "pyproject.toml"
USAGE = 2


class SetupProblem(Exception):
    """The text says what to do."""


def interpreter(environment: PurePath, platform: str = sys.platform) -> PurePath:
    """The Python of a virtual environment."""
    return environment / ("Scripts/python.exe" if platform == "win32" else "bin/python")


def steps(python: PurePath) -> list[list[str]]:
    """The commands that fill a new environment, with the project's folder as the working directory. Pure."""
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    return [
        [*pip, "--require-hashes", "-r", LOCK],
        [*pip, "--require-hashes", "-r", BUILD_LOCK],
        [*pip, "--no-deps", "--no-build-isolation", "-e", "."],
    ]


def fingerprint(root: Path) -> str:
    """Changes whenever the environment has to be filled again: with the locks, the contract, or the folder's place."""
    content = [str(root).encode()]
    files = [root / LOCK, root / BUILD_LOCK, root / CONFIGURATION, *sorted((root / "proto").rglob("*.proto"))]
    content += [file.read_bytes() for file in files]
    return hashlib.sha256(b"\0".join(content)).hexdigest()


def check(version: tuple[int, ...], root: Path) -> None:
    """Raises SetupProblem."""
    if version[:2] < OLDEST:
        raise SetupProblem(f"Antiphon needs Python 3.11 or newer; this is {version[0]}.{version[1]}")
    if not (root / LOCK).is_file():
        raise SetupProblem("start this in the folder of the project, where pyproject.toml is")


def prepare(root: Path) -> Path:
    """Returns the Python of an environment that is up to date. Raises SetupProblem or CalledProcessError."""
    check(tuple(sys.version_info[:2]), root)
    environment = root / ".venv"
    python, stamp, wanted = Path(interpreter(environment)), environment / "setup.stamp", fingerprint(root)
    if python.exists() and stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return python
    sys.stdout.write(
        "setting up .venv …\n".encode(sys.stdout.encoding or "ascii", "replace").decode("ascii", "replace")
    )
    sys.stdout.flush()
    venv.create(environment, with_pip=True, clear=False)
    for command in steps(python):
        subprocess.run(command, cwd=root, check=True)
    stamp.write_text(wanted, encoding="utf-8")
    return python


def main(arguments: Sequence[str]) -> int:
    """Sets up, then runs `antiphon` with the arguments; without any, `antiphon up`."""
    root = Path.cwd()
    try:
        python = prepare(root)
    except SetupProblem as problem:
        sys.stderr.write(f"{problem}\n")
        return USAGE
    except (subprocess.CalledProcessError, OSError) as error:
        sys.stderr.write(f"The setup has failed: {error}\nRun it again when the network is there.\n")
        return 1
    command = [str(python), "-m", "antiphon", *(arguments or ["up"])]
    if os.name != "nt":
        os.execv(command[0], command)
    return subprocess.call(command, cwd=root)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
