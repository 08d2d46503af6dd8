"""The configuration: what it accepts, and how it says what is wrong."""

import contextlib
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from antiphon.config import model
from antiphon.config.load import ConfigError, config_path, load_config
from antiphon.config.model import Config

EXAMPLE = Path(__file__).resolve().parents[2] / "antiphon.example.toml"


def written(folder: Path, text: str) -> Path:
    path = folder / "antiphon.toml"
    path.write_text(text, encoding="utf-8")
    return path


def refused(folder: Path, text: str, **environ: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(written(folder, text), environ)
    return str(caught.value)


def test_nothing_configured_is_a_valid_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_config(environ={}) == Config()


def test_an_empty_file_is_the_same(tmp_path: Path) -> None:
    assert load_config(written(tmp_path, ""), {}) == Config()


def test_the_file_is_found_by_the_environment_then_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert config_path({}) is None
    written(tmp_path, "[service]\nport = 1")
    assert load_config(environ={}).service.port == 1
    other = tmp_path / "other.toml"
    other.write_text("[service]\nport = 2")
    assert load_config(environ={"ANTIPHON_CONFIG": str(other)}).service.port == 2


def test_every_key_can_be_overridden_by_the_environment(tmp_path: Path) -> None:
    path = written(tmp_path, "[service]\nport = 1\ngrace = 3")
    environ = {
        "ANTIPHON__SERVICE__PORT": "0",
        "ANTIPHON__SERVICE__HOST": "127.0.0.2",
        "ANTIPHON__BOT__OPERATORS": "[1, 2]",
        "ANTIPHON__PROVIDERS__LAB__BASE_URL": "http://localhost:1/v1",
        "ANTIPHON__SERVICE__INSECURE": "true",
        "ANTIPHON__BOT__CHAT_MODEL": "7",
        "ANTIPHON__TELEMETRY__LOG_LEVEL": "",
    }
    config = load_config(path, environ)
    assert (config.service.port, config.service.grace, config.service.host) == (0, 3, "127.0.0.2")
    assert config.bot.operators == [1, 2]
    assert config.providers["lab"].base_url == "http://localhost:1/v1"
    assert config.service.insecure
    assert config.bot.chat_model == "7"
    assert config.telemetry.log_level == "info"


def test_an_error_names_file_key_value_and_what_is_allowed(tmp_path: Path) -> None:
    text = refused(tmp_path, "[service]\nport = 99999\n[telemetry]\nlog_level = 'loud'")
    first, second = text.splitlines()
    assert first.startswith(f"{tmp_path / 'antiphon.toml'}: service.port: ")
    assert "65535" in first
    assert "99999" in first
    assert "telemetry.log_level" in second
    assert "'debug', 'info', 'warning' or 'error'" in second
    assert "loud" in second


@pytest.mark.parametrize(
    ("text", "key", "near"),
    [
        ("[servce]\nport = 1", "servce", "service"),
        ("[service]\nprot = 1", "service.prot", "port"),
        ("[bot.quotas]\nuser_concurent = 1", "bot.quotas.user_concurent", "user_concurrent"),
        ("[providers.lab]\nbase_ulr = 'x'", "providers.lab.base_ulr", "base_url"),
        ("[routes.fast.hedge]\nbudgt = 1", "routes.fast.hedge.budgt", "budget"),
    ],
)
def test_an_unknown_key_is_an_error_that_names_the_nearest(tmp_path: Path, text: str, key: str, near: str) -> None:
    said = refused(tmp_path, text)
    assert f"{key}: there is no such key; did you mean '{near}'?" in said


def test_the_value_of_an_unknown_key_is_not_shown_for_it_may_be_a_secret(tmp_path: Path) -> None:
    assert "sk-canary" not in refused(tmp_path, "[providers.openai]\napi_key = 'sk-canary-0001'")


def test_a_wrong_variable_is_named(tmp_path: Path) -> None:
    said = refused(tmp_path, "", ANTIPHON__SERVICE__PORT="many")
    assert "service.port" in said
    assert "set by ANTIPHON__SERVICE__PORT" in said
    assert "not a table" in refused(tmp_path, "[service]\nport = 1", ANTIPHON__SERVICE__PORT__X="1")


def test_broken_toml_is_said_with_its_line(tmp_path: Path) -> None:
    assert re.search(r"is not valid TOML: .*line 2", refused(tmp_path, "[service]\nport = = 1"))


@pytest.mark.parametrize("data", [b"\xff\xfe\x00", b"a = '\x80'"])
def test_a_file_that_is_no_text_is_one_sentence(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "antiphon.toml"
    path.write_bytes(data)
    with pytest.raises(ConfigError, match="is not valid TOML"):
        load_config(path, {})


def test_a_file_that_is_missing_or_a_folder_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        load_config(tmp_path / "nowhere.toml", {})
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load_config(tmp_path, {})


def test_values_never_change_after_the_load() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Config().service.port = 1  # type: ignore[misc] # what is tried


@given(st.text(max_size=200))
@settings(max_examples=150, deadline=None)
def test_no_text_at_all_makes_the_reader_fail_otherwise(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "antiphon.toml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with contextlib.suppress(ConfigError):
        load_config(path, {})


@given(st.dictionaries(st.text("ABC_", min_size=1, max_size=20), st.text(max_size=20), max_size=4))
@settings(max_examples=100, deadline=None)
def test_no_variable_at_all_makes_the_reader_fail_otherwise(variables: dict[str, str]) -> None:
    with contextlib.suppress(ConfigError):
        load_config(EXAMPLE, {f"ANTIPHON__{name}": text for name, text in variables.items()})


# --- the example ------------------------------------------------------------------------------


def sections() -> list[type[BaseModel]]:
    kinds = [kind for kind in vars(model).values() if isinstance(kind, type) and issubclass(kind, model.Section)]
    return [kind for kind in kinds if kind not in (model.Section, Config)]


def test_the_example_loads_unchanged_and_changes_nothing() -> None:
    assert load_config(EXAMPLE, {}) == Config()


@pytest.mark.parametrize("kind", sections(), ids=lambda kind: kind.__name__)
def test_every_key_says_what_it_is_for(kind: type[BaseModel]) -> None:
    assert [name for name, field in kind.model_fields.items() if not field.description] == []


@pytest.mark.parametrize("kind", sections(), ids=lambda kind: kind.__name__)
def test_the_example_documents_every_key(kind: type[BaseModel]) -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    for name in kind.model_fields:
        key, table = rf"^(# )?{name} = ", rf"^(# )?\[([a-z\"-]+\.)*{name}(\.[^\]]+)?\]"
        assert re.search(f"{key}|{table}", text, re.MULTILINE), f"{kind.__name__}.{name}"
