"""Embeddings through every door that offers them, each against a local server that answers as its documents say."""

import base64
import struct
from typing import Any

import pytest

from inference_service.domain import Usage
from inference_service.failures import FailureKind, UpstreamFailure
from inference_service.providers.embeddings import MOST_INPUTS, EmbedCall, Embedder, Embeddings
from inference_service.providers.seam import Provider
from tests.contract.providers import SECRET, provider_at
from tests.contract.upstream import Upstream

K = FailureKind
ROUTE = "/v1/embeddings"
ACCOUNT = "0123456789abcdef0123456789abcdef"


def call(model: str = "text-embedding-3-small", *inputs: str, **more: Any) -> EmbedCall:
    return EmbedCall(model, inputs or ("one", "two"), SECRET, **more)


async def embedded(provider: Provider, wanted: EmbedCall) -> Embeddings:
    embedder: Embedder = provider  # type: ignore[assignment] # this provider has the method
    return await embedder.embed(wanted)


def item(at: Any, vector: Any) -> dict[str, Any]:
    return {"object": "embedding", "index": at, "embedding": vector}


async def test_vectors_come_in_the_order_of_the_inputs_as_numbers_or_packed(upstream: Upstream) -> None:
    packed = base64.b64encode(struct.pack("<2f", 0.5, -1.0)).decode()
    upstream.answers[ROUTE] = {
        "object": "list", "data": [item(1, [3, 4]), item(0, packed)], "model": "m",
        "usage": {"prompt_tokens": 5, "total_tokens": 5},
    }  # fmt: skip
    async with provider_at("openai", f"{upstream.url}/v1") as provider:
        vectors = await embedded(provider, call(dimensions=2))
        assert provider.capabilities("text-embedding-3-small").embed
    assert vectors.vectors == ((0.5, -1.0), (3.0, 4.0))
    assert vectors.usage == Usage(5)
    assert upstream.body(ROUTE) == {"model": "text-embedding-3-small", "input": ["one", "two"], "dimensions": 2}


async def test_a_length_that_a_door_does_not_take_is_reported_or_refused(upstream: Upstream) -> None:
    upstream.answers[ROUTE] = {"data": [item(0, [1.0]), item(1, [2.0])]}
    async with provider_at("mistral", f"{upstream.url}/v1") as provider:
        vectors = await embedded(provider, call("mistral-embed", dimensions=64))
        assert [notice.field for notice in vectors.notices] == ["dimensions"]
        assert upstream.body(ROUTE) == {"model": "mistral-embed", "input": ["one", "two"]}
        with pytest.raises(UpstreamFailure) as refused:
            await embedded(provider, call("mistral-embed", dimensions=64, strict=True))
        assert (refused.value.kind, refused.value.field) == (K.FIELD_REFUSED, "dimensions")
        await embedded(provider, call("codestral-embed", dimensions=64))
        assert upstream.body(ROUTE)["output_dimension"] == 64


async def test_cloudflare_and_hugging_face_embed(upstream: Upstream) -> None:
    path = f"/client/v4/accounts/{ACCOUNT}/ai/v1/embeddings"
    upstream.answers[path] = {"data": [item(0, [1.0]), item(1, [2.0])]}
    base = f"{upstream.url}/client/v4/accounts/{{account}}/ai"
    async with provider_at("cloudflare", base, account=ACCOUNT) as cloudflare:
        assert (await embedded(cloudflare, call("@cf/baai/bge-m3"))).vectors == ((1.0,), (2.0,))
    pipeline = "/hf-inference/models/intfloat/e5-large/pipeline/feature-extraction"
    upstream.answers[pipeline] = (200, [[0.1, 0.2], [0.3, 0.4]], {})
    async with provider_at("huggingface", upstream.url) as hugging:
        assert (await embedded(hugging, call("intfloat/e5-large"))).vectors == ((0.1, 0.2), (0.3, 0.4))
    assert upstream.body(pipeline) == {"inputs": ["one", "two"]}


@pytest.mark.parametrize(
    "answer",
    [
        {}, {"data": []}, {"data": [item(0, [1.0])]}, {"data": [item(0, [1.0]), item(1, [1.0, 2.0])]},
        {"data": [item(0, []), item(1, [])]}, {"data": [item(0, [1.0]), item(1, None)]}, {"data": [item(0, [1.0]), item(1, ["x"])]},
        {"data": [item(0, [1.0]), item(1, [True])]}, {"data": [item(0, "??"), item(1, [1.0])]}, {"data": "x"}, [[1.0], 3],
        b'{"data":[{"embedding":[NaN]},{"embedding":[1.0]}]}',
    ],
)  # fmt: skip
async def test_fewer_odd_or_uneven_vectors_are_no_answer(upstream: Upstream, answer: Any) -> None:
    upstream.answers[ROUTE] = (200, answer, {})
    async with provider_at("openai", f"{upstream.url}/v1") as provider:
        with pytest.raises(UpstreamFailure) as failed:
            await embedded(provider, call())
    assert failed.value.kind is K.BAD_RESPONSE


async def test_nothing_to_embed_or_too_much_is_not_sent_and_a_refusal_has_its_class(upstream: Upstream) -> None:
    async with provider_at("openai", f"{upstream.url}/v1") as provider:
        for inputs, kind in (
            ((), K.BAD_REQUEST),
            (("x", ""), K.BAD_REQUEST),
            (("x",) * (MOST_INPUTS + 1), K.UNSUPPORTED),
        ):
            with pytest.raises(UpstreamFailure) as refused:
                await embedded(provider, EmbedCall("m", inputs, SECRET))
            assert refused.value.kind is kind
        assert upstream.seen == []
        upstream.answers[ROUTE] = (401, {"error": {"message": "Incorrect API key", "code": "invalid_api_key"}}, {})
        with pytest.raises(UpstreamFailure) as failed:
            await embedded(provider, call())
        assert failed.value.kind is K.UNAUTHENTICATED
