"""What requests have taught about deployments: fields and capabilities that they refuse, and how they continue.

Facts grow old, because models and gateways change, and a reload forgets them all. Pure: `now` is an argument.
"""

from dataclasses import dataclass, field

AGE = 6 * 3_600.0  # seconds for which a refusal is remembered
MOST = 2_000  # deployments


@dataclass
class Lesson:
    """About one deployment. Values are the moments at which the facts are forgotten."""

    fields: dict[str, float] = field(default_factory=dict)  # dotted request fields that it refuses
    lacks: dict[str, float] = field(default_factory=dict)  # capabilities: "vision", "tools", …
    no_prefill_until: float = 0.0
    echoes: bool | None = None  # whether a continued answer begins with the prefix again; None: not seen


class Learned:
    def __init__(self) -> None:
        self._lessons: dict[str, Lesson] = {}

    def _lesson(self, deployment: str) -> Lesson:
        if deployment not in self._lessons and len(self._lessons) >= MOST:
            self._lessons.pop(next(iter(self._lessons)))
        return self._lessons.setdefault(deployment, Lesson())

    def refuses_field(self, deployment: str, name: str, now: float) -> None:
        self._lesson(deployment).fields[name] = now + AGE

    def lacks(self, deployment: str, capability: str, now: float) -> None:
        self._lesson(deployment).lacks[capability] = now + AGE

    def refuses_prefill(self, deployment: str, now: float) -> None:
        self._lesson(deployment).no_prefill_until = now + AGE

    def continued(self, deployment: str, *, echoed: bool) -> None:
        self._lesson(deployment).echoes = echoed

    def refused_fields(self, deployment: str, now: float) -> frozenset[str]:
        lesson = self._lessons.get(deployment)
        return frozenset(name for name, until in lesson.fields.items() if until > now) if lesson else frozenset()

    def denied(self, deployment: str, capability: str, now: float) -> bool:
        """Whether the deployment has shown that it lacks the capability."""
        lesson = self._lessons.get(deployment)
        return lesson is not None and lesson.lacks.get(capability, 0.0) > now

    def prefills(self, deployment: str, now: float) -> bool:
        """False once the deployment has refused to continue a text."""
        lesson = self._lessons.get(deployment)
        return lesson is None or lesson.no_prefill_until <= now

    def echoes(self, deployment: str) -> bool | None:
        lesson = self._lessons.get(deployment)
        return lesson.echoes if lesson else None

    def forget(self) -> None:
        self._lessons.clear()
