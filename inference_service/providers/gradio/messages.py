"""What the messages of a Gradio queue mean: places in the queue, progress, notes, growing outputs, errors.

Source: Gradio's server and clients, 3.50 to 6; the `spaces` library for the texts of ZeroGPU; recorded streams.
"""

import re
from typing import Any, TypeAlias

from msgspec import Struct

from inference_service.domain import Notice, NoticeKind, Progress
from inference_service.failures import FailureKind, Scope, UpstreamFailure
from inference_service.providers.gradio.diff import BadDiff, apply_all
from inference_service.providers.kit import errors, values

SIGNS: tuple[errors.Sign, ...] = (
    errors.Sign(FailureKind.OVERLOADED, r"no gpu (was|is) available|queue is full|queue timeout"),
    errors.Sign(
        FailureKind.QUOTA_EXHAUSTED,
        r"exceeded your .{0,40}quota|gpu limit|runs limit|pending credits",
        scope=Scope.GROUP,
    ),
    errors.Sign(FailureKind.FORBIDDEN, r"illegal duration|larger than the maximum allowed"),
    errors.Sign(FailureKind.UNAUTHENTICATED, r"not authenticated|expired zerogpu proxy token", (200, 401)),
)
LONGEST_WAIT = 7 * 86_400.0
WAKE = re.compile(r"(?:(\d+) days?, )?(\d+):(\d{2}):(\d{2})")


class Output(Struct, frozen=True):
    """All outputs of the function so far; `final` once, with the last."""

    values: tuple[Any, ...]
    final: bool = False


Made: TypeAlias = Output | Progress | Notice


class Reader:
    """Interprets messages. `differing`: partial outputs after the first are differences."""

    def __init__(self, event_id: str = "", *, differing: bool) -> None:
        self._event_id, self._differing = event_id, differing
        self._values: list[Any] | None = None

    def read(self, message: Any) -> Made | None:
        """None for messages of other calls and without interest. Raises UpstreamFailure."""
        if not isinstance(message, dict) or (message.get("event_id") or self._event_id) != self._event_id:
            return None
        match message.get("msg"):
            case "estimation":
                rank = values.count(message.get("rank"))
                place = None if rank is None else rank + 1
                return Progress("queued", queue_position=place, eta=positive(message.get("rank_eta")))
            case "process_starts":
                return Progress("generating", eta=positive(message.get("eta")))
            case "progress":
                return bar(message.get("progress_data"))
            case "heartbeat":
                return Progress("waiting" if self._values is None else "generating")
            case "log":
                text = " ".join(re.sub(r"<[^>]{0,300}>", " ", str(message.get("log") or "")).split())[:200]
                return Notice(NoticeKind.INFO, "", text) if text else None
            case "process_generating" | "process_streaming" if message.get("success", True):
                return Output(tuple(self._grown(message)))
            case "process_completed" | "process_generating":
                return self._completed(message)
            case "queue_full":
                raise errors.in_stream({"message": "queue is full"}, SIGNS, began=False)
            case "unexpected_error":
                raise errors.in_stream({"message": str(message.get("message"))}, SIGNS, began=self._values is not None)
        return None

    def _grown(self, message: dict[str, Any]) -> list[Any]:
        data = values.mapping(message.get("output")).get("data")
        if not isinstance(data, list):
            return self._values or []
        try:
            differs = self._differing and self._values is not None and message["msg"] == "process_generating"
            self._values = apply_all(self._values or [], data) if differs else list(data)
        except BadDiff as error:
            raise errors.failure(FailureKind.STREAM_ERROR, status=200) from error
        return self._values

    def _completed(self, message: dict[str, Any]) -> Output:
        output = values.mapping(message.get("output"))
        if message.get("success") and "data" in output:
            data = output["data"]
            return Output(tuple(data) if isinstance(data, list) else (data,), final=True)
        if message.get("success"):
            raise UpstreamFailure(FailureKind.STREAM_CUT, "the Space's call was cancelled", status=200)
        # Until 4.44 the text is in quotes.
        text = f"{output.get('title') or message.get('title') or ''}: {str(output.get('error') or '').strip(chr(39))}"
        failed = errors.in_stream({"message": text}, SIGNS, began=False)
        if failed.kind is FailureKind.QUOTA_EXHAUSTED and (wake := WAKE.search(text)):
            days, hours, minutes, seconds = (int(part or 0) for part in wake.groups())
            failed.wake_after = float(((days * 24 + hours) * 60 + minutes) * 60 + seconds)
        if failed.kind is FailureKind.STREAM_ERROR:
            failed = errors.failure(FailureKind.SERVER_ERROR, status=200)
        raise failed


def bar(bars: Any) -> Progress:
    """The outermost of nested progress bars. Anything but a number is not reported."""
    outer = bars[0] if isinstance(bars, list) and bars and isinstance(bars[0], dict) else {}
    fraction, index, length = (values.number(outer.get(key)) for key in ("progress", "index", "length"))
    if fraction is None and length:
        fraction = (index or 0.0) / length
    words = next((text for key in ("desc", "unit") if isinstance(text := outer.get(key), str) and text), "generating")
    return Progress(words[:80], fraction=None if fraction is None else min(1.0, max(0.0, fraction)))


def positive(value: Any) -> float | None:
    """Seconds, or None for anything else."""
    seconds = values.number(value)
    return seconds if seconds is not None and 0 <= seconds <= LONGEST_WAIT else None
