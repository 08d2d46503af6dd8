"""One trace from a client through the service to the upstream call, taken in by a real OTLP receiver."""

import asyncio
from collections.abc import AsyncIterator

import grpc
import pytest

from antiphon import errors
from antiphon.client import InferenceClient
from antiphon.config.model import Client, Config, Telemetry
from tests.fakes.inference import ScriptedInference, info, refuse
from tests.support.collector import Collector, collecting, value
from tests.support.service import serving

PROMPT = "canary-prompt-0001"


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    async with collecting() as made:
        yield made


def traced(target: str, collector: Collector) -> Config:
    return Config(client=Client(target=target), telemetry=Telemetry(otlp_endpoint=collector.endpoint))


async def test_one_trace_goes_from_the_client_to_the_upstream_call_without_a_word_of_text(collector: Collector) -> None:
    given = {"embedded": {"characters_per_second": 0}, "telemetry": {"otlp_endpoint": collector.endpoint}}
    async with (
        serving(given) as (server, _),
        InferenceClient.from_config(traced(server.target, collector), {}) as client,
    ):
        stream = client.chat(PROMPT, request_id="r-77")
        async for _event in stream:
            pass
    spans = {name: span for name, span in collector.spans if name == "antiphon-client"}
    assert len(spans) == 1
    mine = spans["antiphon-client"]
    assert value(mine, "antiphon.request_id") == "r-77"
    assert value(mine, "gen_ai.usage.output_tokens") == stream.usage.completion_tokens
    others = [span for name, span in collector.spans if name != "antiphon-client"]
    request = next(span for span in others if span.parent_span_id == mine.span_id)
    upstream = next(span for span in others if span.parent_span_id == request.span_id)
    assert {span.trace_id for span in (mine, request, upstream)} == {mine.trace_id}
    assert PROMPT.encode() not in collector.raw


async def test_a_callers_own_trace_goes_on_and_a_failure_is_named(collector: Collector) -> None:
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    async with ScriptedInference() as fake:
        fake.on_chat(refuse(grpc.StatusCode.NOT_FOUND, "no such model", info("UNKNOWN_MODEL")))
        async with InferenceClient.from_config(traced(fake.target, collector), {}) as client:
            with pytest.raises(errors.UnknownModel):
                async for _event in client.chat(PROMPT, trace_parent=parent):
                    pass
        ((_, span),) = collector.spans
        assert span.trace_id.hex() == "0af7651916cd43dd8448eb211c80319c"
        assert span.parent_span_id.hex() == "b7ad6b7169203331"
        assert value(span, "error.type") == "not_found"
        assert str(fake.metadata[0]["traceparent"]) == f"00-{span.trace_id.hex()}-{span.span_id.hex()}-01"


async def test_a_collector_that_is_gone_costs_no_answer() -> None:
    config = Config(telemetry=Telemetry(otlp_endpoint="http://127.0.0.1:1"))
    async with ScriptedInference() as fake:
        chosen = config.model_copy(update={"client": Client(target=fake.target)})
        client = InferenceClient.from_config(chosen, {})
        stream = client.chat("?")
        async for _event in stream:
            pass
        assert stream.text == "Hello."
        closing = asyncio.create_task(client.close())
        await asyncio.wait_for(closing, 60)
