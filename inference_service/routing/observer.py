"""What routing reports for counts, logs and traces. Plain calls, never awaited, never failing a request."""

from typing import Protocol

from msgspec import Struct

from inference_service.domain import Usage


class AttemptEnd(Struct, frozen=True):
    """How one upstream call ended. `failure`: a FailureKind value, None for success, "cancelled" or "lost"."""

    request_id: str
    deployment: str
    credential: str  # masked
    failure: str | None
    http_status: int
    duration: float
    first_token: float | None
    usage: Usage | None
    hedge: bool = False
    operation: str = "chat"  # or image


class Observer(Protocol):
    def attempt_started(self, request_id: str, deployment: str, credential: str, number: int) -> None: ...

    def attempt_ended(self, end: AttemptEnd) -> None: ...

    def handed_over(
        self, request_id: str, from_deployment: str, to_deployment: str, reason: str, keep_chars: int
    ) -> None: ...

    def hedged(self, request_id: str, deployment: str, *, won: bool) -> None: ...

    def queued(self, change: int) -> None:
        """A request has joined (1) or left (-1) a queue for a credential."""

    def waited(self, request_id: str, deployment: str, seconds: float) -> None: ...

    def state_backend(self, backend: str) -> None: ...
