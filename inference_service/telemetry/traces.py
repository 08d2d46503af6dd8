"""One trace from the caller to the upstream, where an OTLP endpoint is configured; else nothing at all.

Spans follow OpenTelemetry's GenAI conventions and hold names and numbers, never text. The extra `telemetry` is needed.
"""

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import structlog

from antiphon.config.model import Telemetry
from antiphon.telemetry.traces import open_provider
from inference_service.routing.observer import AttemptEnd
from inference_service.trace_context import trace_parent

if TYPE_CHECKING:
    from inference_service.api.door import Admission


# Of this task and those that it starts. Request ids would not do: two callers may choose the same.
_request_span: ContextVar[Any] = ContextVar("request_span", default=None)


class RequestSpan:
    """Of one request; the spans of its upstream calls are its children."""

    def __init__(self, span: Any) -> None:
        self._span = span

    def end(self, failure: str) -> None:
        if self._span is not None:
            if failure:
                self._span.set_attribute("error.type", failure)
            self._span.end()


class Traces:
    """Without an endpoint every call is nothing. Raises ConfigError without the extra."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._tracer: Any = None
        self._provider: Any = None
        if telemetry.otlp_endpoint:
            self._provider = open_provider(telemetry, "antiphon")
            self._tracer = self._provider.get_tracer("antiphon")

    def request(self, operation: str, model: str, admission: "Admission") -> RequestSpan:
        if self._tracer is None:
            return RequestSpan(None)
        from opentelemetry import trace  # noqa: PLC0415
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

        parent = TraceContextTextMapPropagator().extract({"traceparent": admission.trace_parent})
        attributes = {
            "gen_ai.operation.name": operation,
            "gen_ai.request.model": model[:200],
            "antiphon.request_id": admission.request_id,
        }
        span = self._tracer.start_span(f"{operation} {model[:80]}", context=parent, attributes=attributes)
        _request_span.set(span)
        carrier: dict[str, str] = {}
        TraceContextTextMapPropagator().inject(carrier, trace.set_span_in_context(span))
        # For this task and those that it starts: the calls upstream and the lines of the log.
        trace_parent.set(carrier.get("traceparent", ""))
        structlog.contextvars.bind_contextvars(trace_id=f"{span.get_span_context().trace_id:032x}")
        return RequestSpan(span)

    def attempt_ended(self, end: AttemptEnd) -> None:
        """The upstream call as a finished child span."""
        if self._tracer is None:
            return
        import time  # noqa: PLC0415

        from opentelemetry import trace  # noqa: PLC0415

        parent = _request_span.get()
        context = trace.set_span_in_context(parent) if parent is not None else None
        now = time.time_ns()
        attributes: dict[str, Any] = {
            "antiphon.deployment": end.deployment,
            "antiphon.credential": end.credential,
            "antiphon.hedge": end.hedge,
        }
        if end.usage is not None:
            attributes["gen_ai.usage.input_tokens"] = end.usage.prompt_tokens
            attributes["gen_ai.usage.output_tokens"] = end.usage.completion_tokens
        if end.failure:
            attributes["error.type"] = end.failure
            attributes["http.response.status_code"] = end.http_status
        span = self._tracer.start_span(
            f"upstream {end.deployment}",
            context=context,
            start_time=now - int(end.duration * 1e9),
            attributes=attributes,
        )
        span.end(now)

    def close(self) -> None:
        if self._provider is not None:
            self._provider.shutdown()
