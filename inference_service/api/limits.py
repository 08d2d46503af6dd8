"""What a caller has left of its own limits, with every answer: trailing metadata of gRPC, headers of HTTP, in OpenAI's words."""

from collections.abc import Iterable

from inference_service import transport
from inference_service.usage.counters import Room

PREFIX = "x-ratelimit-"
NAMES = tuple(f"{PREFIX}{kind}-{what}" for what in ("requests", "tokens") for kind in ("limit", "remaining", "reset"))


def tell(context: transport.Call, rooms: Iterable[Room]) -> None:
    """Adds it to what the call ends with."""
    found = tuple(entry for room in rooms for entry in entries(room))
    if found:
        context.set_trailing_metadata((*(context.trailing_metadata() or ()), *found))


def entries(room: Room) -> tuple[tuple[str, str], ...]:
    return (
        (f"{PREFIX}limit-{room.what}", str(room.limit)),
        (f"{PREFIX}remaining-{room.what}", str(room.remaining)),
        (f"{PREFIX}reset-{room.what}", duration(room.resets_after)),
    )


def duration(seconds: float) -> str:
    """As OpenAI writes it: "120ms", "6m0s", "1h30m0s"."""
    if seconds < 1:
        return f"{round(seconds * 1_000)}ms"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes}m{rest}s" if hours else f"{minutes}m{rest}s" if minutes else f"{rest}s"
