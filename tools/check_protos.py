"""Lints the contract, checks its formatting and that it breaks no caller of the recorded baseline.

The baseline is `proto/baseline.binpb`, the contract of the last release. `--record` writes it anew: when a release is made,
and never to silence a complaint. Exits with 1 when a check fails; buf's own words say what and where.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUF = str(Path(sys.executable).parent / "buf")
BASELINE = "proto/baseline.binpb"


def run(title: str, *arguments: str) -> bool:
    passed = subprocess.run([BUF, *arguments], cwd=ROOT, check=False).returncode == 0
    print(f"protos: {title}: {'passed' if passed else 'failed'}")
    return passed


def main(arguments: list[str]) -> int:
    if arguments == ["--record"]:
        recorded = run("record the baseline", "build", "--exclude-source-info", "-o", BASELINE)
        return 0 if recorded else 1
    checks = [
        run("lint", "lint"),
        run("format", "format", "--diff", "--exit-code"),
        run("no breaking change since the baseline", "breaking", "--against", BASELINE),
    ]
    return 0 if all(checks) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
