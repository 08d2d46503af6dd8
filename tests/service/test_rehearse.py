"""`antiphon rehearse`: hour by hour what the configured tokens would carry, and which quota would stop them."""

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.support.processes import running

CONFIG = """
[routes.chat]
deployments = ["mistral/mistral-large-latest"]

[[providers.mistral.quotas]]
unit = "requests"
limit = 100
per = "day"

[[providers.mistral.quotas]]
unit = "requests"
limit = 5
per = "minute"
"""
TOKENS = {"MISTRAL_API_KEY1": "first-token-000001", "MISTRAL_API_KEY2": "second-token-00002"}


async def rehearsed(folder: Path, *arguments: str, config: str = CONFIG) -> tuple[int, list[str], list[str]]:
    (folder / "antiphon.toml").write_text(config, encoding="utf-8")
    async with running("antiphon", "rehearse", *arguments, directory=folder, environ=TOKENS) as process:
        return await process.wait(), process.lines, process.errors


async def test_a_load_beyond_the_day_is_shown_hour_by_hour_with_its_bottleneck(tmp_path: Path) -> None:
    code, lines, _ = await rehearsed(tmp_path, "--people", "50", "--questions", "8", "--picture", "load.svg")
    text = "\n".join(lines)
    assert code == 1
    assert "200 of 400 questions answered, 200 refused." in text
    assert "Bottleneck: mistral: requests per day." in text
    assert "23:00" in text
    assert ET.parse(tmp_path / "load.svg").getroot().tag.endswith("svg")


async def test_a_load_that_fits_is_answered_whole_and_can_be_read_by_programs(tmp_path: Path) -> None:
    code, lines, _ = await rehearsed(tmp_path, "--people", "10", "--when", "day", "--json")
    body = json.loads(lines[-1])
    assert code == 0
    assert len(body["hours"]) == 24
    assert sum(hour["answered"] for hour in body["hours"]) == 80
    assert body["answered_by"] == {"mistral": 80}
    assert body["without_quotas"] == []


async def test_pools_without_quotas_carry_it_all(tmp_path: Path) -> None:
    code, lines, _ = await rehearsed(tmp_path, "--people", "5", config="")
    assert code == 0
    assert any("answered" in line for line in lines)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--model", "nope"), "there is no model 'nope'"),
        (("--when", "noon"), "evenings"),
        (("--people", "9999999"), "can be"),
    ],
)
async def test_an_impossible_rehearsal_is_reported(tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    code, _, errors = await rehearsed(tmp_path, *arguments)
    assert code == 2
    assert words in " ".join(errors)
