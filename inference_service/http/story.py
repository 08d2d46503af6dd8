"""What happened on the way to an answer: its headers, its usage and its vendor field `antiphon`. Pure."""

from collections.abc import Sequence
from typing import Any

from inference_service.http.naming import deployment_name, failure_name

LONGEST_HEADER = 1_000  # characters


class Story:
    """What happened on the way: for the usage and for the vendor field `antiphon`."""

    def __init__(self) -> None:
        self.deployments: list[str] = []
        self.attempts = 0
        self.handovers: list[dict[str, Any]] = []
        self.notices: list[dict[str, str]] = []
        self._usages: list[Any] = []

    def started(self, event: Any) -> None:
        self.deployments.append(deployment_name(event.deployment))
        self.attempts = event.attempt

    def handed_over(self, event: Any) -> None:
        self.deployments.append(deployment_name(event.to_deployment))
        self.attempts = event.attempt
        self.handovers.append(
            {
                "from": deployment_name(event.from_deployment),
                "to": deployment_name(event.to_deployment),
                "reason": failure_name(event.reason),
            }
        )

    def noticed(self, event: Any) -> None:
        self.notices.append({"field": event.field, "message": event.message})

    def used(self, usage: Any) -> None:
        self._usages.append(usage)

    def finished(self, event: Any) -> None:
        self.attempts = event.attempts
        name = deployment_name(event.deployment)
        if self.deployments[-1:] != [name]:
            self.deployments.append(name)

    def headers(self, ignored: Sequence[str]) -> dict[str, str]:
        """`ignored`: parameters of the caller that had no effect."""
        found = {}
        if self.deployments:
            found = {"X-Antiphon-Deployment": self.deployments[-1], "X-Antiphon-Attempts": str(self.attempts)}
        if ignored:
            text = ", ".join(dict.fromkeys(ignored)).encode("ascii", "replace").decode()
            found["X-Antiphon-Ignored"] = "".join(sign for sign in text if sign.isprintable())[:LONGEST_HEADER]
        return found

    def vendor(self) -> dict[str, Any]:
        """The field `antiphon` of a whole answer or a last chunk."""
        told: dict[str, Any] = {
            "deployment": self.deployments[-1] if self.deployments else None,
            "deployments": self.deployments,
            "attempts": self.attempts,
        }
        if self.handovers:
            told["handovers"] = self.handovers
        if self.notices:
            told["notices"] = self.notices
        if any(usage.estimated for usage in self._usages):
            told["usage_estimated"] = True
        return told

    def usage(self) -> dict[str, Any]:
        """The sum over all attempts, as they are paid for."""
        read = sum(usage.prompt_tokens for usage in self._usages)
        written = sum(usage.completion_tokens for usage in self._usages)
        thought = sum(usage.reasoning_tokens for usage in self._usages)
        return {
            "prompt_tokens": read,
            "completion_tokens": written,
            "total_tokens": read + written,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": thought},
        }
