"""A key written in a wrong place of the configuration: said with the place and what to do, and never repeated."""

import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from antiphon.config.keys import is_environment_name, looks_like_key, redacted
from antiphon.config.load import ConfigError, load_config
from antiphon.config.model import Config
from inference_service.server import Server, StartProblem

KEYS = (
    "sk-canary4711canary",
    "gsk_Canary4711canary4711Canary",
    "hf_CanaryCanaryCanaryCanary",
    "ghp_canary4711canary4711",
    "github_pat_11CANARY0canary",
    "AIzaSyCanary4711canary",
    "nvapi-canary-canary-canary",
    "xai-canary4711canary",
    "Canary4711canary4711canary4711xy",
    "eyJjYW5hcnkiOiJjYW5hcnkifQ.eyJjYW5hcnkiOjF9.canary",
    "MTA1Njc4OTAxMjM0NTY3ODkw.GabcdE.canarycanarycanarycanary12",
    "3b241101-e2bb-4255-8caf-4136c566a962",
    "Bearer sk-canary4711canary",
)
USUAL_MISTAKES = (
    '[providers.groq]\ncredentials_env = "{key}"',
    '[providers.groq]\ncredentials_env = ["{key}"]',
    '[providers.groq]\napi_key = "{key}"',
    '[providers.groq]\napi-key = "{key}"',
    '[providers.groq]\nkey = "{key}"',
    '[providers.groq]\ntoken = "{key}"',
    '[providers.groq]\nheaders = {{Authorization = "Bearer {key}"}}',
    '[providers.groq]\nheaders = {{"{key}" = "x"}}',
    '[providers.groq]\nbase_url = "https://{key}@api.example.com/v1"',
    '[providers.groq]\nbase_url = "https://user:{key}@api.example.com/v1"',
    '[providers.groq]\nbase_url = "https://api.example.com/v1?key={key}"',
    '[providers.groq]\nproxy = "http://user:{key}@proxy:1"',
    '[providers.groq]\nkind = "{key}"',
    '[providers.groq]\nmodels = ["{key}"]',
    '[providers.groq]\nmodels = "{key}"',
    '[providers.groq]\nquota_groups = [["{key}"]]',
    '[providers.groq]\naliases = {{"{key}" = "model"}}',
    '[providers.groq]\nconnect_timeout = "{key}"',
    '[providers.groq.options]\nkey = "{key}"',
    '[providers.groq.model."{key}"]\nvision = true',
    '[providers."{key}"]\nkind = "openai"',
    '["{key}"]\nkind = "openai"',
    '"{key}" = "groq"',
    '[routes."{key}"]\ndeployments = ["here/demo"]',
    '[routes.chat]\ndeployments = ["{key}"]',
    '[routes.chat]\ndeployments = ["groq/{key}"]',
    '[routes.chat]\nalias_of = "{key}"',
    '[bot]\ntoken = "{key}"',
    '[bot]\ntoken_env = "{key}"',
    '[bot]\ndatabase_env = "postgresql://user:{key}@host/db"',
    '[bot]\ndiscord_token = "{key}"',
    '[bot]\noperators = ["{key}"]',
    '[client]\ntoken_env = "{key}"',
    '[client]\ntarget = "{key}"',
    '[state]\nredis_url_env = "redis://:{key}@host"',
    '[state]\nredis_url = "redis://:{key}@host"',
    '[service.callers.bot]\ntoken_env = "{key}"',
    '[service.callers.bot]\ntoken = "{key}"',
    '[service.callers."{key}"]\ntoken_env = "BOT"',
    '[telemetry]\notlp_endpoint = "http://user:{key}@collector"',
    '[telemetry]\nlog_level = "{key}"',
    'groq_api_key = "{key}"',
    "{key}",
    '[providers."{key}"]\n[providers."{key}"]',
)  # fmt: skip


async def said(path: Path, text: str) -> str:
    """What loading and starting say about this file; empty when nothing is wrong."""
    path.write_text(text)
    environ = {
        "ANTIPHON__SERVICE__PORT": "0",
        "ANTIPHON__SERVICE__STATUS_PAGE": "false",
        "ANTIPHON__SERVICE__HTTP": "false",
    }
    try:
        config = load_config(path, environ)
        server = Server(config, environ, path)
        await server.start()
    except (ConfigError, StartProblem) as error:
        return f"{error} {vars(error)} {error.__cause__} {error.__cause__ and vars(error.__cause__)}"
    await server.stop(0.1)
    return ""


@pytest.mark.parametrize("mistake", USUAL_MISTAKES)
async def test_the_usual_mistakes_are_said_without_the_key(mistake: str, tmp_path: Path) -> None:
    for key in KEYS:
        message = await said(tmp_path / "antiphon.toml", mistake.format(key=key))
        assert message
        assert key.removeprefix("Bearer ") not in message
        assert "anary" not in message


def places(model: type[BaseModel], place: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every key of the configuration; "x" where a table has names of its own."""
    for name, field in model.model_fields.items():
        here, annotation = (*place, name), field.annotation
        yield here
        for part in (annotation, *typing.get_args(annotation)):
            if isinstance(part, type) and issubclass(part, BaseModel):
                yield from places(part, (*here, "x") if typing.get_origin(annotation) is dict else here)


def nested(place: tuple[str, ...], value: Any) -> dict[str, Any]:
    for step in reversed(place):
        value = {step: value}
    return value  # type: ignore[no-any-return]


def as_toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f'"{key}" = {as_toml(inner)}' for key, inner in value.items()) + "}"
    return "[" + ", ".join(map(as_toml, value)) + "]" if isinstance(value, list) else f'"{value}"'


@pytest.mark.parametrize("place", list(places(Config)), ids=".".join)
def test_a_key_anywhere_in_the_file_is_refused_and_not_repeated(place: tuple[str, ...], tmp_path: Path) -> None:
    path = tmp_path / "antiphon.toml"
    key = KEYS[len(".".join(place)) % len(KEYS)]
    for value in (key, [key], {key: "x"}, {"x": key}, [[key]], {"x": {"y": key}}):
        path.write_text("\n".join(f"{top} = {as_toml(inner)}" for top, inner in nested(place, value).items()))
        with pytest.raises(ConfigError) as caught:
            load_config(path, {})
        assert key not in f"{caught.value} {vars(caught.value)}"
        assert "anary" not in str(caught.value)
    if not isinstance(place, tuple) or len(place) < 2:
        return
    name = "ANTIPHON__" + "__".join(place).upper()
    path.write_text("")
    with pytest.raises(ConfigError) as caught:
        load_config(path, {name: key})
    assert "anary" not in str(caught.value)


@pytest.mark.parametrize("name", ["api_key", "apikey", "API_KEY", "groq_api_key", "token", "secret", "password", "credentials"])  # fmt: skip
def test_a_key_in_the_wrong_place_leads_to_the_right_one(name: str, tmp_path: Path) -> None:
    path = tmp_path / "antiphon.toml"
    path.write_text(f'[providers.groq]\n{name} = "hunter2"')
    with pytest.raises(ConfigError, match=r"environment variable, such as GROQ_API_KEY") as caught:
        load_config(path, {})
    assert "hunter2" not in str(caught.value)


def test_a_file_as_windows_editors_write_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "antiphon.toml"
    path.write_bytes(b"\xef\xbb\xbf[service]\r\nport = 7\r\n")
    assert load_config(path, {}).service.port == 7


def test_a_wrong_field_is_reported_once(tmp_path: Path) -> None:
    path = tmp_path / "antiphon.toml"
    path.write_text('[routes.chat]\nhedge = {after = "soon"}\n[service]\nport = "x"\nstatus_page = 7')
    with pytest.raises(ConfigError) as caught:
        load_config(path, {})
    keys = [key for key, _ in caught.value.problems]
    assert sorted(keys) == ["routes.chat.hedge.after", "service.port", "service.status_page"]
    assert "'soon'" in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "meta-llama/Llama-3.3-70B-Instruct-Turbo", "Qwen/Qwen2.5-Coder-32B-Instruct", "accounts/fireworks/models/llama-v3p1-405b-instruct",
        "deepseek-ai/DeepSeek-R1-0528-Qwen3-8B", "gemini-2.5-flash-lite-preview-06-17", "@cf/meta/llama-3.3-70b-instruct-fp8-fast",
        "nousresearch/hermes-3-llama-3.1-405b:free", "anthropic.claude-3-5-sonnet-20240620-v1:0", "GIT_TOKEN1", "HF_TOKEN2_FILE",
        "my_company_groq_token_2", "sqlite+aiosqlite:////data/antiphon.sqlite3", "https://api.groq.com/openai/v1", "key", "sk-1",
    ],
)  # fmt: skip
def test_names_of_models_and_variables_are_no_keys(text: str) -> None:
    assert not looks_like_key(text)
    assert redacted(text) == text
    assert is_environment_name(text) is text.replace("_", "").isalnum()
