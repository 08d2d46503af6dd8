"""What SECURITY.md promises is shown by tests that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "SECURITY.md").read_text()
TESTS = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "tests").rglob("test_*.py"))


def table(heading: str) -> list[list[str]]:
    """The rows of the first table of a chapter, without its head."""
    chapter = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in chapter.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


THREATS = {row[0]: row[-1] for row in table("Threat model")}


@pytest.mark.parametrize("who", THREATS)
def test_every_row_of_the_threat_model_names_tests_that_exist(who: str) -> None:
    named = re.findall(r"`([^`]+)`", THREATS[who])
    assert named
    for name in named:
        found = [one for one in TESTS if one.startswith(name)] if name.endswith("/") else _files(name)
        assert found, f"{name} is gone"
        assert name.endswith("/") or len(found) == 1, f"{name} may be any of {found}"


def _files(name: str) -> list[str]:
    return [one for one in TESTS if one == name or ("/" not in name and one.endswith(f"/{name}"))]


def test_the_model_knows_everybody_who_can_reach_antiphon() -> None:
    who = " ".join(THREATS)
    for party in ("gRPC port", "HTTP", "caller", "upstream", "Discord", "manager", "web page", "neighbour", "operator"):
        assert party in who, party


def test_all_ten_risks_of_language_models_are_answered() -> None:
    rows = table("OWASP Top 10 for LLM applications")
    assert [row[0][:5] for row in rows] == [f"LLM{number:02}" for number in range(1, 11)]
    assert all(len(row) == 2 and row[1] for row in rows)
