"""Tells the caller who answers: the start, and every handover. Pure."""

from inference_service.domain import Handover, Notice, Started
from inference_service.failures import FailureKind


class Announcer:
    """Tracks which deployment the caller believes to be answering."""

    def __init__(self) -> None:
        self.current: str | None = None
        self._notices: set[tuple[str, str]] = set()  # (deployment, field): each is sent once

    def start(self, deployment: str, number: int) -> list[Started]:
        """The first element of a stream; nothing if it was sent before."""
        if self.current is not None:
            return []
        self.current = deployment
        return [Started(deployment, number)]

    def moves(self, deployment: str, reason: str) -> bool:
        """Whether an answer by this deployment is a handover."""
        return self.current is not None and (bool(reason) or deployment != self.current)

    def hand_over(self, deployment: str, number: int, reason: str, keep_chars: int) -> Handover:
        former, self.current = self.current or "", deployment
        return Handover(former, deployment, reason or FailureKind.RATE_LIMITED.value, keep_chars, number)

    def fresh(self, deployment: str, notices: list[Notice]) -> list[Notice]:
        """Notices that the caller has not received yet."""
        new = [notice for notice in notices if (deployment, notice.field) not in self._notices]
        self._notices.update((deployment, notice.field) for notice in new)
        return new
