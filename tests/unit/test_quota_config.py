"""Quotas as people write them: what is allowed, and one clear line for each mistake."""

from pathlib import Path

import pytest

from antiphon.config.load import ConfigError, load_config
from antiphon.config.model import Config
from inference_service.quotas import Clock, Quota, Unit, declared, overridden
from inference_service.routing.build import ConfigProblem, build_parts

TOKENS = {"MISTRAL_API_KEY1": "first-token-000001", "MISTRAL_API_KEY2": "second-token-00002"}


def quota(text: str) -> str:
    return f"[[providers.mistral.quotas]]\n{text}\n"


def loaded(folder: Path, text: str) -> Config:
    path = folder / "antiphon.toml"
    path.write_text(text, encoding="utf-8")
    return load_config(path, {})


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (
            'unit = "requests"\nlimit = 30\nper = "minute"',
            Quota(Unit.REQUESTS, 30, 60.0, Clock.ROLLING, "credential_model", firm=True),
        ),
        (
            'unit = "tokens"\nlimit = 1_000_000\nper = "day"\nclock = "pacific"\nscope = "group_model"\nmodels = ["a*"]',
            Quota(Unit.TOKENS, 1_000_000, 86_400.0, Clock.PACIFIC, "group_model", ("a*",), firm=True),
        ),
        (
            'unit = "money"\nlimit = 0.1\nper = "month"\nscope = "group"',
            Quota(Unit.MONEY, 100_000, 2_592_000.0, Clock.WALL, "group", firm=True),
        ),
        (
            'unit = "pictures"\nlimit = 5\nper = "5h"\nscope = "credential"',
            Quota(Unit.PICTURES, 5, 18_000.0, Clock.FIRST_USE, "credential", firm=True),
        ),
        (
            'unit = "concurrent"\nlimit = 2',
            Quota(Unit.CONCURRENT, 2, 0.0, Clock.ROLLING, "credential_model", firm=True),
        ),
    ],
)
def test_a_quota_is_read_as_it_is_meant(tmp_path: Path, text: str, wanted: Quota) -> None:
    [written] = loaded(tmp_path, quota(text)).providers["mistral"].quotas
    assert declared(written) == wanted


@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        (
            'unit = "prayers"\nlimit = 1\nper = "day"',
            "unit",
            "'requests', 'tokens', 'pictures', 'money' or 'concurrent'",
        ),
        ('unit = "requests"\nlimit = -1\nper = "day"', "limit", "greater than or equal to 0"),
        ('unit = "requests"\nlimit = 1.5\nper = "day"', "", "a whole number"),
        ('unit = "requests"\nlimit = nan\nper = "day"', "limit", "finite number"),
        ('unit = "requests"\nlimit = 1\nper = "fortnight"', "per", "'second', 'minute', 'hour'"),
        ('unit = "requests"\nlimit = 1', "", 'requests need "per"'),
        ('unit = "concurrent"\nlimit = 1\nper = "day"', "", 'leave "per" out'),
        ('unit = "requests"\nlimit = 1\nper = "day"\nclock = "sundial"', "clock", "'rolling', 'wall', 'pacific' or"),
        ('unit = "requests"\nlimit = 1\nper = "hour"\nclock = "pacific"', "", 'per = "day" only'),
        ('unit = "requests"\nlimit = 1\nper = "7d"\nclock = "wall"', "", "minute, hour, day, month"),
        ('unit = "requests"\nlimit = 1\nper = "day"\nscope = "galaxy"', "scope", "'credential', 'credential_model'"),
        ('unit = "requests"\nlimit = 1\nper = "day"\nlimt = 2', "limt", "did you mean 'limit'?"),
        ("limit = 1", "unit", "required"),
    ],
)
def test_a_mistake_is_one_line_with_file_key_and_what_is_allowed(
    tmp_path: Path, text: str, key: str, words: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, quota(text))
    [line] = str(caught.value).splitlines()
    assert line.startswith(f"{tmp_path / 'antiphon.toml'}: providers.mistral.quotas.0{key and '.' + key}: ")
    assert words in line


def test_a_group_that_names_an_unknown_credential_is_a_mistake_and_one_that_is_not_set_is_none(tmp_path: Path) -> None:
    good = loaded(tmp_path, '[providers.mistral]\nquota_groups = [["MISTRAL_API_KEY1", "MISTRAL_API_KEY7"]]\n')
    assert build_parts(good, TOKENS).pools["mistral"].groups[0] == "group0"
    bad = loaded(tmp_path, '[providers.mistral]\nquota_groups = [["MISTRAL_KEY1"]]\n')
    with pytest.raises(ConfigProblem) as caught:
        build_parts(bad, TOKENS)
    [(key, text)] = caught.value.problems
    assert key == "providers.mistral.quota_groups"
    assert "'MISTRAL_KEY1'" in text
    assert "MISTRAL_API_KEY, MISTRAL_API_KEY1, …" in text


def test_a_configured_quota_replaces_the_catalogues_for_the_same_window() -> None:
    minute, day = Quota(Unit.REQUESTS, 30, 60.0, Clock.ROLLING), Quota(Unit.REQUESTS, 1_000, 86_400.0, Clock.WALL)
    mine = Quota(Unit.REQUESTS, 5, 60.0, Clock.ROLLING, firm=True)
    assert overridden((minute, day), (mine,)) == (mine, day)
    assert overridden((minute, day), ()) == (minute, day)


def test_quotas_reach_the_pool(tmp_path: Path) -> None:
    config = loaded(tmp_path, quota('unit = "requests"\nlimit = 30\nper = "minute"'))
    assert 30 in {one.limit for one in build_parts(config, TOKENS).pools["mistral"].quotas if one.firm}
