"""What requests have taught about deployments: fields and capabilities that they refuse, and how they continue.

Lessons expire, because models and gateways change, and a reload forgets them all; proofs last until the next probe.
Pure: `now` is an argument.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from inference_service.domain import Capabilities

AGE = 6 * 3_600.0  # seconds for which a refusal is remembered
MOST = 2_000  # deployments


@dataclass
class Lesson:
    """About one deployment. Values are the moments at which the facts expire."""

    fields: dict[str, float] = field(default_factory=dict)  # dotted request fields that it refuses
    lacks: dict[str, float] = field(default_factory=dict)  # capabilities: "vision", "tools", …
    no_prefill_until: float = 0.0
    echoes: bool | None = None  # whether a continued answer repeats the prefix first; None: unknown


class Learned:
    """on_unknown: called with a deployment that has to continue an answer while it is unknown whether it can."""

    def __init__(self) -> None:
        self._lessons: dict[str, Lesson] = {}
        self._proofs: dict[str, tuple[bool, bool]] = {}  # by a probe: whether it continues, whether it echoes
        self.on_unknown: Callable[[str], None] = lambda _: None

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
        if lesson is not None and lesson.echoes is not None:
            return lesson.echoes
        proof = self._proofs.get(deployment)
        return proof[1] if proof is not None and proof[0] else None

    def proves(self, deployment: str, *, continues: bool, echoes: bool) -> None:
        if deployment not in self._proofs and len(self._proofs) >= MOST:
            self._proofs.pop(next(iter(self._proofs)))
        self._proofs[deployment] = (continues, echoes)

    def continues(self, deployment: str, can: Capabilities) -> bool:
        """Whether the deployment is declared or proven to continue a text; if unknown, a probe is requested."""
        if "prefill" not in can.unknown:
            return can.prefill
        self.on_unknown(deployment)
        return self._proofs.get(deployment, (False, False))[0]

    def known(self, deployment: str, can: Capabilities) -> Capabilities:
        """The capabilities with what a probe has shown."""
        if "prefill" not in can.unknown or deployment not in self._proofs:
            return can
        return msgspec.structs.replace(can, prefill=self._proofs[deployment][0], unknown=can.unknown - {"prefill"})

    def forget(self) -> None:
        self._lessons.clear()
