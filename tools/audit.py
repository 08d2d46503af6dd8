"""Looks for known weaknesses in the locked dependencies, and at their licences.

The advisories come from OSV through pip-audit, which needs the network; the licences
are read from what is installed. Exits with 1 when a weakness or a licence that does
not allow MIT is found, with 3 when the advisories could not be reached.
"""

import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ("service", "bot", "run", "build")
# Copyleft that would bind the whole. MPL and LGPL bind only their own files and are fine to depend on.
FORBIDDEN = re.compile(r"\b(AGPL|GPL|SSPL|BUSL)\b", re.IGNORECASE)
ALLOWED_ANYWAY = re.compile(r"LGPL|Lesser", re.IGNORECASE)


def licence(package: metadata.Distribution) -> str:
    about = package.metadata
    words = [about.get("License-Expression") or "", *(c for c in about.get_all("Classifier") or [] if "License" in c)]
    return " ".join(filter(None, words)) or (about.get("License") or "").partition("\n")[0]


def names(lock: str) -> set[str]:
    text = (ROOT / "requirements" / f"{lock}.lock").read_text()
    return {match.lower() for match in re.findall(r"^([A-Za-z0-9_.-]+)==", text, re.MULTILINE)}


def check_licences() -> bool:
    wanted = set().union(*map(names, LOCKS))
    good = True
    for package in metadata.distributions():
        name = package.metadata["Name"].lower()
        words = licence(package)
        if name in wanted and FORBIDDEN.search(words) and not ALLOWED_ANYWAY.search(words):
            print(f"licence: {name} is {words}, which does not allow MIT")
            good = False
    print(f"licences: {len(wanted)} packages {'are fine' if good else 'looked at'}")
    return good


def check_advisories() -> int:
    """0: none known, 1: some found, 3: could not ask."""
    worst = 0
    for lock in LOCKS:
        done = subprocess.run(
            [sys.executable, "-m", "pip_audit", "--disable-pip", "--require-hashes", "--vulnerability-service", "osv",
             "-r", str(ROOT / "requirements" / f"{lock}.lock")],
            check=False, capture_output=True, text=True,
        )  # fmt: skip
        reached = done.returncode == 0 or "Found" in done.stderr
        print(
            f"advisories: {lock}.lock: {'none known' if done.returncode == 0 else 'see below' if reached else 'not reached'}"
        )
        if reached:
            print(done.stdout, end="")
        else:
            print((done.stderr.strip().splitlines() or ["pip-audit said nothing"])[-1])
        worst = max(worst, 0 if done.returncode == 0 else 1 if reached else 3)
    return worst


def main() -> int:
    licences = check_licences()
    advisories = check_advisories()
    return 1 if not licences else advisories


if __name__ == "__main__":
    sys.exit(main())
