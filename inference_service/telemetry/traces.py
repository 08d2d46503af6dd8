"""One trace from the caller to the provider, if an OTLP endpoint is configured.

Spans follow OpenTelemetry's GenAI conventions (`antiphon.telemetry.conventions`) and hold names and numbers, never text.
Needs the extra `telemetry`.
"""

import time
from collections.abc import Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import structlog

from antiphon.config.model import Telemetry
from antiphon.telemetry import conventions
from antiphon.telemetry.traces import fail, open_provider
from inference_service.domain import Finished, UsageRecord
from inference_service.routing.observer import AttemptEnd
from inference_service.trace_context import trace_parent

if TYPE_CHECKING:
    from inference_service.api.door import Admission

LONGEST_NAME, LONGEST_MODEL = 80, 200
NO_FAILURE = ("", "cancelled", "lost")  # a caller that disconnected and a hedge that came second are no failures
# The span of the request that this task works for, inherited by the tasks that it starts. A request id is no unique key:
# two callers may choose the same.
_request_span: ContextVar[Any] = ContextVar("request_span", default=None)


class RequestSpan:
    """The span of one request. The spans of its upstream calls are its children."""

    def __init__(self, span: Any) -> None:
        self._span = span

    def end(self, failure: str, records: Sequence[UsageRecord] = (), finish: Finished | None = None) -> None:
        """`failure`: a canonical code in lower case; empty on success."""
        if self._span is None:
            return
        self._span.set_attribute("gen_ai.usage.input_tokens", sum(record.usage.prompt_tokens for record in records))
        self._span.set_attribute(
            "gen_ai.usage.output_tokens", sum(record.usage.completion_tokens for record in records)
        )
        if finish is not None:
            self._span.set_attribute("gen_ai.response.finish_reasons", (finish.reason.value,))
            self._span.set_attribute("gen_ai.response.model", finish.deployment)
        if failure == "cancelled":
            self._span.set_attribute("antiphon.cancelled", True)
        elif failure:
            fail(self._span, failure)
        self._span.end()


class Traces:
    """Does nothing without an endpoint. Raises ConfigError if the extra is missing."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._tracer: Any = None
        self._provider: Any = None
        if telemetry.otlp_endpoint:
            self._provider = open_provider(telemetry, "antiphon")
            self._tracer = self._provider.get_tracer("antiphon")

    def request(self, operation: str, model: str, admission: "Admission") -> RequestSpan:
        if self._tracer is None:
            return RequestSpan(None)
        from opentelemetry import trace  # noqa: PLC0415 - an extra
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

        name = conventions.operation(operation)
        parent = TraceContextTextMapPropagator().extract({"traceparent": admission.trace_parent})
        attributes = {
            "gen_ai.operation.name": name,
            "gen_ai.provider.name": conventions.SERVER,
            "gen_ai.request.model": model[:LONGEST_MODEL],
            "antiphon.request_id": admission.request_id,
        }
        span = self._tracer.start_span(
            f"{name} {model[:LONGEST_NAME]}", context=parent, kind=trace.SpanKind.SERVER, attributes=attributes
        )
        _request_span.set(span)
        carrier: dict[str, str] = {}
        TraceContextTextMapPropagator().inject(carrier, trace.set_span_in_context(span))
        # For this task and those that it starts: the upstream calls and the log lines.
        trace_parent.set(carrier.get("traceparent", ""))
        structlog.contextvars.bind_contextvars(trace_id=f"{span.get_span_context().trace_id:032x}")
        return RequestSpan(span)

    def attempt_ended(self, end: AttemptEnd) -> None:
        """Records the upstream call as a finished child span."""
        if self._tracer is None:
            return
        from opentelemetry import trace  # noqa: PLC0415 - an extra

        parent = _request_span.get()
        context = trace.set_span_in_context(parent) if parent is not None else None
        now = time.time_ns()
        span = self._tracer.start_span(
            f"{conventions.operation(end.operation)} {end.deployment.partition('/')[2][:LONGEST_NAME]}",
            context=context,
            kind=trace.SpanKind.CLIENT,
            start_time=now - int(end.duration * 1e9),
            attributes=_attributes(end),
        )
        if (end.failure or "") not in NO_FAILURE:
            fail(span, str(end.failure))
        span.end(now)

    def close(self) -> None:
        if self._provider is not None:
            self._provider.shutdown()


def _attributes(end: AttemptEnd) -> dict[str, Any]:
    provider, _, model = end.deployment.partition("/")
    attributes: dict[str, Any] = {
        "gen_ai.operation.name": conventions.operation(end.operation),
        "gen_ai.provider.name": conventions.provider(provider),
        "gen_ai.request.model": model,
        "antiphon.deployment": end.deployment,
        "antiphon.credential": end.credential,
        "antiphon.hedge": end.hedge,
    }
    if end.http_status:
        attributes["http.response.status_code"] = end.http_status
    if end.failure in ("cancelled", "lost"):
        attributes["antiphon.cancelled"] = True
    if end.usage is not None:
        attributes["gen_ai.usage.input_tokens"] = end.usage.prompt_tokens
        attributes["gen_ai.usage.output_tokens"] = end.usage.completion_tokens
    return attributes
