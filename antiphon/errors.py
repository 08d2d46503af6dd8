"""What can go wrong for a caller, each with what to do next."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class FailedAttempt:
    """One upstream call that failed. `duration` in seconds, `http_status` 0: none."""

    deployment: str
    failure: str
    http_status: int
    duration: float


class AntiphonError(Exception):
    """`message` is fit for a person; `retry_after` seconds until a retry makes sense, None: not known."""

    def __init__(
        self,
        message: str,
        *,
        request_id: str = "",
        retry_after: float | None = None,
        attempts: Sequence[FailedAttempt] = (),
        reason: str = "",
    ) -> None:
        super().__init__(message)
        self.message, self.request_id, self.retry_after = message, request_id, retry_after
        self.attempts = tuple(attempts)
        self.reason = reason


class InvalidRequest(AntiphonError):
    """The request is wrong: `violations` are (dotted field, what is wrong and what is allowed)."""

    violations: Sequence[tuple[str, str]] = ()


class ContentRefused(AntiphonError):
    """The provider refuses the content; asking again changes nothing."""


class UnknownModel(AntiphonError):
    """There is no such model; the message names the nearest."""


class Unsupported(AntiphonError):
    """Nothing configured can do what was asked."""


class QuotaExceeded(AntiphonError):
    """Every credential rests, or the caller's own limit is reached; `retry_after` tells how long."""


class Unavailable(AntiphonError):
    """No deployment could answer; `attempts` tells what was tried."""


class Interrupted(AntiphonError):
    """The answer broke off and nobody could finish it; `text` is what arrived."""

    text: str = ""


class ConnectionLost(AntiphonError):
    """The service cannot be reached, or the connection to it broke."""


class DeadlineExceeded(AntiphonError):
    """The answer was not whole in time."""


class Unauthenticated(AntiphonError):
    """The service wants a token, or another one."""


class PermissionDenied(AntiphonError):
    """The token may not do this."""


class AnswerIncomplete(AntiphonError):
    """The text does not have the length that the service counted: something was lost on the way."""
