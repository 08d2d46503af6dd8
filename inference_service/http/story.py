"""What led to an answer: its headers, its usage and its vendor field `antiphon`. Pure."""

from collections.abc import Sequence
from typing import Any

from antiphon import names

LONGEST_HEADER = 1_000  # characters


class Story:
    """Collects what led to an answer, for the usage and the vendor field `antiphon`."""

    def __init__(self) -> None:
        self.deployments: list[str] = []
        self.attempts = 0
        self.handovers: list[dict[str, Any]] = []
        self.notices: list[dict[str, str]] = []
        self._usages: list[Any] = []
        self._cost: dict[str, Any] | None = None

    def started(self, event: Any) -> None:
        self.deployments.append(names.deployment(event.deployment))
        self.attempts = event.attempt

    def handed_over(self, event: Any) -> None:
        self.deployments.append(names.deployment(event.to_deployment))
        self.attempts = event.attempt
        self.handovers.append(
            {
                "from": names.deployment(event.from_deployment),
                "to": names.deployment(event.to_deployment),
                "reason": names.failure(event.reason),
            }
        )

    def noticed(self, event: Any) -> None:
        self.notices.append({"field": event.field, "message": event.message})

    def used(self, usage: Any) -> None:
        self._usages.append(usage)

    def unary(self, answer: Any) -> None:
        """Reads an answer that comes as one message."""
        self.used(answer.usage)
        for notice in answer.notices:
            self.noticed(notice)
        self.finished(answer)

    def finished(self, event: Any) -> None:
        self.attempts = event.attempts
        if event.usage.HasField("cost"):
            cost = event.usage.cost
            self._cost = {"micros": cost.micros, "currency": cost.currency, "price_date": cost.price_date}
        name = names.deployment(event.deployment)
        if self.deployments[-1:] != [name]:
            self.deployments.append(name)

    def headers(self, ignored: Sequence[str]) -> dict[str, str]:
        """`ignored`: parameters of the caller that had no effect."""
        headers = {}
        if self.deployments:
            headers = {"X-Antiphon-Deployment": self.deployments[-1], "X-Antiphon-Attempts": str(self.attempts)}
        if ignored:
            text = ", ".join(dict.fromkeys(ignored)).encode("ascii", "replace").decode()
            headers["X-Antiphon-Ignored"] = "".join(sign for sign in text if sign.isprintable())[:LONGEST_HEADER]
        return headers

    def vendor(self) -> dict[str, Any]:
        """The field `antiphon` of a whole answer or a last chunk."""
        members: dict[str, Any] = {
            "deployment": self.deployments[-1] if self.deployments else None,
            "deployments": self.deployments,
            "attempts": self.attempts,
        }
        if self.handovers:
            members["handovers"] = self.handovers
        if self.notices:
            members["notices"] = self.notices
        if self._cost is not None:
            members["cost"] = self._cost
        if any(usage.estimated for usage in self._usages):
            members["usage_estimated"] = True
        return members

    def usage(self) -> dict[str, Any]:
        """The sum over all attempts, all of which are paid for."""
        read = sum(usage.prompt_tokens for usage in self._usages)
        written = sum(usage.completion_tokens for usage in self._usages)
        thought = sum(usage.reasoning_tokens for usage in self._usages)
        return {
            "prompt_tokens": read,
            "completion_tokens": written,
            "total_tokens": read + written,
            "prompt_tokens_details": {
                "cached_tokens": sum(usage.cached_tokens for usage in self._usages),
                "audio_tokens": sum(usage.audio_tokens for usage in self._usages),
            },
            "completion_tokens_details": {"reasoning_tokens": thought},
        }
