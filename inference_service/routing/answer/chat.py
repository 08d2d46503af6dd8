"""One chat answer, assembled from whatever deployments say. Pure: events in, events for the caller out."""

from collections.abc import AsyncGenerator
from typing import Any

import msgspec
from msgspec import Struct

from inference_service.domain import (
    ChatRequest,
    Delta,
    Finish,
    Finished,
    FinishReason,
    Handover,
    Message,
    Notice,
    OnInterruption,
    Picture,
    Preview,
    Reasoning,
    Retract,
    Role,
    Started,
    TextPart,
)
from inference_service.failures import FailureKind, UpstreamFailure
from inference_service.providers.seam import ChatCall, checked
from inference_service.routing.answer.announce import Announcer
from inference_service.routing.answer.protocol import MOST_FAILED, Out
from inference_service.routing.answer.splice import (
    SHORTEST_PREFIX,
    AfterInstruction,
    AfterPrefill,
    Boundary,
    Fresh,
    Restart,
    looks_whole,
)
from inference_service.routing.answer.written import Written
from inference_service.routing.decide import Standing
from inference_service.routing.journal import Journal
from inference_service.routing.learned import Learned
from inference_service.routing.lease import Lease
from inference_service.routing.plan import Deployment, Route, without_unsupported

RETRACTED = "retracted"  # the reason of a cut that no failure has caused: thoughts had been taken for the answer
CONTINUE_WORDS = (
    "Your answer was cut off. Continue it exactly where it stopped, in the same language and form. "
    "Do not repeat anything and do not comment on this."
)


class Opening(Struct):
    """One call and how it joins the answer. `prefix` goes to the provider; `kept` characters of the text stay."""

    deployment: str
    number: int  # of the attempt
    reason: str  # a FailureKind value: why the one before fell silent; empty for the first
    request: ChatRequest
    notices: list[Notice]
    joint: Fresh | AfterPrefill | AfterInstruction | Restart
    prefix: str = ""
    kept: int = 0
    restarts: bool = False
    begun: bool = False
    handed_over: bool = False  # the caller has cut its text to what this call keeps
    said: bool = False  # it has added words


class ChatAnswer:
    """What the caller has so far, and how the next call goes on."""

    def __init__(self, request: ChatRequest, route: Route, learned: Learned) -> None:
        self._request, self._route, self._learned = request, route, learned
        self._mode = request.on_interruption or route.on_interruption
        self._written = Written()
        self._announcer = Announcer()
        self._nothing_to_add = False  # a continuation has ended well without a word
        self.whole = False

    @property
    def began(self) -> bool:
        """Words of the answer have left."""
        return self._written.length > 0

    @property
    def ends_when_interrupted(self) -> bool:
        return self._mode is OnInterruption.FAIL and self.began

    # --- a call ----------------------------------------------------------------------------------

    def opening(self, deployment: Deployment, standing: Standing, number: int, reason: str, now: float) -> Opening:
        """How this deployment is to be asked now."""
        can, name = deployment.capabilities, deployment.name
        refused = self._learned.refused_fields(name, now) | standing.without
        request, notices = without_unsupported(self._request, can, refused)
        opening = Opening(name, number, reason, request, notices, Fresh())
        text = self._written.text()
        if text:
            self._join(
                opening, deployment, text, prefills=not standing.no_prefill and self._learned.prefills(name, now)
            )
        return opening

    def _join(self, opening: Opening, deployment: Deployment, text: str, *, prefills: bool) -> None:
        if self._mode is OnInterruption.CONTINUE and len(text) >= SHORTEST_PREFIX:
            if prefills and self._learned.continues(deployment.name, deployment.capabilities):
                opening.joint = AfterPrefill(text, echoes=self._learned.echoes(deployment.name))
                opening.prefix, opening.kept = text, len(text)
                return
            boundary = Boundary(text)
            if deployment.name in self._route.continue_by_instruction and boundary.kept:
                opening.request = continued(opening.request, boundary.kept)
                opening.joint, opening.kept = AfterInstruction(boundary), len(boundary.kept)
                return
        opening.joint, opening.restarts = Restart(text), True

    @staticmethod
    def call(opening: Opening, deployment: Deployment, lease: Lease) -> AsyncGenerator[Any, None]:
        call = ChatCall(opening.request, deployment.model, lease.secret, opening.prefix, continues=opening.kept > 0)
        return checked(deployment.provider.chat(call))

    async def check(self, _: Picture | Preview) -> tuple[Any, ...]:
        """Raises UpstreamFailure: nobody asked for a picture."""
        raise UpstreamFailure(FailureKind.BAD_RESPONSE, "the provider sent a picture instead of words", status=200)

    # --- its events ------------------------------------------------------------------------------

    def waiting(self, deployment: str, number: int) -> list[Started]:
        """Something is to be shown before anybody answers."""
        return self._announcer.start(deployment, number)

    def begin(self, opening: Opening) -> Out:
        """The first sign of an answer by this deployment."""
        opening.begun = True
        out: Out = [*self._announcer.start(opening.deployment, opening.number)]
        waits = isinstance(opening.joint, Restart | AfterInstruction)  # nothing is taken back before words replace it
        if not out and not waits and self._announcer.moves(opening.deployment, opening.reason):
            out.append(self._hand_over(opening, opening.kept))
        return out + self._announcer.fresh(opening.deployment, opening.notices)

    def accept(self, opening: Opening, event: Any) -> Out:
        """What the caller sees of an event."""
        if event.__class__ is Retract:
            return self._retract(opening)
        if event.__class__ is not Delta:
            return [event]
        if opening.joint.__class__ is Fresh:
            opening.said = True
            self._written.add(event.text)
            return [event]
        return self._deliver(opening, opening.joint.feed(event.text))

    def _retract(self, opening: Opening) -> Out:
        """What this call has said so far was reasoning: the caller cuts it off again."""
        text, opening.said = self._written.text(), False
        if isinstance(opening.joint, Restart):
            opening.joint = Restart(text)
            return []
        if opening.prefix:
            opening.joint = AfterPrefill(opening.prefix, echoes=self._learned.echoes(opening.deployment))
        elif isinstance(opening.joint, AfterInstruction):
            opening.joint = opening.joint.again()
            if not opening.handed_over:
                return []
        thoughts = text[opening.kept :]
        if not thoughts:
            return []
        self._written.replace(text[: opening.kept])
        cut = Handover(opening.deployment, opening.deployment, RETRACTED, opening.kept, opening.number)
        return [cut, Reasoning(thoughts)]

    def _hand_over(self, opening: Opening, keep: int) -> Handover:
        opening.handed_over = True
        self._written.replace(self._written.text()[:keep])
        return self._announcer.hand_over(opening.deployment, opening.number, opening.reason, keep)

    def _deliver(self, opening: Opening, text: str) -> Out:
        out: Out = []
        joint = opening.joint
        if isinstance(joint, Restart) and joint.keep is not None:
            out.append(self._hand_over(opening, joint.keep))
            opening.joint, opening.said = Fresh(), joint.keep > 0
        if isinstance(joint, AfterInstruction) and text and not opening.handed_over:
            out.append(self._hand_over(opening, opening.kept))
        if isinstance(joint, AfterPrefill) and joint.echoed is not None:
            self._learned.continued(opening.deployment, echoed=joint.echoed)
        if text:
            if text.strip():
                opening.said, self._nothing_to_add = True, False
            self._written.add(text)
            out.append(Delta(text))
        return out

    # --- its end ---------------------------------------------------------------------------------

    def end(self, opening: Opening, finish: Finish) -> Out:
        """A call has ended well. Raises UpstreamFailure when what came is no answer."""
        joint, text = opening.joint, opening.joint.finish()
        said = opening.said or bool(text.strip()) or (isinstance(joint, Restart) and bool(joint.keep))
        if not said:
            continues = isinstance(joint, AfterPrefill | AfterInstruction)
            restored = joint.restore() if isinstance(joint, AfterInstruction) and opening.handed_over else ""
            if not (continues and self._is_complete(finish, restored)):
                raise nothing_said(finish)
            text = restored
        out = [] if opening.begun else self.begin(opening)
        self.whole = True
        if isinstance(joint, AfterInstruction) and not text and not opening.handed_over:
            out.append(self._hand_over(opening, self._written.length))  # it has confirmed all that is there
        return out + self._deliver(opening, text)

    def _is_complete(self, finish: Finish, restored: str) -> bool:
        """A continuation added nothing: believed at once of a text that looks whole, else when a second one agrees."""
        if finish.reason is FinishReason.CONTENT_FILTER:
            return False
        agreed, self._nothing_to_add = self._nothing_to_add, True
        return agreed or looks_whole(self._written.text() + restored)

    def settle_for_less(self) -> Out | None:
        """Nobody can go on. None: the request fails; else the last events of an answer that is as whole as it gets."""
        if not self._nothing_to_add:
            return None
        self.whole = True
        return []

    def finished(self, finish: Finish | None, deployment: str, journal: Journal) -> Finished:
        reason = finish.reason if finish is not None else FinishReason.STOP
        failed = tuple(journal.failed[:MOST_FAILED])
        return Finished(reason, deployment, self._written.length, journal.first_token, journal.calls, failed)


def continued(request: ChatRequest, kept: str) -> ChatRequest:
    """The conversation with the half-finished answer, and the wish to go on with it."""
    turns = (Message(Role.ASSISTANT, (TextPart(kept),)), Message(Role.USER, (TextPart(CONTINUE_WORDS),)))
    return msgspec.structs.replace(request, messages=(*request.messages, *turns))


def nothing_said(finish: Finish) -> UpstreamFailure:
    if finish.reason is FinishReason.CONTENT_FILTER:
        return UpstreamFailure(FailureKind.CONTENT_REFUSED, "the provider's filter kept the answer back")
    return UpstreamFailure(FailureKind.BAD_RESPONSE, "the provider's answer was empty", status=200)
