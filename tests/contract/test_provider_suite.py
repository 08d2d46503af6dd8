"""Every kind of provider passes one suite; a new kind fails here until it has a case."""

import base64
from typing import Any

import pytest

from inference_service.providers.catalogue import load
from inference_service.providers.registry import KINDS
from tests.contract.upstream import PNG
from tests.support.provider_suite import (
    Case,
    answers_well,
    bears_any_bytes,
    bears_cuts,
    bears_odd_values,
    closes_in_the_middle,
    closes_when_cancelled,
    lists_models,
)


def delta(content: Any, finish: str | None = None, **more: Any) -> dict[str, Any]:
    return {
        "choices": [{"index": 0, "delta": {"role": "assistant", "content": content}, "finish_reason": finish}],
        **more,
    }


WORDS = [delta(""), delta("ice "), delta("creeps "), delta("down"), delta(None, "stop", usage={"prompt_tokens": 3, "completion_tokens": 5})]  # fmt: skip
DONE = b"data: [DONE]\n\n"
LISTED = {"data": [{"id": "m", "object": "model", "context_length": 4096}]}
BASE64 = base64.b64encode(PNG).decode()
MAPPING = {
    "inferenceProviderMapping": {"hf-inference": {"status": "live", "providerId": "flux", "task": "text-to-image"}}
}
COHERE = [
    {"type": "message-start", "id": "1", "delta": {"message": {"role": "assistant", "content": []}}},
    {"type": "content-start", "index": 0, "delta": {"message": {"content": {"type": "thinking", "thinking": "hm"}}}},
    {"type": "content-delta", "index": 1, "delta": {"message": {"content": {"text": "ice "}}}},
    {"type": "content-delta", "index": 1, "delta": {"message": {"content": {"text": "creeps"}}}},
    {"type": "content-end", "index": 1},
    {"type": "message-end", "delta": {"finish_reason": "COMPLETE", "usage": {"billed_units": {"input_tokens": 3, "output_tokens": 5}, "tokens": {"input_tokens": 30, "output_tokens": 5}}}},
]  # fmt: skip
MISTRAL = {"data": [{"id": "m", "aliases": ["n"], "max_context_length": 32_768, "capabilities": {"completion_chat": True, "vision": False}, "deprecation": None}]}  # fmt: skip
DEEPINFRA = {"data": [{"id": "m", "metadata": {"tags": ["chat"], "context_length": 4096}}]}
HUGGING = {
    "data": [{"id": "m", "architecture": {"input_modalities": ["text"]}, "providers": [{"context_length": 4096}]}]
}
GITHUB = [{"id": "openai/m", "supported_output_modalities": ["text"], "supported_input_modalities": ["text"], "limits": {"max_input_tokens": 8}}]  # fmt: skip
CLOUDFLARE = {"success": True, "result": [{"name": "m", "task": {"name": "Text Generation"}, "properties": [{"property_id": "context_window", "value": "4096"}]}]}  # fmt: skip

CHAT = {"words": WORDS, "said": "ice creeps down", "end": DONE}
CASES = {
    "openai": Case("openai", "m", **CHAT, listed=LISTED),
    "openai pictures": Case("openai", "dall-e-3", picture={"data": [{"b64_json": BASE64}], "created": 1}),
    "azure": Case("azure", "m", **CHAT, listed=LISTED),
    "github": Case("github", "m", **CHAT, listed=GITHUB, path="/inference"),
    "mistral": Case("mistral", "m", **CHAT, listed=MISTRAL),
    "deepinfra": Case("deepinfra", "m", **CHAT, listed=DEEPINFRA),
    "deepinfra pictures": Case("deepinfra", "black-forest-labs/FLUX-1-schnell", picture={"images": [f"data:image/png;base64,{BASE64}"], "seed": 7}),
    "huggingface": Case("huggingface", "m", **CHAT, listed=HUGGING),
    "huggingface pictures": Case("huggingface", "black-forest-labs/FLUX.1-schnell", picture={"images": [{"url": f"data:image/png;base64,{BASE64}"}]}, options={"hub_url": "URL/hub"}, also={b"/hub/": MAPPING}),
    "cloudflare": Case("cloudflare", "@cf/openai/gpt-oss-120b", **CHAT, listed={"result": [{"name": "m", "task": {"name": "Text Generation"}, "properties": [{"property_id": "context_window", "value": "4096"}]}]}),
    "cloudflare pictures": Case("cloudflare", "@cf/black-forest-labs/flux-1-schnell", picture={"result": {"image": BASE64}, "success": True}),
    "pollinations": Case("pollinations", "openai", **CHAT, listed=LISTED, also={b"/image/models": ["flux"]}),
    "pollinations pictures": Case("pollinations", "flux", picture={"data": [{"b64_json": BASE64}]}),
    # Its pictures are in test_aihorde.py: a call that is cancelled goes on to cancel its order.
    "aihorde": Case("aihorde", "koboldcpp/m", **CHAT, listed=[{"name": "m", "count": 2}], options={"text_url": "URL"}),
    "cohere-native": Case("cohere-native", "command-a-03-2025", words=COHERE, said="ice creeps", listed={"models": [{"name": "m", "endpoints": ["chat"], "features": ["vision"], "context_length": 4096.0}]}),
}  # fmt: skip
# Providers that are rows of the catalogue and nothing else share one adapter.
ROWS = {
    kind: Case(kind, row.preferences("chat")[0].strip("*") or "m", **CHAT)
    for kind, row in load.shipped().items()
    if kind not in KINDS and row.preferences("chat")
}
# Spaces ask in turns, with pauses: they have suites of their own. The embedded one has no upstream.
OTHERS = {"space", "janus", "flux-dev", "flux-schnell", "embedded"}


def test_every_kind_has_a_case() -> None:
    assert {case.kind for case in CASES.values()} | OTHERS >= set(KINDS)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize(
    "check",
    [answers_well, bears_odd_values, bears_any_bytes, bears_cuts, closes_when_cancelled, closes_in_the_middle],
    ids=lambda check: check.__name__,
)
async def test_a_provider_keeps_the_rules_of_the_seam(name: str, check: Any) -> None:
    await check(CASES[name])


@pytest.mark.parametrize("kind", ROWS)
async def test_every_row_of_the_catalogue_answers(kind: str) -> None:
    await answers_well(ROWS[kind])


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.listed is not None])
async def test_a_model_list_with_odd_items_is_read(name: str) -> None:
    await lists_models(CASES[name])
