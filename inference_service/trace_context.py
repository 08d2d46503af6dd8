"""The W3C `traceparent` of the request that this task works for; empty when nobody traces. It goes on to the provider."""

from contextvars import ContextVar

trace_parent: ContextVar[str] = ContextVar("trace_parent", default="")
