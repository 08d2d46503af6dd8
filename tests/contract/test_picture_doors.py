"""Doors for pictures with a wire format of their own, each against a local server that answers as its documents say."""

import base64
import re
import time
from typing import Any

import pytest

from inference_service.domain import ImagePart
from inference_service.failures import FailureKind, Scope, UpstreamFailure
from inference_service.providers.pictures import jobs
from tests.contract.providers import SECRET, drawn, picture_call, provider_at
from tests.contract.upstream import PNG, Upstream

K = FailureKind
B64 = base64.b64encode(PNG).decode()
ACCOUNT = "0123456789abcdef0123456789abcdef"
SCHNELL = "@cf/black-forest-labs/flux-1-schnell"
RUN = f"/client/v4/accounts/{ACCOUNT}/ai/run"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "FIRST_PAUSE", 0.01)


def cloudflare(upstream: Upstream, **options: Any) -> Any:
    base = f"{upstream.url}/client/v4/accounts/{{account}}/ai"
    return provider_at("cloudflare", base, **{"account": ACCOUNT, **options})


async def test_cloudflare_draws_with_flux_and_reports_the_seed_that_it_sent(upstream: Upstream) -> None:
    upstream.answers[f"{RUN}/{SCHNELL}"] = {"result": {"image": B64}, "success": True, "errors": [], "messages": []}
    async with cloudflare(upstream) as provider:
        first = await drawn(provider, picture_call(SCHNELL, steps=20))
        body = upstream.body(f"{RUN}/{SCHNELL}")
        assert body == {"prompt": "a fox", "steps": 8, "seed": first.seeds[0]}
        assert first.notices == [("changed", "steps")]
        assert [usage.images for usage in first.usage] == [1]
        second = await drawn(provider, picture_call(SCHNELL, seed=7))
        assert second.seeds == [7]
        assert first.seeds != second.seeds
    assert upstream.seen[0][2]["Authorization"] == f"Bearer {SECRET}"


async def test_cloudflare_answers_of_older_models_are_bytes_and_the_second_flux_wants_a_form(
    upstream: Upstream,
) -> None:
    stable, second = "@cf/stabilityai/stable-diffusion-xl-base-1.0", "@cf/black-forest-labs/flux-2-dev"
    upstream.answers[f"{RUN}/{stable}"] = (200, PNG, {"content-type": "image/png"})
    upstream.answers[f"{RUN}/{second}"] = {"result": {"image": B64}, "success": True}
    async with cloudflare(upstream) as provider:
        drawing = await drawn(
            provider, picture_call(stable, size=(512, 768), negative_prompt="rain", guidance_scale=7.5, seed=1)
        )
        assert drawing.pictures[0].data == PNG
        assert upstream.body(f"{RUN}/{stable}") == {
            "prompt": "a fox", "negative_prompt": "rain", "guidance": 7.5, "seed": 1, "width": 512, "height": 768,
        }  # fmt: skip
        picture = ImagePart("image/png", PNG)
        await drawn(provider, picture_call(second, size=(512, 512), seed=4, input_image=picture))
        form = upstream.body(f"{RUN}/{second}")
        assert form["input_image_0"] == ("input_image_0.png", "image/png", PNG)
        assert {key: form[key] for key in ("prompt", "seed", "width")} == {
            "prompt": "a fox",
            "seed": "4",
            "width": "512",
        }
        await drawn(provider, picture_call(second, seed=4))
        assert upstream.seen[-1][2]["Content-Type"].startswith("multipart/form-data")


@pytest.mark.parametrize(
    ("status", "code", "message", "kind", "scope"),
    [
        (429, 4006, "you have used up your daily free allocation of 10,000 neurons", K.QUOTA_EXHAUSTED, Scope.GROUP),
        (400, 3036, "Account limited", K.QUOTA_EXHAUSTED, Scope.GROUP),
        (429, 3040, "Capacity temporarily exceeded, please try again.", K.OVERLOADED, None),
        (401, 10000, "Authentication error", K.UNAUTHENTICATED, None),
        (400, 7003, "Could not route to /accounts/x, perhaps your object identifier is invalid?", K.UNAUTHENTICATED, None),
        (400, 5007, "No such model @cf/x", K.MODEL_NOT_FOUND, None),
        (403, 5018, "This account is not allowed to access this model", K.MODEL_FORBIDDEN, None),
        (400, 3030, "Input prompt contains NSFW content.", K.CONTENT_REFUSED, None),
        (410, 5028, "This model has been deprecated", K.RETIRED, None),
    ],
)  # fmt: skip
async def test_a_refusal_by_cloudflare_has_its_class(
    upstream: Upstream, status: int, code: int, message: str, kind: FailureKind, scope: Scope | None
) -> None:
    error = {"errors": [{"message": message, "code": code}], "success": False, "result": {}, "messages": []}
    upstream.answers[f"{RUN}/{SCHNELL}"] = (status, error, {})
    async with cloudflare(upstream) as provider:
        with pytest.raises(UpstreamFailure) as failed:
            await drawn(provider, picture_call(SCHNELL))
    assert failed.value.kind is kind
    if scope is not None:
        assert failed.value.scope is scope
        midnight = 86_400 - time.time() % 86_400
        assert failed.value.wake_after == pytest.approx(midnight, abs=30)


async def test_a_cloudflare_account_comes_from_the_credential_or_its_lack_is_said(upstream: Upstream) -> None:
    other = "f" * 32
    upstream.answers[f"/client/v4/accounts/{other}/ai/run/{SCHNELL}"] = {"result": {"image": B64}}
    async with cloudflare(upstream, account="") as provider:
        await drawn(provider, picture_call(SCHNELL, secret=f"{other}:the-token"))
        assert upstream.seen[-1][2]["Authorization"] == "Bearer the-token"
        asked = len(upstream.seen)
        with pytest.raises(UpstreamFailure, match=r"account id is missing; set CLOUDFLARE_ACCOUNT_ID"):
            await drawn(provider, picture_call(SCHNELL))
        with pytest.raises(UpstreamFailure, match="32 hexadecimal digits"):
            await drawn(provider, picture_call(SCHNELL, secret="not-an-id:the-token"))
        assert len(upstream.seen) == asked


async def test_cloudflare_lists_what_chats_and_what_draws(upstream: Upstream) -> None:
    search = f"/client/v4/accounts/{ACCOUNT}/ai/models/search"
    upstream.answers[search] = {"success": True, "result": [
        {"name": SCHNELL, "task": {"name": "Text-to-Image"}, "properties": []},
        {"name": "@cf/meta/llama", "task": {"name": "Text Generation"}, "properties": [{"property_id": "context_window", "value": "32000"}]},
        {"name": "@cf/baai/bge", "task": {"name": "Text Embeddings"}}, {"name": 3}, "odd", None,
    ]}  # fmt: skip
    async with cloudflare(upstream) as provider:
        found = {model.name: model.capabilities for model in await provider.models(SECRET)}
    assert list(found) == [SCHNELL, "@cf/meta/llama", "@cf/baai/bge"]
    assert found[SCHNELL].image
    assert found["@cf/baai/bge"].embed
    assert found["@cf/meta/llama"].context_tokens == 32_000


# --- Pollinations --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "prompt", ["a fox", "лиса в снегу 🦊", "a/b?c#d&e=f %41", "..", ".", "100% \\ sure", "a+b", "../../secret"]
)
async def test_pollinations_takes_any_prompt_as_the_path_and_the_key_in_a_header(
    upstream: Upstream, prompt: str
) -> None:
    class AnyPath(dict[str, Any]):
        def get(self, _path: Any, _default: Any = None) -> Any:
            return PNG

    upstream.answers = AnyPath()
    async with provider_at("pollinations", f"{upstream.url}/v1") as provider:
        drawing = await drawn(provider, picture_call("flux", prompt=prompt, size=(512, 256), negative_prompt="rain"))
    _, path, headers, _ = upstream.seen[0]
    assert path.removeprefix("/image/").strip() == prompt
    assert headers["Authorization"] == f"Bearer {SECRET}"
    assert upstream.queries[0] == {
        "model": "flux", "width": "512", "height": "256", "seed": str(drawing.seeds[0]), "negative_prompt": "rain",
        "nologo": "true", "private": "true", "enhance": "false", "safe": "true",
    }  # fmt: skip
    assert SECRET not in str(upstream.queries)


@pytest.mark.parametrize(
    ("status", "kind"), [(402, K.QUOTA_EXHAUSTED), (401, K.UNAUTHENTICATED), (403, K.MODEL_FORBIDDEN), (500, K.SERVER_ERROR)]
)  # fmt: skip
async def test_a_refusal_by_pollinations_has_its_class(upstream: Upstream, status: int, kind: FailureKind) -> None:
    words = "This model is paid-only" if status == 403 else "not enough"
    body = {"status": status, "success": False, "error": {"code": "X", "message": words, "requestId": "1"}}
    upstream.answers["/image/a fox"] = (status, body, {})
    async with provider_at("pollinations", f"{upstream.url}/v1") as provider:
        with pytest.raises(UpstreamFailure) as failed:
            await drawn(provider, picture_call("flux"))
        assert failed.value.kind is kind
        if kind is K.QUOTA_EXHAUSTED:  # Pollen is refilled at the full hour
            assert failed.value.wake_after == pytest.approx(3_600 - time.time() % 3_600, abs=30)
        with pytest.raises(UpstreamFailure, match="too long"):
            await drawn(provider, picture_call("flux", prompt="лиса" * 1_000))


# --- Hugging Face's task providers -----------------------------------------------------------

MODEL = "black-forest-labs/FLUX.1-schnell"


def hugging(upstream: Upstream, **mapping: str) -> Any:
    live = {slug.replace("_", "-"): {"status": "live", "providerId": theirs} for slug, theirs in mapping.items()}
    upstream.answers[f"/hub/api/models/{MODEL}"] = {"inferenceProviderMapping": live}
    return provider_at("huggingface", upstream.url, hub_url=f"{upstream.url}/hub")


async def test_hugging_face_draws_a_seed_sends_it_and_reports_it(upstream: Upstream) -> None:
    upstream.answers[f"/hf-inference/models/{MODEL}"] = PNG
    async with hugging(upstream, hf_inference=MODEL) as provider:
        drawing = await drawn(provider, picture_call(MODEL))
        again = await drawn(provider, picture_call(MODEL))
    assert upstream.body(f"/hf-inference/models/{MODEL}")["parameters"] == {"seed": again.seeds[0]}
    assert drawing.seeds != again.seeds


async def test_a_setting_that_a_task_provider_drops_is_reported_and_never_lost_in_silence(upstream: Upstream) -> None:
    upstream.answers["/nscale/v1/images/generations"] = {"data": [{"b64_json": B64}]}
    upstream.answers["/together/v1/images/generations"] = {"data": [{"b64_json": B64}]}
    async with hugging(upstream, nscale="flux-n") as provider:
        drawing = await drawn(provider, picture_call(MODEL, steps=4, guidance_scale=2.0, seed=3))
        assert drawing.notices == [("dropped", "guidance_scale"), ("dropped", "steps")]
        assert upstream.body("/nscale/v1/images/generations") == {
            "model": "flux-n", "prompt": "a fox", "response_format": "b64_json", "seed": 3,
        }  # fmt: skip
        with pytest.raises(UpstreamFailure) as refused:
            await drawn(provider, picture_call(MODEL, steps=4, strict=True))
        assert (refused.value.kind, refused.value.field) == (K.FIELD_REFUSED, "steps")
        # The service passes such a deployment over without asking, once it knows its home.
        assert "steps" not in provider.capabilities(MODEL).settings
    async with hugging(upstream, nscale="flux-n", together="flux-t") as provider:
        drawing = await drawn(provider, picture_call(MODEL, steps=4, strict=True))
        assert drawing.notices == []
        assert upstream.body("/together/v1/images/generations")["steps"] == 4


@pytest.mark.parametrize("host", ["https://api.wavespeed.ai", "http://attacker.example"])
async def test_wavespeed_is_asked_until_it_is_done_at_the_host_of_the_order(upstream: Upstream, host: str) -> None:
    states = iter(["created", "processing", "completed"])
    result = "/api/v3/predictions/77/result"

    def state(_: Any) -> Any:
        now = next(states)
        return {
            "code": 200,
            "data": {"status": now, "outputs": [f"{upstream.url}/1.png"] if now == "completed" else []},
        }

    upstream.answers["/1.png"] = PNG
    upstream.answers["/wavespeed/api/v3/wavespeed-ai/flux-schnell"] = {
        "code": 200, "data": {"id": "77", "status": "created", "urls": {"get": f"{host}{result}"}},
    }  # fmt: skip
    upstream.answers[f"/wavespeed{result}"] = state
    async with hugging(upstream, wavespeed="wavespeed-ai/flux-schnell") as provider:
        drawing = await drawn(provider, picture_call(MODEL, size=(512, 256), steps=4))
    body = upstream.body("/wavespeed/api/v3/wavespeed-ai/flux-schnell")
    assert body == {"prompt": "a fox", "size": "512*256", "num_inference_steps": 4, "seed": drawing.seeds[0]}
    assert [step.stage for step in drawing.progress] == ["generating", "queued", "queued", "generating"]
    assert drawing.pictures[0].data == PNG
    fetched = next(headers for _, path, headers, _ in upstream.seen if path == "/1.png")
    assert "Authorization" not in fetched


async def test_a_job_that_fails_is_lost_or_is_never_done_has_its_class(upstream: Upstream) -> None:
    path = "/zai-org/api/paas/v4/async-result/abc-1"
    upstream.answers["/zai-org/api/paas/v4/async/images/generations"] = {"id": "abc-1", "task_status": "PROCESSING"}
    async with hugging(upstream, zai_org="glm-image") as provider:
        upstream.answers[path] = {"task_status": "FAIL", "error": {"message": "content policy", "code": "1301"}}
        with pytest.raises(UpstreamFailure) as failed:
            await drawn(provider, picture_call(MODEL))
        assert failed.value.kind is K.CONTENT_REFUSED
        upstream.answers[path] = (500, {"error": "down"}, {})
        with pytest.raises(UpstreamFailure) as lost:
            await drawn(provider, picture_call(MODEL))
        assert lost.value.kind is K.SERVER_ERROR
        answers = iter(
            [(503, {"error": "busy"}, {}), {"task_status": "SUCCESS", "image_result": [{"url": f"{upstream.url}/1"}]}]
        )
        upstream.answers[path] = lambda _: next(answers)
        upstream.answers["/1"] = PNG
        drawing = await drawn(provider, picture_call(MODEL))  # one question that fails does not lose the picture
        assert drawing.pictures
        assert drawing.seeds == [None]  # nothing is claimed that was not sent
    upstream.answers["/replicate/v1/models/black-forest-labs/flux-schnell/predictions"] = {
        "status": "processing",
        "output": None,
    }
    async with hugging(upstream, replicate="black-forest-labs/flux-schnell") as provider:
        with pytest.raises(UpstreamFailure, match="in time"):
            await drawn(provider, picture_call(MODEL, aspect_ratio=(16, 10), size=(1024, 640)))
        body = upstream.body("/replicate/v1/models/black-forest-labs/flux-schnell/predictions")
        assert body["input"]["aspect_ratio"] == "3:2"


async def test_replicate_versions_have_their_own_route_and_fal_answers_at_once_or_later(upstream: Upstream) -> None:
    upstream.answers["/1"] = PNG
    upstream.answers["/replicate/v1/predictions"] = {"status": "succeeded", "output": [f"{upstream.url}/1"]}
    async with hugging(upstream, replicate="stability-ai/sdxl:77") as provider:
        await drawn(provider, picture_call(MODEL, size=(512, 512), seed=1))
    assert upstream.body("/replicate/v1/predictions") == {
        "version": "77", "input": {"prompt": "a fox", "seed": 1, "width": 512, "height": 512},
    }  # fmt: skip
    async with hugging(upstream, fal_ai="fal-ai/flux/schnell") as provider:
        upstream.answers["/fal-ai/fal-ai/flux/schnell"] = {"images": [{"url": f"{upstream.url}/1"}], "seed": 99}
        assert (await drawn(provider, picture_call(MODEL))).seeds == [99]
        queued = {
            "request_id": "r",
            "status": "IN_QUEUE",
            "response_url": "https://queue.fal.run/fal-ai/flux/requests/r",
        }
        upstream.answers["/fal-ai/fal-ai/flux/schnell"] = queued
        upstream.answers["/fal-ai/fal-ai/flux/requests/r/status"] = {"status": "COMPLETED"}
        upstream.answers["/fal-ai/fal-ai/flux/requests/r"] = {"images": [{"url": f"{upstream.url}/1"}], "seed": 5}
        assert (await drawn(provider, picture_call(MODEL))).seeds == [5]


# --- hosts whose chat is OpenAI's --------------------------------------------------------------


@pytest.mark.parametrize(
    ("api", "path", "answer"),
    [
        ("together", "/v1/images/generations", {"data": [{"b64_json": B64}]}),
        ("siliconflow", "/v1/images/generations", {"images": [{"url": "URL"}], "timings": {"inference": 1.2}, "seed": 8}),
        ("zai", "/v1/images/generations", {"created": 1, "data": [{"url": "URL"}], "content_filter": [{"role": "user", "level": 1}]}),
        ("openrouter", "/v1/images", {"created": 1, "data": [{"b64_json": B64}], "usage": {"cost": 0.01}}),
        ("openrouter-chat", "/v1/chat/completions", {"choices": [{"message": {"images": [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{B64}"}}]}}]}),
        ("fireworks", "/v1/workflows/accounts/fireworks/models/flux/text_to_image", PNG),
        ("nvidia", "/v1/genai/flux", {"artifacts": [{"base64": B64, "finishReason": "SUCCESS", "seed": 11}]}),
    ],
)  # fmt: skip
async def test_a_host_with_pictures_of_its_own_is_asked_in_its_style(
    upstream: Upstream, api: str, path: str, answer: Any
) -> None:
    upstream.answers["/1.png"] = PNG
    if isinstance(answer, dict):
        for image in answer.get("images", answer.get("data", [])):
            if image.get("url") == "URL":
                image["url"] = f"{upstream.url}/1.png"
    upstream.answers[path] = answer
    async with provider_at(
        "openai", f"{upstream.url}/v1", image_api=api, image_base_url=f"{upstream.url}/v1"
    ) as provider:
        can = provider.capabilities("flux")
        assert can.image
        drawing = await drawn(provider, picture_call("flux"))
        assert drawing.pictures[0].data == PNG
        assert (drawing.seeds[0] is not None) is ("seed" in can.settings)
        sent = upstream.body(path)
        if "seed" in can.settings and api not in ("siliconflow", "nvidia"):
            assert sent["seed"] == drawing.seeds[0]
        if lost := {"negative_prompt", "guidance_scale"} - can.settings:
            wishes = picture_call("flux", strict=True, negative_prompt="rain", guidance_scale=2.0)
            with pytest.raises(UpstreamFailure) as refused:
                await drawn(provider, wishes)
            assert refused.value.kind is K.FIELD_REFUSED
            assert refused.value.field in lost


@pytest.mark.parametrize(
    ("kind", "model", "path"),
    [
        ("together", "black-forest-labs/FLUX.1-schnell", "/v1/images/generations"),
        ("siliconflow", "black-forest-labs/FLUX.1-schnell", "/v1/images/generations"),
        ("zai", "cogview-3-flash", "/v1/images/generations"),
        ("openrouter", "google/gemini-3.1-flash-image", "/v1/images"),
        ("nvidia", "black-forest-labs/flux.1-schnell", "/v1/genai/black-forest-labs/flux.1-schnell"),
    ],
)
async def test_a_row_of_the_catalogue_draws_in_its_style_wherever_it_is_served(
    upstream: Upstream, kind: str, model: str, path: str
) -> None:
    upstream.answers[path] = {"images": [{"url": f"data:image/png;base64,{B64}"}]}
    async with provider_at(kind, f"{upstream.url}/v1") as provider:
        assert provider.capabilities(model).image
        assert (await drawn(provider, picture_call(model))).pictures[0].data == PNG
    assert [seen for _, seen, *_ in upstream.seen] == [path]


async def test_nvidia_names_a_job_in_a_header_and_is_asked_for_it(upstream: Upstream) -> None:
    upstream.answers["/v1/genai/flux.1-dev"] = (202, b"", {"NVCF-REQID": "11-22"})
    states = iter([(202, b"", {}), {"artifacts": [{"base64": B64, "finishReason": "SUCCESS", "seed": 3}]}])
    upstream.answers["/v1/status/11-22"] = lambda _: next(states)
    async with provider_at(
        "openai", f"{upstream.url}/v1", image_api="nvidia", image_base_url=f"{upstream.url}/v1"
    ) as provider:
        drawing = await drawn(provider, picture_call("flux.1-dev", steps=2, size=(768, 1024)))
    assert drawing.seeds == [3]
    assert drawing.notices == [("changed", "steps")]
    body = upstream.body("/v1/genai/flux.1-dev")
    assert {key: body[key] for key in ("mode", "steps", "width", "height")} == {
        "mode": "base",
        "steps": 5,
        "width": 768,
        "height": 1024,
    }


async def test_a_picture_whose_link_fails_costs_only_itself_and_usage_counts_what_came(upstream: Upstream) -> None:
    upstream.answers["/good"] = PNG
    links = [{"url": f"{upstream.url}/{name}"} for name in ("good", "missing", "good")]
    upstream.answers["/v1/images/generations"] = {"data": links}
    async with provider_at("openai", f"{upstream.url}/v1") as provider:
        drawing = await drawn(provider, picture_call("dall-e-2", count=3))
        assert (len(drawing.pictures), drawing.usage[-1].images) == (2, 2)
        assert [picture.index for picture in drawing.pictures] == [0, 1]
        upstream.answers["/v1/images/generations"] = {"data": links[1:2]}
        with pytest.raises(UpstreamFailure) as failed:
            await drawn(provider, picture_call("dall-e-2"))
        assert failed.value.kind is K.BAD_IMAGE


async def test_openai_counts_the_pictures_that_came_when_it_tells_no_usage(upstream: Upstream) -> None:
    upstream.answers["/v1/images/generations"] = {"data": [{"b64_json": B64}] * 3}
    async with provider_at("openai", f"{upstream.url}/v1") as provider:
        drawing = await drawn(provider, picture_call("gpt-image-1", count=4))
        assert [usage.images for usage in drawing.usage] == [1, 2, 3]
        upstream.answers["/v1/images/generations"] = {
            "data": [{"b64_json": B64}] * 2,
            "usage": {"input_tokens": 9, "output_tokens": "x"},
        }
        drawing = await drawn(provider, picture_call("gpt-image-1", count=2))
        assert (drawing.usage[-1].prompt_tokens, drawing.usage[-1].completion_tokens, drawing.usage[-1].images) == (
            9,
            0,
            2,
        )


async def test_the_last_seed_of_the_contract_and_more_than_one_picture_stay_within_it(upstream: Upstream) -> None:
    upstream.answers["/v1/inference/org/flux"] = {"images": [f"data:image/png;base64,{B64}"]}
    async with provider_at("deepinfra", f"{upstream.url}/v1/openai") as provider:
        for seed in (2**64 - 1, 2**64):  # the second call of a request counts one on
            drawing = await drawn(provider, picture_call("org/flux", seed=seed))
            assert drawing.seeds[0] is not None
            assert 0 <= drawing.seeds[0] < 2**64
            assert upstream.body("/v1/inference/org/flux")["seed"] == drawing.seeds[0]


@pytest.mark.parametrize("kind", ["deepinfra", "huggingface"])
async def test_an_image_model_stays_one_where_prefill_is_switched_on(upstream: Upstream, kind: str) -> None:
    async with provider_at(kind, f"{upstream.url}/v1/openai", prefill=True) as provider:
        for model in ("org/FLUX.9-new", "black-forest-labs/FLUX.1-dev"):
            can = provider.capabilities(model)
            assert (can.image, can.chat) == (True, False)
        assert provider.capabilities("org/talker").prefill


def test_no_style_puts_a_key_into_an_address() -> None:
    from inference_service.providers.pictures import hosts, task_providers

    styles = [*task_providers.STYLES.values(), *(hosts.style_of(name, "flux") for name in hosts.NAMES)]
    assert not [style.path for style in styles if re.search(r"key|token", style.path)]
