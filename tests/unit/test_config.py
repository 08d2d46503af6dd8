"""The configuration: read whole, refused with every problem at once."""

from pathlib import Path

import pytest

from antiphon.config.load import ConfigError, load_config
from antiphon.config.model import Config
from antiphon.config.secrets import Secret, find_secret, find_secrets
from inference_service.routing.build import ConfigProblem, build_parts

ROOT = Path(__file__).resolve().parents[2]


def problems(tmp_path: Path, text: str, environ: dict[str, str] | None = None) -> str:
    file = tmp_path / "antiphon.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_config(file, environ or {})
    return str(caught.value)


def test_nothing_at_all_is_a_valid_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_config(environ={}) == Config()


def test_the_example_is_current_and_holds_the_defaults() -> None:
    assert load_config(ROOT / "antiphon.example.toml", {}) == Config()


def test_every_problem_is_told_with_file_key_value_and_what_is_allowed(tmp_path: Path) -> None:
    text = problems(tmp_path, "[service]\nprot = 1\nport = 99999\n[routing.timeouts]\nidle = -1\n")
    assert "antiphon.toml: service.prot: there is no such key; did you mean 'port'?" in text
    assert "service.port: input should be less than or equal to 65535 (it is '99999')" in text
    assert "routing.timeouts.idle" in text


def test_broken_toml_is_one_readable_line(tmp_path: Path) -> None:
    assert "is not valid TOML" in problems(tmp_path, "[service\n")


def test_the_environment_overrides_any_key_and_is_named_in_its_problems(tmp_path: Path) -> None:
    file = tmp_path / "antiphon.toml"
    file.write_text("[service]\nport = 1\n", encoding="utf-8")
    environ = {
        "ANTIPHON__SERVICE__PORT": "0",
        "ANTIPHON__PROVIDERS__MINE__KIND": "openai",
        "ANTIPHON__TELEMETRY__OTLP_ENDPOINT": "",
    }
    config = load_config(file, environ)
    assert config.service.port == 0
    assert config.providers["mine"].kind == "openai"
    assert config.telemetry.otlp_endpoint is None
    assert "set by ANTIPHON__SERVICE__PORT" in problems(tmp_path, "", {"ANTIPHON__SERVICE__PORT": "x"})


def test_a_pool_is_any_number_of_variables_or_files_with_gaps(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("from-a-file-000001\n", encoding="utf-8")
    environ = {
        "GIT_TOKEN": "zero-0000000",
        "GIT_TOKEN2": "two-000000000",
        "GIT_TOKEN17": "  ",
        "GIT_TOKEN9_FILE": str(file),
        "GIT_TOKENS": "no",
        "GIT_TOKEN3": "two-000000000",
    }
    assert find_secrets(["GIT_TOKEN"], environ) == [
        Secret("GIT_TOKEN", "zero-0000000"),
        Secret("GIT_TOKEN2", "two-000000000"),
        Secret("GIT_TOKEN9", "from-a-file-000001"),
    ]


def test_a_secret_does_not_show_itself() -> None:
    secret = find_secret("X", {"X": "abcdefghijklmnop"})
    assert secret is not None
    assert (repr(secret), secret.label) == ("Secret(X)", "X …mnop")
    assert Secret("Y", "short").label == "Y"


def routes(values: dict[str, object], environ: dict[str, str] | None = None) -> dict[str, tuple[str, ...]]:
    parts = build_parts(Config.model_validate(values), environ or {})
    return {route.model: route.deployments for route in parts.plan.routes}


def test_without_any_key_the_demo_voice_answers() -> None:
    assert routes({}) == {"chat": ("embedded/demo",), "vision": ("embedded/demo",), "image": ("embedded/demo-painter",)}


def test_the_default_routes_follow_from_the_environment_alone() -> None:
    found = routes({}, {"MISTRAL_TOKEN": "m-00000000001", "GIT_TOKEN3": "g-00000000001", "HF_TOKEN1": "h-0000000001"})
    assert found["chat"][:2] == ("github/gpt-4o-mini", "mistral/mistral-large-latest")
    assert found["image"][0] == "huggingface/black-forest-labs/FLUX.1-schnell"
    assert "embedded/demo" not in found["chat"]


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"routes": {"x": {"deployments": ["nobody/model"]}}}, "there is no provider 'nobody'"),
        ({"routes": {"x": {"deployments": ["model"]}}}, "not of the form provider/upstream-model"),
        ({"routes": {"x": {"alias_of": "y"}, "y": {"alias_of": "x"}}}, "circle"),
        ({"routes": {"x": {"alias_of": "nothing"}}}, "there is no route 'nothing'"),
        ({"routes": {"x": {"deployments": ["mistral/large"]}}}, "usable credential"),
        ({"providers": {"mine": {"kind": "nonsense"}}}, "'nonsense' is not known"),
        ({"providers": {"mine": {"kind": "openai", "options": {"presett": 1}}}}, "presett"),
        ({"providers": {"azure": {}}}, "base_url"),
    ],
)
def test_configuration_that_cannot_work_is_refused(values: dict[str, object], text: str) -> None:
    with pytest.raises(ConfigProblem) as caught:
        routes(values)
    assert text in str(caught.value)
