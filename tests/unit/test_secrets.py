"""Secrets: found in any number, from variables and files, and never shown."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.config.secrets import Secret, SecretProblem, find_secret, find_secrets


def names(secrets: list[Secret]) -> list[str]:
    return [secret.name for secret in secrets]


def test_a_pool_is_found_in_any_number_and_with_gaps() -> None:
    environ = {"GIT_TOKEN10": "j", "GIT_TOKEN2": "b", "GIT_TOKEN": "z", "GIT_TOKEN1": "a", "GIT_TOKEN_X": "no"}
    assert names(find_secrets(["GIT_TOKEN"], environ)) == ["GIT_TOKEN", "GIT_TOKEN1", "GIT_TOKEN2", "GIT_TOKEN10"]


def test_files_hold_secrets_too_and_their_line_end_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "one").write_text("from-a-file\n")
    environ = {"HF_TOKEN2_FILE": str(tmp_path / "one"), "HF_TOKEN1": " spaced "}
    found = find_secrets(["HF_TOKEN"], environ)
    assert [(secret.name, secret.value) for secret in found] == [("HF_TOKEN1", "spaced"), ("HF_TOKEN2", "from-a-file")]


def test_empty_is_not_there_and_twice_is_once(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    environ = {"A": "", "A1": "same", "A2": "same", "A3": "  ", "A4_FILE": str(tmp_path / "empty"), "A5_FILE": ""}
    assert names(find_secrets(["A", "B"], environ)) == ["A1"]


def test_several_pools_keep_their_order() -> None:
    assert names(find_secrets(["B", "A"], {"A": "1", "B": "2"})) == ["B", "A"]


def test_a_file_that_cannot_be_read_is_named_with_its_variable(tmp_path: Path) -> None:
    with pytest.raises(SecretProblem, match=r"A1_FILE: the file .*gone cannot be read: No such file"):
        find_secrets(["A"], {"A1_FILE": str(tmp_path / "gone")})
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(SecretProblem, match="it is not UTF-8 text"):
        find_secret("A", {"A_FILE": str(tmp_path / "binary")})


def test_one_secret_is_of_exactly_its_name(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from a file")
    assert find_secret("DISCORD_TOKEN", {"DISCORD_TOKEN1": "x"}) is None
    assert find_secret("DISCORD_TOKEN", {"DISCORD_TOKEN": ""}) is None
    found = find_secret("DISCORD_TOKEN", {"DISCORD_TOKEN": "", "DISCORD_TOKEN_FILE": str(tmp_path / "token")})
    assert found == Secret("DISCORD_TOKEN", "from a file")


@given(st.text(min_size=12, max_size=60))
def test_a_long_secret_shows_its_last_four_and_nothing_more(value: str) -> None:
    secret = Secret("TOKEN", value)
    assert secret.label == f"TOKEN …{value[-4:]}"
    assert repr(secret) == "Secret(TOKEN)"


@given(st.text("abcdefg", min_size=1, max_size=11))
def test_a_short_secret_shows_nothing(value: str) -> None:
    assert Secret("TOKEN", value).label == "TOKEN"
