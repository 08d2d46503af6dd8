"""Lints the contract, checks its formatting and that it breaks no caller of the last release.

The reference is the newest tag; before the first one, the commit that introduced the contract.
Exits with 1 when a check fails; buf's own words say what and where.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUF = str(Path(sys.executable).parent / "buf")


def git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, check=False, capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else ""


def reference() -> str | None:
    """The commit whose contract must not be broken; None in a checkout without any."""
    if tag := git("describe", "--tags", "--abbrev=0"):
        return tag
    introduced = git("log", "--diff-filter=A", "--format=%H", "--", "proto/antiphon/v1/inference_service.proto")
    return introduced.splitlines()[-1] if introduced else None


def run(title: str, *arguments: str) -> bool:
    passed = subprocess.run([BUF, *arguments], cwd=ROOT, check=False).returncode == 0
    print(f"protos: {title}: {'passed' if passed else 'failed'}")
    return passed


def breaking() -> bool:
    commit = reference()
    if commit is None:
        print("protos: no earlier contract to compare with")
        return True
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "contract.tar"
        git("archive", "--output", str(archive), commit, "proto", "buf.yaml")
        return run(f"no breaking change since {commit[:12]}", "breaking", "--against", str(archive))


def main() -> int:
    checks = [run("lint", "lint"), run("format", "format", "--diff", "--exit-code"), breaking()]
    return 0 if all(checks) else 1


if __name__ == "__main__":
    sys.exit(main())
