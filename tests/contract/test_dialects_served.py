"""Refusals through the running service: who answers instead, and what the next person notices.

Providers are those of the catalogue, with their addresses pointing to a local server.
"""

import json
from typing import Any

import pytest

from antiphon import events
from antiphon.client import InferenceClient
from antiphon.errors import AntiphonError
from tests.contract.upstream import PNG, Upstream, delta
from tests.support.refusals import Cell
from tests.support.refusals_documented import DOCUMENTED as CELLS
from tests.support.service import QUICK, serving

ENVIRON = {"GROQ_API_KEY": "gsk_" + "a" * 52, "GROQ_API_KEY1": "gsk_" + "b" * 52, "CEREBRAS_API_KEY": "csk-" + "c" * 48}
BAD = "please misbehave"


def spoken(text: str) -> list[Any]:
    return [delta(text), delta("", "stop"), b"data: [DONE]\n\n"]


def refusing(cell: Cell, name: str) -> Any:
    """Refuses requests that hold the bad words as the cell says, and answers every other one."""

    def answer(body: Any) -> Any:
        if BAD not in json.dumps(body):
            return spoken(f"hello from {name}")
        refusal = cell.body if isinstance(cell.body, bytes) else json.dumps(cell.body).encode()
        return cell.status, refusal, {"content-type": "application/json", **cell.headers}

    return answer


def configured(upstream: Upstream, first: str, model: str) -> dict[str, Any]:
    return {
        "providers": {
            first: {"base_url": f"{upstream.url}/first", "models": [model], "credentials_env": ["GROQ_API_KEY"]},
            "cerebras": {"base_url": f"{upstream.url}/second", "models": ["gpt-oss-120b"]},
        },
        "routes": {"chat": {"deployments": [f"{first}/{model}", "cerebras/gpt-oss-120b"]}},
        "routing": {"timeouts": QUICK},
    }


async def asked(client: InferenceClient, text: Any, **more: Any) -> tuple[str, str]:
    """The text of the answer, and the deployment that gave it."""
    words, deployment = "", ""
    async for event in client.chat([text] if isinstance(text, events.Message) else text, **more):
        if isinstance(event, events.Delta):
            words += event.text
        if isinstance(event, events.Finished):
            deployment = event.deployment
    return words, deployment


def questions(upstream: Upstream) -> int:
    return sum(method == "POST" for method, *_ in upstream.seen)


def of(*kinds: str) -> list[Cell]:
    # The second of the route, the one whose address is longer, and the one that takes one call at a time.
    others = {"cerebras", "cloudflare", "ollama-cloud"}
    cells = [cell for cell in CELLS if cell.provider not in others and cell.situation != "L4" and cell.status != 402]
    return [cell for cell in cells if cell.kind.value in kinds]


ABOUT_THE_REQUEST = [*of("refused", "context_too_long", "unsupported"), *of("field_refused")]
SHOWN = [cell for number, cell in enumerate(ABOUT_THE_REQUEST) if number % 4 == 0]


@pytest.mark.parametrize("cell", SHOWN, ids=str)
async def test_whatever_one_request_does_the_next_persons_question_is_answered_by_the_same_provider(
    upstream: Upstream, cell: Cell
) -> None:
    upstream.answers = {
        "/first/chat/completions": refusing(cell, "first"),
        "/second/chat/completions": lambda _: spoken("hello from second"),
    }
    async with serving(configured(upstream, cell.provider, "some-model"), ENVIRON) as (_, client):
        words, deployment = await asked(client, BAD)
        assert (words, deployment) == ("hello from second", "cerebras/gpt-oss-120b")
        words, deployment = await asked(client, "hello")
        assert (words, deployment) == ("hello from first", f"{cell.provider}/some-model")


async def test_a_field_that_a_model_refuses_is_left_out_and_the_same_model_answers(upstream: Upstream) -> None:
    def answer(body: Any) -> Any:
        if "seed" in body:
            return 400, {"error": {"message": "property 'seed' is unsupported"}}, {}
        return spoken("without a seed")

    upstream.answers = {"/first/chat/completions": answer}
    async with serving(configured(upstream, "groq", "some-model"), ENVIRON) as (_, client):
        words, deployment = await asked(client, "hello", sampling=events.Sampling(seed=7))
        assert (words, deployment) == ("without a seed", "groq/some-model")
        calls = questions(upstream)
        await asked(client, "hello", sampling=events.Sampling(seed=7))
        assert questions(upstream) == calls + 1  # it is remembered


async def test_a_refused_field_that_only_we_add_is_not_sent_to_the_model_again(upstream: Upstream) -> None:
    def answer(body: Any) -> Any:
        if "stream_options" in body:
            return 400, {"error": {"message": "Unrecognized request argument supplied: stream_options"}}, {}
        return spoken("hello from first")

    upstream.answers = {
        "/first/chat/completions": answer,
        "/second/chat/completions": lambda _: spoken("hello from second"),
    }
    async with serving(configured(upstream, "groq", "some-model"), ENVIRON) as (_, client):
        assert (await asked(client, "hello"))[1] == "groq/some-model"  # asked again without it, in the same request
        calls = questions(upstream)
        assert (await asked(client, "hello"))[1] == "groq/some-model"
        assert questions(upstream) == calls + 1


async def test_several_refused_fields_are_left_out_at_once(upstream: Upstream) -> None:
    def answer(body: Any) -> Any:
        if refused := sorted({"seed", "top_p", "stream_options"} & set(body)):
            return 422, {"detail": [{"type": "extra_forbidden", "loc": ["body", one]} for one in refused]}, {}
        return spoken("hello from first")

    upstream.answers = {"/first/chat/completions": answer}
    async with serving(configured(upstream, "groq", "some-model"), ENVIRON) as (_, client):
        stream = client.chat("hello", sampling=events.Sampling(seed=7, top_p=0.5, temperature=0.5))
        received = [event async for event in stream]
    assert questions(upstream) == 2
    assert upstream.body("/first/chat/completions")["temperature"] == 0.5
    dropped = [event.field for event in received if isinstance(event, events.Notice)]
    assert dropped == ["sampling.seed", "sampling.top_p"]


async def test_a_model_that_takes_no_system_message_is_asked_again_with_it_in_the_question(upstream: Upstream) -> None:
    def answer(body: Any) -> Any:
        if body["messages"][0]["role"] == "system":
            return 400, {"error": {"message": "Developer instruction is not enabled for models/x"}}, {}
        return spoken("hello from first")

    upstream.answers = {"/first/chat/completions": answer}
    conversation = [events.Message.system("Be brief."), events.Message.user("Why?")]
    settings = configured(upstream, "groq", "some-model")
    settings["routes"]["chat"]["deployments"] = ["groq/some-model"]
    async with serving(settings, ENVIRON) as (_, client):
        async for _event in client.chat(conversation):
            pass
    assert upstream.body("/first/chat/completions")["messages"] == [{"role": "user", "content": "Be brief.\n\nWhy?"}]


@pytest.mark.parametrize("cell", [one for one in of("unauthenticated") if one.provider == "groq"][:1], ids=str)
async def test_a_bad_key_costs_nothing_but_itself(upstream: Upstream, cell: Cell) -> None:
    upstream.answers = {
        "/first/chat/completions": refusing(cell, "first"),
        "/second/chat/completions": lambda _: spoken("hello from second"),
    }
    async with serving(configured(upstream, cell.provider, "some-model"), ENVIRON) as (_, client):
        await asked(client, BAD)
        assert questions(upstream) == 3  # both keys, then the next provider
        assert (await asked(client, "hello"))[1] == "cerebras/gpt-oss-120b"


async def test_a_limit_of_one_model_leaves_the_others_of_the_key(upstream: Upstream) -> None:
    told = "Rate limit reached on tokens per day (TPD): Limit 10, Used 10, Requested 5. Please try again in 7m12s."

    def answer(body: Any) -> Any:
        if body["model"] == "spent":
            return 429, {"error": {"message": told, "code": "rate_limit_exceeded"}}, {}
        return spoken("hello")

    upstream.answers = {"/first/chat/completions": answer}
    settings = configured(upstream, "groq", "spent")
    settings["providers"]["groq"]["models"] = ["spent", "fresh"]
    settings["routes"]["chat"]["deployments"] = ["groq/spent", "groq/fresh"]
    async with serving(settings, ENVIRON) as (_, client):
        assert (await asked(client, "hello"))[1] == "groq/fresh"
        calls = questions(upstream)
        assert (await asked(client, "hello"))[1] == "groq/fresh"
        assert questions(upstream) == calls + 1  # the spent one is not asked again


async def test_a_system_message_goes_into_the_first_question_of_a_model_that_knows_none(upstream: Upstream) -> None:
    upstream.answers = {"/first/chat/completions": lambda _: spoken("hello")}
    settings = configured(upstream, "gemini", "gemma-3-27b-it")
    conversation = [events.Message.system("Be brief."), events.Message.user("Why?")]
    async with serving(settings, ENVIRON) as (_, client):
        async for _event in client.chat(conversation):
            pass
    assert upstream.body("/first/chat/completions")["messages"] == [{"role": "user", "content": "Be brief.\n\nWhy?"}]


async def test_settings_of_the_row_and_the_operator_are_on_the_wire(upstream: Upstream) -> None:
    upstream.answers = {"/first/chat/completions": lambda _: spoken("hello")}
    settings = configured(upstream, "mistral", "some-model")
    settings["providers"]["mistral"]["provider_options"] = {"safe_prompt": True, "kept": 1}
    settings["providers"]["mistral"]["model"] = {"some-model": {"provider_options": {"kept": 2}}}
    async with serving(settings, ENVIRON) as (_, client):
        received = [
            event
            async for event in client.chat("hello", sampling=events.Sampling(temperature=1.9, seed=4, max_tokens=9))
        ]
    body = upstream.body("/first/chat/completions")
    assert (body["safe_prompt"], body["kept"]) == (True, 2)
    assert (body["random_seed"], body["temperature"], body["max_tokens"]) == (4, 1.5, 9)
    assert "stream_options" not in body
    assert [event.field for event in received if isinstance(event, events.Notice)] == ["sampling.temperature"]


async def test_a_model_that_may_see_is_asked_behind_those_that_do_and_its_refusal_is_remembered(
    upstream: Upstream,
) -> None:
    def blind(body: Any) -> Any:
        if "image_url" in json.dumps(body):
            return 400, {"error": {"message": "messages[0].content must be a string"}}, {}
        return spoken("hello from first")

    upstream.answers = {"/first/chat/completions": blind, "/second/chat/completions": blind}
    settings = configured(upstream, "groq", "perhaps")
    settings["providers"]["cerebras"]["model"] = {"gpt-oss-120b": {"vision": True}}
    picture = events.Message.user("What is it?", events.Image("image/png", PNG))
    async with serving(settings, ENVIRON) as (_, client):
        with pytest.raises(AntiphonError):
            await asked(client, picture)
        order = [path for method, path, *_ in upstream.seen if method == "POST"]
        assert order == ["/second/chat/completions", "/first/chat/completions"]
        assert (await asked(client, "hello"))[1] == "groq/perhaps"  # open for everybody else
