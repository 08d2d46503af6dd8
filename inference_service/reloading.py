"""What a reload applies at once, and what needs a restart. One list, derived from the configuration model. Pure.

The keys in `AFTER_RESTART` are read once, at the start; every other key takes effect at once. A test walks the whole
model, so that no key is missing from both groups.
"""

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from antiphon.config.model import Config

# Sections and keys that are read at the start only. The bot and the clients read their sections at their own start.
AFTER_RESTART = (
    "service.host",
    "service.port",
    "service.transport",
    "service.workers",
    "service.tls",
    "service.max_request_bytes",
    "service.connection_age",
    "service.keepalive",
    "service.insecure",
    "service.http",
    "service.http_host",
    "service.http_port",
    "service.status_page",
    "service.status_host",
    "service.status_port",
    "routing.breaker",
    "routing.retry_budget",
    "state",
    "telemetry",
)
OTHER_PROCESSES = ("bot", "client")
# Routing reports these itself, in more detail.
ROUTING = ("providers", "routes")


def sentences(before: Config, after: Config) -> list[str]:
    """What changed outside providers and routes, and when it takes effect. One sentence per key."""
    lines = []
    for key in changed(before, after):
        if within(key, ROUTING):
            continue
        if within(key, OTHER_PROCESSES):
            lines.append(f"{key} was changed; it takes effect when the process that reads it is restarted.")
        elif within(key, AFTER_RESTART):
            lines.append(f"{key} was changed; it takes effect after a restart.")
        else:
            lines.append(f"{key} was changed.")
    return lines


def within(key: str, sections: tuple[str, ...]) -> bool:
    """Whether a dotted key is one of these sections or lies inside one."""
    return any(key == section or key.startswith(f"{section}.") for section in sections)


def changed(before: BaseModel, after: BaseModel, prefix: str = "") -> Iterator[str]:
    """Dotted keys whose values differ."""
    for name in type(before).model_fields:
        key = f"{prefix}{name}"
        old: Any = getattr(before, name)
        new: Any = getattr(after, name)
        if old == new:
            continue
        if isinstance(old, BaseModel) and isinstance(new, BaseModel):
            yield from changed(old, new, f"{key}.")
        else:
            yield key
