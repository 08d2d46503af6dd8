"""Traces over OTLP if an endpoint is configured; otherwise OpenTelemetry is not even imported.

Spans follow OpenTelemetry's GenAI conventions (https://opentelemetry.io/docs/specs/semconv/gen-ai/) and hold names
and numbers, never text. The W3C header `traceparent` continues the trace in the service. Needs the extra `telemetry`.
"""

from importlib.util import find_spec
from typing import Any

from antiphon.config.load import ConfigError
from antiphon.config.model import Telemetry
from antiphon.telemetry import conventions

LONGEST_NAME = 80
EXPORT_TIMEOUT = 3  # seconds; also how long shutdown takes if the collector is gone


def open_provider(telemetry: Telemetry, service: str) -> Any:
    """The SDK's TracerProvider, which exports from its own thread. Raises ConfigError without the extra."""
    if find_spec("opentelemetry.exporter") is None or find_spec("opentelemetry.sdk") is None:
        problem = ("telemetry.otlp_endpoint", "traces need the extra: pip install 'antiphon[telemetry]'")
        raise ConfigError("configuration", [problem])
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - an extra
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio  # noqa: PLC0415

    endpoint = telemetry.otlp_endpoint or ""
    provider = TracerProvider(
        resource=Resource.create({"service.name": service}), sampler=ParentBasedTraceIdRatio(telemetry.trace_share)
    )
    exporter = OTLPSpanExporter(endpoint=endpoint, insecure=not endpoint.startswith("https"), timeout=EXPORT_TIMEOUT)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider


def fail(span: Any, failure: str) -> None:
    """Marks a span as failed. The description stays empty: an error text may contain what a person wrote."""
    from opentelemetry.trace import StatusCode  # noqa: PLC0415 - an extra

    span.set_attribute("error.type", failure)
    span.set_status(StatusCode.ERROR)


class Step:
    """A piece of the caller's own work. Pass `trace_parent` to the calls it makes; empty: not traced."""

    def __init__(self, span: Any = None, trace_parent: str = "", running: "set[Step] | None" = None) -> None:
        self._span, self.trace_parent = span, trace_parent
        self._running = running if running is not None else set()
        self._running.add(self)

    def end(self, failure: str = "") -> None:
        """`failure`: the class of the error; empty on success."""
        self._running.discard(self)
        if self._span is not None:
            if failure:
                fail(self._span, failure)
            self._span.end()


class CallSpan:
    """One request of a client. `trace_parent` travels with it; empty: not traced."""

    def __init__(self, span: Any, trace_parent: str) -> None:
        self._span, self.trace_parent = span, trace_parent

    def end(
        self, failure: str, prompt_tokens: int, completion_tokens: int, finish_reason: str = "", deployment: str = ""
    ) -> None:
        """`failure`: the class of the error; empty on success and for a call that its caller cancelled."""
        if self._span is None:
            return
        if finish_reason:
            self._span.set_attribute("gen_ai.response.finish_reasons", (finish_reason,))
        if deployment:
            self._span.set_attribute("gen_ai.response.model", deployment)
        self._span.set_attribute("gen_ai.usage.input_tokens", prompt_tokens)
        self._span.set_attribute("gen_ai.usage.output_tokens", completion_tokens)
        if failure:
            fail(self._span, failure)
        self._span.end()


class ClientTraces:
    """Creates a span for every request of a client."""

    def __init__(self, telemetry: Telemetry | None, service: str = "antiphon-client") -> None:
        self._provider: Any = None
        self._steps: set[Step] = set()  # not ended yet
        if telemetry is not None and telemetry.otlp_endpoint:
            self._provider = open_provider(telemetry, service)

    def start(self, operation: str, model: str, request_id: str, trace_parent: str) -> CallSpan:
        """Starts a span, as a child of `trace_parent` if the caller has one."""
        if self._provider is None:
            return CallSpan(None, trace_parent)
        from opentelemetry import trace  # noqa: PLC0415 - an extra
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

        span = self._provider.get_tracer("antiphon").start_span(
            f"{conventions.operation(operation)} {model[:LONGEST_NAME]}",
            context=TraceContextTextMapPropagator().extract({"traceparent": trace_parent}),
            kind=trace.SpanKind.CLIENT,
            attributes={
                "gen_ai.operation.name": conventions.operation(operation),
                "gen_ai.provider.name": conventions.SERVER,
                "gen_ai.request.model": model[:LONGEST_NAME],
                "antiphon.request_id": request_id,
            },
        )
        return CallSpan(span, self._carried(span))

    def step(self, name: str) -> Step:
        """Starts a trace: what a person did, under one of our own names."""
        if self._provider is None:
            return Step()
        from opentelemetry import trace  # noqa: PLC0415 - an extra

        span = self._provider.get_tracer("antiphon").start_span(name[:LONGEST_NAME], kind=trace.SpanKind.SERVER)
        return Step(span, self._carried(span), self._steps)

    @staticmethod
    def _carried(span: Any) -> str:
        from opentelemetry import trace  # noqa: PLC0415 - an extra
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

        carrier: dict[str, str] = {}
        TraceContextTextMapPropagator().inject(carrier, trace.set_span_in_context(span))
        return carrier.get("traceparent", "")

    def close(self) -> None:
        """Ends the steps that still run and sends what is left; takes seconds when the collector is gone."""
        for step in [*self._steps]:
            step.end("interrupted")
        if self._provider is not None:
            self._provider.shutdown()
