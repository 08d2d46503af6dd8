"""The W3C `traceparent` of the request that this task works for; empty without tracing. It is sent on to the provider."""

from contextvars import ContextVar

trace_parent: ContextVar[str] = ContextVar("trace_parent", default="")
