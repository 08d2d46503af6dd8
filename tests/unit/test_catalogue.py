"""The catalogue: rows are complete and short, a mistake in one is a sentence, and a person's own row is a provider."""

import datetime as dt
import re
from pathlib import Path
from typing import Any

import pytest

from antiphon.config.model import Config
from inference_service.domain import Task
from inference_service.failures import FailureKind
from inference_service.providers.catalogue import load, shapes
from inference_service.providers.catalogue.prices import Price, mistakes, price_in
from inference_service.providers.catalogue.row import Row
from inference_service.providers.kit import errors
from inference_service.providers.openai import listing
from inference_service.routing.build import ConfigProblem, Parts, build_parts, recompose
from inference_service.routing.welcome import notes

ROWS = load.shipped()
LONGEST_ROW = 15
KEYS = {
    "GEMINI_API_KEY": "AIza" + "x" * 35,
    "GROQ_API_KEY": "gsk_" + "a" * 52,
    "OPENROUTER_API_KEY": "sk-or-v1-" + "a" * 64,
    "MISTRAL_API_KEY": "m" * 32,
    "CEREBRAS_API_KEY": "csk-" + "a" * 48,
    "CLOUDFLARE_API_TOKEN": "t" * 40,
    "CLOUDFLARE_ACCOUNT_ID": "a" * 32,
    "NVIDIA_API_KEY": "nvapi-" + "a" * 64,
    "HF_TOKEN": "hf_" + "a" * 34,
    "COHERE_API_KEY": "c" * 40,
    "OPENAI_API_KEY": "sk-proj-" + "a" * 50,
    "ZAI_API_KEY": "a" * 32 + "." + "b" * 16,
    "DEEPSEEK_API_KEY": "sk-" + "a" * 32,
}
OWN_ROW = """\
[acme]
title = "Acme AI"
tier = "recurring"
base_url = "https://api.acme.example/v1"
env = ["ACME_API_KEY"]
key = "acme_[a-z]{20}"
chat = ["acme-large", "acme-*"]
models = { sees = ["acme-large"] }
limits = { group = "account", scope = "group" }
quotas = [{ limit = 100, per = "day", clock = "wall", scope = "group" }]
signs = [{ kind = "overloaded", words = "kettle is boiling" }]
"""


def parts_of(environ: dict[str, str], **config: Any) -> Parts:
    return build_parts(Config.model_validate(config), environ)


def route(parts: Parts, name: str) -> tuple[str, ...]:
    return next((route.deployments for route in parts.plan.routes if route.model == name), ())


def test_there_are_rows_for_every_free_provider_and_the_paid_ones_people_ask_for() -> None:
    assert len(ROWS) >= 40
    paid = {
        "openai",
        "anthropic",
        "xai",
        "deepseek",
        "together",
        "fireworks",
        "nebius",
        "novita",
        "siliconflow",
        "alibaba",
    }
    assert paid | {"gemini", "groq", "openrouter", "mistral", "cerebras", "cloudflare", "scaleway"} <= set(ROWS)


@pytest.mark.parametrize("path", sorted(load.SHIPPED.glob("*.toml")), ids=lambda path: path.name)
def test_a_row_is_short(path: Path) -> None:
    for block in re.split(r"(?m)^(?=\[[a-z])", path.read_text(encoding="utf-8"))[1:]:
        lines = [line for line in block.splitlines()[1:] if line.strip() and not line.startswith("#")]
        assert len(lines) <= LONGEST_ROW, block.splitlines()[0]


@pytest.mark.parametrize(("kind", "row"), ROWS.items(), ids=list(ROWS))
def test_a_row_says_where_it_comes_from_and_what_is_free(kind: str, row: Row) -> None:
    assert row.about.source
    assert row.about.date
    assert row.about.data
    if row.tier not in ("local", "retired"):
        assert row.about.limits
        assert row.about.signup.startswith("https://")
        assert row.env


def test_a_key_in_the_environment_is_all_that_a_provider_needs() -> None:
    parts = parts_of(KEYS)
    wanted = {"gemini", "groq", "openrouter", "mistral", "cerebras", "cloudflare", "nvidia", "huggingface", "cohere"}
    assert wanted | {"openai", "zai", "deepseek"} <= set(parts.plan.providers)
    assert not parts.warnings


def test_free_comes_before_paid_and_the_catalogue_orders_the_rest() -> None:
    chat = route(parts_of(KEYS), "chat")
    providers = [name.partition("/")[0] for name in chat]
    assert providers[:4] == ["groq", "cerebras", "gemini", "mistral"]
    assert providers.index("openai") > providers.index("cohere")


def test_one_line_of_configuration_changes_the_order() -> None:
    chat = route(parts_of(KEYS, routing={"order": ["openai", "mistral"]}), "chat")
    assert [name.partition("/")[0] for name in chat[:3]] == ["openai", "mistral", "groq"]
    with pytest.raises(ConfigProblem, match="there is no provider 'mistrall'"):
        parts_of(KEYS, routing={"order": ["mistrall"]})


def test_only_what_is_known_to_see_comes_first_in_vision() -> None:
    parts = parts_of(KEYS)
    seen = [parts.plan.deployments[name].capabilities for name in route(parts, "vision")]
    known = [can.vision for can in seen]
    assert known == sorted(known, reverse=True)
    assert known[0]
    assert all("vision" in can.unknown for can in seen if not can.vision)
    assert not route(parts_of({"KILO_API_KEY": "x" * 20}), "vision")  # nothing is known to see


def test_the_names_of_the_mission_are_models() -> None:
    names = {route.model for route in parts_of(KEYS).plan.routes}
    expected = {"chat", "vision", "image", "fast", "flux", "flux-dev", "flux-schnell", "janus", "gpt-4o-mini"}
    assert expected | {"mistral-large-2407", "pixtral-12b-2409"} <= names


def test_speech_and_embeddings_are_models_too_free_doors_first() -> None:
    parts = parts_of(KEYS)
    assert [one.partition("/")[0] for one in route(parts, "transcribe")][:2] == ["groq", "mistral"]
    assert route(parts, "transcribe")[-1] == "openai/whisper-1"
    assert {one.partition("/")[0] for one in route(parts, "embed")} == {
        "mistral",
        "cloudflare",
        "huggingface",
        "cohere",
        "openai",
    }
    for name, task in (("transcribe", Task.TRANSCRIBE), ("embed", Task.EMBED)):
        assert all(parts.plan.deployments[one].capabilities.can(task) for one in route(parts, name))
        assert not any(parts.plan.deployments[one].capabilities.chat for one in route(parts, name))
    assert not route(parts_of({"CEREBRAS_API_KEY": KEYS["CEREBRAS_API_KEY"]}), "transcribe")


def test_a_list_that_leaves_speech_out_does_not_take_it_away() -> None:
    parts = parts_of({"GROQ_API_KEY": KEYS["GROQ_API_KEY"]})
    groq: Any = parts.plan.providers["groq"]
    groq.listed_models = ("openai/gpt-oss-20b",)
    recompose(parts, Config())
    assert route(parts, "transcribe") == ("groq/whisper-large-v3-turbo", "groq/whisper-large-v3")


@pytest.mark.parametrize(
    ("provider", "model", "used", "micros"),
    [
        ("openai", "gpt-4o-mini", {"prompt": 1_000_000}, 150_000),
        ("openai", "gpt-4o-mini", {"prompt": 1_000, "completion": 500}, 450),
        ("openai", "gpt-4o-mini", {"prompt": 1_000, "cached": 400, "completion": 500}, 420),
        ("openai", "gpt-4o-mini", {"prompt": 10, "cached": 400}, 1),  # a cache cannot give more than there is
        ("openai", "whisper-1", {"seconds": 90.0}, 9_000),
        ("xai", "grok-4", {"prompt": 1, "completion": 1}, 18),
        ("openrouter", "x/y:free", {"prompt": 1_000_000}, 0),
    ],
)
def test_a_price_is_counted_in_millionths(provider: str, model: str, used: dict[str, Any], micros: int) -> None:
    price = price_in(ROWS[provider].prices, model)
    assert price is not None
    assert price.micros(**used) == micros
    assert (price.currency, price.date.year) == ("USD", 2026)


def test_a_model_without_a_price_has_none() -> None:
    assert price_in(ROWS["openai"].prices, "gpt-9") is None
    assert price_in(ROWS["groq"].prices, "openai/gpt-oss-120b") is None
    for row in ROWS.values():
        assert not mistakes(row.prices)
    day = dt.date(2026, 7, 24)
    wrong = (
        Price((), day),
        Price(("x",), day, input=-1.0),
        Price(("x",), day, minute=float("nan")),
        Price(("x",), day, currency="dollars"),
    )
    assert [key for key, _ in mistakes(wrong)] == [
        "prices[0].models",
        "prices[1].input",
        "prices[2].minute",
        "prices[3].currency",
    ]


def test_a_listed_model_takes_the_place_of_a_retired_one() -> None:
    parts = parts_of({"GROQ_API_KEY": KEYS["GROQ_API_KEY"]})
    groq: Any = parts.plan.providers["groq"]
    groq.listed_models = ("qwen/qwen3.6-27b", "openai/gpt-oss-20b", "whisper-large-v3")
    said = recompose(parts, Config())
    assert route(parts, "chat") == ("groq/qwen/qwen3.6-27b", "groq/openai/gpt-oss-20b")
    assert any("openai/gpt-oss-120b" in sentence and "takes its place" in sentence for sentence in said)
    groq.listed_models = ("openai/gpt-oss-20b",)
    recompose(parts, Config())
    assert not route(parts, "vision")  # the model that saw is gone, and none that is listed is known to see


def test_pictures_need_no_list_to_be_drawn() -> None:
    parts = parts_of({"NVIDIA_API_KEY": KEYS["NVIDIA_API_KEY"]})
    nvidia: Any = parts.plan.providers["nvidia"]
    nvidia.listed_models = ("openai/gpt-oss-20b",)
    recompose(parts, Config())
    assert route(parts, "image")[0] == "nvidia/black-forest-labs/flux.1-schnell"


def test_doors_without_a_key_wait_for_a_word_of_the_operator() -> None:
    assert "ovh" not in parts_of(KEYS).plan.providers
    assert "ovh" in parts_of(KEYS, providers={"ovh": {}}).plan.providers
    assert "github" not in parts_of({**KEYS, "GITHUB_TOKEN": "ghp_" + "a" * 36}).plan.providers


def test_prefill_is_declared_by_a_row_and_never_read_from_an_address() -> None:
    def continues(**table: Any) -> bool:
        parts = parts_of({}, providers={"own": {"models": ["m"], "anonymous": True, **table}})
        return parts.plan.providers["own"].capabilities("m").prefill

    assert continues(kind="vllm", base_url="http://10.0.0.1:9999/v1")
    for port in (8000, 8080, 11434):
        assert not continues(kind="openai", base_url=f"http://127.0.0.1:{port}/v1")
    assert not continues(kind="ollama")


# --- keys --------------------------------------------------------------------------------------


def test_a_key_under_a_wrong_name_is_said_and_not_used() -> None:
    parts = parts_of({"GROQ_KEY": KEYS["GROQ_API_KEY"], "MISTRAL_API_KEY": "m" * 32})
    assert "GROQ_KEY looks like a Groq key: name it GROQ_API_KEY." in parts.warnings
    assert "groq" not in parts.plan.providers


WRONG_NAMES = {
    "AIza" + "x" * 35: ("Google Gemini", "GEMINI_API_KEY"),
    "gsk_" + "a" * 52: ("Groq", "GROQ_API_KEY"),
    "sk-or-v1-" + "a" * 64: ("OpenRouter", "OPENROUTER_API_KEY"),
    "csk-" + "a" * 48: ("Cerebras", "CEREBRAS_API_KEY"),
    "nvapi-" + "a" * 64: ("NVIDIA NIM", "NVIDIA_API_KEY"),
    "hf_" + "a" * 34: ("Hugging Face Inference Providers", "HF_TOKEN"),
    "xai-" + "a" * 80: ("xAI", "XAI_API_KEY"),
    "sk-ant-api03-" + "a" * 80: ("Anthropic (OpenAI-compatible API)", "ANTHROPIC_API_KEY"),
    "vck_" + "a" * 60: ("Vercel AI Gateway", "AI_GATEWAY_API_KEY"),
    "fw_" + "a" * 24: ("Fireworks", "FIREWORKS_API_KEY"),
    "cpk_" + "a" * 60: ("Chutes", "CHUTES_API_KEY"),
    "tgp_v1_" + "a" * 43: ("Together", "TOGETHER_API_KEY"),
    "sk-proj-" + "a" * 60: ("OpenAI", "OPENAI_API_KEY"),
}


@pytest.mark.parametrize("value", WRONG_NAMES)
def test_every_key_with_a_shape_of_its_own_is_recognised_under_any_name(value: str) -> None:
    title, name = WRONG_NAMES[value]
    said = [line for line in parts_of({"MY_SECRET_TOKEN": value}).warnings if "MY_SECRET_TOKEN" in line]
    assert len(said) == 1
    assert f"{title} key: name it {name}." in said[0]
    assert value not in said[0]


def test_a_key_of_another_provider_is_not_sent_to_the_one_it_is_named_for() -> None:
    parts = parts_of({"GROQ_API_KEY": KEYS["OPENROUTER_API_KEY"], "MISTRAL_API_KEY": "m" * 32})
    assert "groq" not in parts.plan.providers
    assert any("GROQ_API_KEY looks like an OpenRouter key" in line for line in parts.warnings)


def test_an_ambiguous_key_is_never_guessed() -> None:
    for value in (
        "sk-" + "a" * 48,
        "m" * 32,
        "c" * 40,
        "0f1a2b3c-0f1a-0f1a-0f1a-0f1a2b3c4d5e",
        "a" * 32 + "." + "b" * 16,
    ):
        assert shapes.provider_of_key(value, ROWS) is None
        assert not parts_of({"MY_API_KEY": value, "MISTRAL_API_KEY": "n" * 32}).warnings


def test_a_broken_key_is_one_clear_line_without_the_key() -> None:
    for value in ("gsk_abc def", "gsk_abc\ndef"):
        with pytest.raises(ConfigProblem) as raised:
            parts_of({"GROQ_API_KEY": value})
        (problem,) = raised.value.problems
        assert "GROQ_API_KEY: the key contains a space or a line break" in problem[1]
        assert "abc" not in str(raised.value)


def test_cloudflares_account_is_a_variable_or_precedes_the_token() -> None:
    account, token = "a" * 32, "t" * 40
    both = parts_of({"CLOUDFLARE_API_TOKEN": token, "CLOUDFLARE_ACCOUNT_ID": account})
    joined = parts_of({"CLOUDFLARE_API_TOKEN": f"{account}:{token}"})
    for parts in (both, joined):
        assert list(parts.secrets["cloudflare"].values()) == [f"{account}:{token}"]
    alone = parts_of({"CLOUDFLARE_API_TOKEN": token, "MISTRAL_API_KEY": "m" * 32})
    assert "cloudflare" not in alone.plan.providers
    assert any("set CLOUDFLARE_ACCOUNT_ID" in line for line in alone.warnings)
    with pytest.raises(ConfigProblem, match="set CLOUDFLARE_ACCOUNT_ID"):
        parts_of({"CLOUDFLARE_API_TOKEN": token}, providers={"cloudflare": {}})


def test_the_start_says_what_was_found_and_where_the_next_key_is() -> None:
    said = "\n".join(notes(parts_of({"GROQ_API_KEY": "gsk_" + "a" * 52, "GROQ_API_KEY1": "gsk_" + "b" * 52})))
    assert "Groq (2 keys)" in said
    assert "Nothing draws" in said
    assert "Another free key: Cerebras" in said
    assert "CEREBRAS_API_KEY" in said


# --- a person's own rows ------------------------------------------------------------------------


def test_a_stranger_adds_a_provider_with_one_table(tmp_path: Path) -> None:
    (tmp_path / "antiphon" / "providers").mkdir(parents=True)
    (tmp_path / "antiphon" / "providers" / "acme.toml").write_text(OWN_ROW)
    parts = parts_of({"ACME_API_KEY": "secret", "XDG_CONFIG_HOME": str(tmp_path), "MY_KEY": "acme_" + "x" * 20})
    provider: Any = parts.plan.providers["acme"]
    assert route(parts, "chat") == ("acme/acme-large",)
    assert provider.capabilities("acme-large").vision
    assert provider.settings.base_url == "https://api.acme.example/v1"
    boiling = errors.from_response(418, {}, b'{"error":"The kettle is boiling"}', provider.dialect)
    assert boiling.kind is FailureKind.OVERLOADED
    assert "MY_KEY looks like an Acme AI key" in parts.warnings[0]


def test_a_directory_of_rows_can_be_named(tmp_path: Path) -> None:
    (tmp_path / "acme.toml").write_text(OWN_ROW)
    assert "acme" in parts_of({"ACME_API_KEY": "secret"}, catalogue_dir=str(tmp_path)).plan.providers


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("env =", "envs ="), "[acme]: envs: there is no such key; did you mean 'env'?"),
        (('tier = "recurring"', 'tier = "gratis"'), "[acme]: tier: invalid enum value"),
        (('title = "Acme AI"\n', ""), "[acme]: title: is missing"),
        (('"acme_[a-z]{20}"', '"acme_["'), "[acme]: key: is not a regular expression"),
        (("https://", "ftp://"), "[acme]: base_url: 'ftp://api.acme.example/v1' does not begin with https://"),
        (("/v1", "/{account}/v1"), "[acme]: account_env: is missing"),
        (('words = "kettle', 'words = "(kettle'), "[acme]: signs[0].words: is not a regular expression"),
        (("limit = 100", "limit = true"), "[acme]: quotas[0].limit: expected `int`"),
        (('["ACME_API_KEY"]', '["sk-1234 5678"]'), "[acme]: env: 'sk-1'… is not the name of a variable"),
        (("[acme]", "[acme"), "is not valid TOML"),
        (("[acme]", "[Acme]"), "[Acme]: is not a valid provider name"),
    ],
)
def test_a_mistake_in_a_row_is_one_line_that_says_what_to_do(
    tmp_path: Path, change: tuple[str, str], said: str
) -> None:
    path = tmp_path / "acme.toml"
    path.write_text(OWN_ROW.replace(*change))
    with pytest.raises(ConfigProblem) as raised:
        parts_of({}, catalogue_dir=str(tmp_path))
    (problem,) = raised.value.problems
    assert str(path) in problem[1]
    assert said in problem[1]
    assert "\n" not in problem[1]
    assert "5678" not in problem[1]


# --- lists of models ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "item", "name", "vision", "context"),
    [
        ("gemini", {"id": "models/gemini-3.1-flash-lite", "object": "model"}, "gemini-3.1-flash-lite", True, 0),
        ("groq", {"id": "openai/gpt-oss-120b", "active": True, "context_window": 131072}, "openai/gpt-oss-120b", False, 131072),
        ("openrouter", {"id": "x/y:free", "context_length": 32768, "architecture": {"input_modalities": ["text", "image"], "output_modalities": ["text"]}}, "x/y:free", True, 32768),
        ("mistral", {"id": "m", "capabilities": {"completion_chat": True, "vision": True}, "max_context_length": "32k"}, "m", True, 32000),
        ("vercel", {"id": "a/b", "type": "language", "context_window": 1000.0}, "a/b", None, 1000),
        ("cohere", {"name": "command-x", "endpoints": ["chat"], "context_length": float("nan"), "features": ["vision"]}, "command-x", True, 0),
        ("pollinations", {"name": "p", "input_modalities": ["text"]}, "p", False, 0),
        ("compatible", {"id": "local", "max_model_len": -5}, "local", None, 0),
    ],
)  # fmt: skip
def test_a_list_teaches_what_its_fields_say(
    kind: str, item: dict[str, Any], name: str, vision: bool | None, context: int
) -> None:
    (info,) = listing.read([item], ROWS[kind])
    assert info.name == name
    assert info.capabilities.context_tokens == context
    seen = None if "vision" in info.capabilities.unknown else info.capabilities.vision
    assert seen == vision


def test_models_that_do_not_chat_are_left_out_and_an_odd_item_costs_only_itself() -> None:
    listed = [
        {"id": "whisper-large-v3"},
        {"id": "a/embed", "type": "embedding"},
        {"id": "painter", "architecture": {"output_modalities": ["image"]}},
        {"id": "asleep", "active": False},
        {"id": 7},
        {"id": "fine", "architecture": "odd", "capabilities": 3, "context_window": {}, "supported_parameters": "all"},
    ]
    assert [info.name for info in listing.read(listed, ROWS["groq"])] == ["fine"]
    assert listing.items({"data": [1, {"id": "x"}]}) == [{"id": "x"}]
    assert listing.items({"data": "?"}) == []
    assert listing.items("nothing") == []
