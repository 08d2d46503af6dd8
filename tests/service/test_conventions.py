"""Spans and metrics against OpenTelemetry's GenAI conventions, as a collector and Prometheus receive them.

The tables are the convention's own requirements (https://opentelemetry.io/docs/specs/semconv/gen-ai/, November 2026).
"""

import asyncio
import re
from typing import Any

import pytest
from opentelemetry.proto.trace.v1 import trace_pb2
from prometheus_client.parser import text_string_to_metric_families

from antiphon import errors
from antiphon.client import InferenceClient
from antiphon.config.model import Client, Config, Telemetry
from tests.fakes.upstream.server import FakeUpstream
from tests.service.test_operations import KEYS, fetch
from tests.support.collector import collecting
from tests.support.service import serving, two_providers

SERVER, CLIENT, ERROR = (
    trace_pb2.Span.SPAN_KIND_SERVER,
    trace_pb2.Span.SPAN_KIND_CLIENT,
    trace_pb2.Status.STATUS_CODE_ERROR,
)
REQUIRED = {"gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model"}
ON_SUCCESS = {"gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"}
# Metric → (bucket boundaries, required attributes), as the convention specifies them.
SECONDS = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92]
BASE = {"gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model"}
METRICS = {
    "gen_ai_server_request_duration_seconds": (SECONDS, BASE | {"error_type"}),
    "gen_ai_server_time_to_first_token_seconds": (
        [0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10],
        BASE,
    ),
    "gen_ai_server_time_per_output_token_seconds": (
        [0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5],
        BASE,
    ),
    "gen_ai_client_operation_duration_seconds": (SECONDS, BASE | {"error_type"}),
    "gen_ai_client_token_usage": ([4**power for power in range(14)], BASE | {"gen_ai_token_type"}),
}


def attributes(span: trace_pb2.Span) -> dict[str, Any]:
    def plain(value: Any) -> Any:
        kind = value.WhichOneof("value")
        content = getattr(value, kind)
        return [plain(item) for item in content.values] if kind == "array_value" else content

    return {attribute.key: plain(attribute.value) for attribute in span.attributes}


async def test_every_span_has_the_kind_name_status_and_attributes_of_the_convention() -> None:
    async with FakeUpstream() as upstream, collecting() as collector:
        config = two_providers(upstream, "cut:90", "ok")
        config["telemetry"] = {"otlp_endpoint": collector.endpoint}
        mine = Config(client=Client(), telemetry=Telemetry(otlp_endpoint=collector.endpoint))
        async with serving(config, KEYS) as (server, _):
            target = mine.model_copy(update={"client": Client(target=server.target)})
            async with InferenceClient.from_config(target, {}) as client:
                async for _event in client.chat("hi", request_id="good"):
                    pass
                with pytest.raises(errors.UnknownModel):
                    async for _event in client.chat("hi", "nope", request_id="bad"):
                        pass
                upstream.behaviour["ok"] = "stall:5"
                stream = client.chat("hi", "b/ok", request_id="left")
                async for _event in stream:
                    stream.cancel()
        spans = [(service, span, attributes(span)) for service, span in collector.spans]
    for _service, span, found in spans:
        assert found.keys() >= REQUIRED, span.name
        assert span.name == f"{found['gen_ai.operation.name']} {found['gen_ai.request.model']}"
        assert (span.status.code == ERROR) == ("error.type" in found), span.name
        assert not span.status.message
    kinds = {(service, found.get("antiphon.deployment", "")): span.kind for service, span, found in spans}
    assert kinds[("antiphon-client", "")] == CLIENT
    assert kinds[("antiphon", "")] == SERVER
    assert kinds[("antiphon", "a/cut:90")] == kinds[("antiphon", "b/ok")] == CLIENT
    by_request = {(service, found.get("antiphon.request_id")): (span, found) for service, span, found in spans}
    for service in ("antiphon", "antiphon-client"):
        _, found = by_request[service, "good"]
        assert found.keys() >= ON_SUCCESS
        assert found["gen_ai.response.finish_reasons"] == ["stop"]
        assert found["gen_ai.response.model"] == "b/ok"
        assert by_request[service, "bad"][0].status.code == ERROR
        assert by_request[service, "left"][0].status.code != ERROR  # a person who has seen enough is no failure
    cut = next(found for _, _, found in spans if found.get("antiphon.deployment") == "a/cut:90")
    assert (cut["error.type"], cut["gen_ai.provider.name"]) == ("stream_cut", "a")


async def test_every_metric_has_the_buckets_and_attributes_of_the_convention() -> None:
    async with FakeUpstream() as upstream:
        config = two_providers(upstream, "cut:90", "ok")
        config["service"] = {"http": False, "status_page": True, "status_port": 0}
        async with serving(config, KEYS) as (server, client):
            async for _event in client.chat("hi"):
                pass
            upstream.behaviour["ok"] = "stall:5"
            stream = client.chat("hi", "b/ok")
            async for _event in stream:
                stream.cancel()
            url = f"http://127.0.0.1:{server.status_port}/metrics"
            text = (await fetch(url))[1]
            while "antiphon_cancelled_requests_total{" not in text:  # its end reaches the service a moment later
                await asyncio.sleep(0.02)
                text = (await fetch(url))[1]
    families = {family.name: family for family in text_string_to_metric_families(text)}
    for name, (bounds, required) in METRICS.items():
        samples = [sample for sample in families[name].samples if sample.name == f"{name}_bucket"]
        assert samples, name
        assert all(sample.labels.keys() >= required for sample in samples), name
        edges = sorted({float(sample.labels["le"]) for sample in samples})
        assert edges == [*bounds, float("inf")], name
    assert not re.search(r'error_type="(cancelled|lost)"', text)
    assert 'antiphon_caller_requests_total{caller="local",gen_ai_operation_name="chat",outcome="ok"} 1.0' in text
    assert "antiphon_build_info{" in text
    assert families["process_cpu_seconds"].samples
