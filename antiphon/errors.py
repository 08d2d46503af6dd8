"""The errors that a caller can get. Each says what to do next."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class FailedAttempt:
    """One upstream call that failed. `duration` is in seconds; `http_status` is 0 if there was no response."""

    deployment: str
    failure: str
    http_status: int
    duration: float


class AntiphonError(Exception):
    """`message` is written for people. `retry_after`: seconds until a retry makes sense; None: not known."""

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
    """The provider refuses the content. Asking again does not help."""


class UnknownModel(AntiphonError):
    """There is no such model. The message names the nearest match."""


class Unsupported(AntiphonError):
    """No configured deployment can do this."""


class QuotaExceeded(AntiphonError):
    """Every credential is resting, or the caller's own limit is reached. `retry_after` says for how long."""


class Unavailable(AntiphonError):
    """No deployment could answer. `attempts` lists what was tried."""


class Interrupted(AntiphonError):
    """The answer broke off and no deployment could finish it. `text` is what arrived."""

    text: str = ""


class ConnectionLost(AntiphonError):
    """The service cannot be reached, or the connection to it broke."""


class DeadlineExceeded(AntiphonError):
    """The answer was not complete in time."""


class Unauthenticated(AntiphonError):
    """The service requires a token, or does not accept this one."""


class PermissionDenied(AntiphonError):
    """The token does not have the required scope."""


class AnswerIncomplete(AntiphonError):
    """The text is not as long as the service counted: part of it was lost."""
