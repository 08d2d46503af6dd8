"""One chat answer, assembled from the events of one or more deployments. Pure: events in, events for the caller out."""

from collections.abc import AsyncGenerator
from typing import Any

import msgspec
from msgspec import Struct

from inference_service.domain import (
    ChatRequest,
    Composing,
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
from inference_service.routing.answer.document import Document, unfenced
from inference_service.routing.answer.protocol import MOST_FAILED, Out
from inference_service.routing.answer.splice import (
    SHORTEST_PREFIX,
    AfterGiven,
    AfterInstruction,
    AfterPrefill,
    Boundary,
    Fresh,
    Restart,
    looks_whole,
)
from inference_service.routing.answer.thoughts import Thoughts
from inference_service.routing.answer.toolcalls import ToolRules
from inference_service.routing.answer.written import Written
from inference_service.routing.decide import Standing
from inference_service.routing.journal import Journal
from inference_service.routing.learned import Learned
from inference_service.routing.lease import Lease
from inference_service.routing.plan import Deployment, Route, without_unsupported
from inference_service.tools import ToolCall

RETRACTED = "retracted"  # the reason for a cut without a failure: thoughts had been taken for the answer
CONTINUE_WORDS = (
    "Your answer was cut off. Continue it exactly where it stopped, in the same language and form. "
    "Do not repeat anything and do not comment on this."
)


class Opening(Struct):
    """One call and how it joins the answer. `prefix` goes to the provider; `kept` characters of the text remain."""

    deployment: str
    number: int  # of the attempt
    reason: str  # a FailureKind value: why the previous deployment fell silent; empty for the first
    request: ChatRequest
    notices: list[Notice]
    joint: Fresh | AfterPrefill | AfterInstruction | AfterGiven | Restart
    prefix: str = ""
    kept: int = 0
    restarts: bool = False
    begun: bool = False
    handed_over: bool = False  # the caller has cut its text to what this call keeps
    said: bool = False  # it has added words
    held: list[str] | None = None  # its words, if a document was requested that the deployment does not enforce
    calls: list[ToolCall] = []


class ChatAnswer:
    """What the caller has so far, and how the next call continues it.

    Text that the caller itself began (`partial`) exists already and is never sent: characters are counted from its end.
    """

    def __init__(self, request: ChatRequest, route: Route, learned: Learned) -> None:
        self._request, self._route, self._learned = request, route, learned
        self._written = Written(request.partial)
        self._rules = ToolRules(request) if request.tools else None
        self._document = Document(request.response_format) if request.response_format is not None else None
        self._composed = False  # some deployment has begun a tool call: its text belongs to that call
        self._calls = 0  # tool calls sent
        self._announcer = Announcer()
        self._thoughts = Thoughts()
        self._nothing_to_add = False  # a continuation has ended well without a word
        self.whole = False

    @property
    def began(self) -> bool:
        """Words of the answer were sent."""
        return self._written.length > len(self._request.partial)

    @property
    def _mode(self) -> OnInterruption:
        return self._request.on_interruption or self._route.on_interruption

    @property
    def ends_when_interrupted(self) -> bool:
        return self._mode is OnInterruption.FAIL and self.began

    # --- a call ----------------------------------------------------------------------------------

    def opening(self, deployment: Deployment, standing: Standing, number: int, reason: str, now: float) -> Opening:
        """How to ask this deployment now."""
        can, name = deployment.capabilities, deployment.name
        refused = self._learned.refused_fields(name, now) | standing.without
        request, notices = without_unsupported(self._request, can, refused)
        opening = Opening(name, number, reason, request, notices, Fresh())
        if self._document is not None and not self._document.enforced(can.formats):
            opening.request, opening.held = self._document.asked_for(request), []
        if self._written.length:
            # A model with tools, or held to a document, would take the open turn for a finished one.
            open_turn = self._rules is None and self._document is None and not standing.no_prefill
            profits = bool(self._request.partial) or self._may_continue(self._written.text())
            prefills = profits and open_turn and self._learned.prefills(name, now)
            self._join(opening, prefills=prefills and self._learned.continues(name, can))
        return opening

    def _join(self, opening: Opening, *, prefills: bool) -> None:
        text, beginning = self._written.text(), self._request.partial
        if self.began and self._may_continue(text):
            if prefills:
                self._prefill(opening, text)
                return
            boundary = Boundary(text)
            if opening.deployment in self._route.continue_by_instruction and len(boundary.kept) > len(beginning):
                opening.request = continued(opening.request, boundary.kept)
                opening.joint, opening.kept = AfterInstruction(boundary), len(boundary.kept)
                return
        opening.restarts = self.began
        if not beginning:
            opening.joint = Restart(text)
        elif prefills:
            self._prefill(opening, beginning)
        else:
            opening.request = continued(opening.request, beginning)
            opening.joint, opening.kept = AfterGiven(beginning), len(beginning)

    def _may_continue(self, text: str) -> bool:
        long_enough = len(text) >= SHORTEST_PREFIX
        return self._mode is OnInterruption.CONTINUE and long_enough and not self._composed and self._document is None

    def _prefill(self, opening: Opening, text: str) -> None:
        opening.joint = AfterPrefill(text, echoes=self._learned.echoes(opening.deployment))
        opening.prefix, opening.kept = text, len(text)

    @staticmethod
    def call(opening: Opening, deployment: Deployment, lease: Lease) -> AsyncGenerator[Any, None]:
        call = ChatCall(opening.request, deployment.model, lease.secret, opening.prefix, continues=opening.kept > 0)
        return checked(deployment.provider.chat(call))

    async def check(self, _: Picture | Preview) -> tuple[Any, ...]:
        """Raises UpstreamFailure: no picture was requested."""
        raise UpstreamFailure(FailureKind.BAD_RESPONSE, "the provider sent a picture instead of words", status=200)

    # --- its events ------------------------------------------------------------------------------

    def waiting(self, deployment: str, number: int) -> list[Started]:
        """Something has to be shown before a deployment answers."""
        return self._announcer.start(deployment, number)

    def begin(self, opening: Opening) -> Out:
        """The first sign of an answer by this deployment."""
        opening.begun = True
        self._thoughts.begin()
        out: Out = [*self._announcer.start(opening.deployment, opening.number)]
        waits = isinstance(opening.joint, Restart | AfterInstruction)  # nothing is taken back until words replace it
        if not out and not waits and self._announcer.moves(opening.deployment, opening.reason):
            out.append(self._hand_over(opening, opening.kept))
        return out + self._announcer.fresh(opening.deployment, opening.notices)

    def accept(self, opening: Opening, event: Any) -> Out:
        """What the caller sees of an event."""
        kind = event.__class__
        if kind is not Delta:
            return self._beside(opening, event, kind)
        if opening.held is not None:
            opening.held.append(event.text)
            return []
        if opening.joint.__class__ is Fresh:
            opening.said = True
            self._written.add(event.text)
            return [event]
        return self._deliver(opening, opening.joint.feed(event.text))

    def _beside(self, opening: Opening, event: Any, kind: type[Any]) -> Out:
        """What is no text of the answer."""
        if kind is Reasoning:
            return self._think(event.text)
        if kind is Retract:
            return self._retract(opening)
        if kind is ToolCall:
            opening.calls.append(event)
        if kind is ToolCall or kind is Composing:
            self._composed = True
            return []
        return [event]

    def _think(self, thoughts: str) -> Out:
        news = self._thoughts.feed(thoughts)
        return [Reasoning(news)] if news else []

    def _retract(self, opening: Opening) -> Out:
        """What this call has said so far was reasoning: the caller removes it again."""
        text, opening.said = self._written.text(), False
        if opening.held is not None:
            thoughts, opening.held = "".join(opening.held), []
            return self._think(thoughts)
        if isinstance(opening.joint, Restart):
            opening.joint = Restart(text)
            return []
        if opening.prefix:
            opening.joint = AfterPrefill(opening.prefix, echoes=self._learned.echoes(opening.deployment))
        elif isinstance(opening.joint, AfterInstruction):
            opening.joint = opening.joint.again()
            if not opening.handed_over:
                return []
        elif isinstance(opening.joint, AfterGiven):
            opening.joint = AfterGiven(self._request.partial)
        thoughts = text[opening.kept :]
        if not thoughts:
            return []
        self._written.replace(text[: opening.kept])
        kept = opening.kept - len(self._request.partial)
        cut = Handover(opening.deployment, opening.deployment, RETRACTED, kept, opening.number)
        return [cut, *self._think(thoughts)]

    def _hand_over(self, opening: Opening, keep: int) -> Handover:
        opening.handed_over = True
        self._written.replace(self._written.text()[:keep])
        kept = max(0, keep - len(self._request.partial))
        return self._announcer.hand_over(opening.deployment, opening.number, opening.reason, kept)

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
        """A call has ended well. Raises UpstreamFailure if the result is not an answer."""
        held = opening.joint.feed(unfenced("".join(opening.held))) if opening.held else ""
        joint, text = opening.joint, held + opening.joint.finish()
        said = opening.said or bool(text.strip()) or (isinstance(joint, Restart) and bool(joint.keep))
        if self._rules is None:
            opening.calls.clear()  # of tools that the caller has not offered
        else:
            self._rules.check(opening.calls, alone=opening.request.sampling.get("parallel_tool_calls") is False)
        if not (said or opening.calls):
            continues = isinstance(joint, AfterPrefill | AfterInstruction | AfterGiven)
            restored = joint.restore() if isinstance(joint, AfterInstruction) and opening.handed_over else ""
            if not (continues and self._is_complete(finish, restored)):
                raise nothing_said(finish)
            text = restored
        if self._document is not None and not opening.calls:
            self._document.check(self._with(joint, text), finish.reason)
        out = [] if opening.begun else self.begin(opening)
        self.whole = True
        if isinstance(joint, AfterInstruction) and not text and not opening.handed_over:
            out.append(self._hand_over(opening, self._written.length))  # it has confirmed that everything is there
        self._calls = len(opening.calls)
        return [*out, *self._deliver(opening, text), *opening.calls]

    def _with(self, joint: Any, text: str) -> str:
        """The whole answer once `text` is delivered."""
        written = self._written.text()
        return (written[: joint.keep] if isinstance(joint, Restart) else written) + text

    def _is_complete(self, finish: Finish, restored: str) -> bool:
        """A continuation added nothing: believed at once if the text looks whole, else when a second one agrees."""
        if finish.reason is FinishReason.CONTENT_FILTER:
            return False
        agreed, self._nothing_to_add = self._nothing_to_add, True
        return agreed or looks_whole(self._written.text() + restored)

    def settle_for_less(self) -> Out | None:
        """No deployment can continue. None: the request fails; else the last events of an answer as whole as it gets."""
        if not self._nothing_to_add or len(self._route.deployments) > 1:
            return None  # one deployment with nothing to add does not turn half a sentence into an answer
        self.whole = True
        return []

    def finished(self, finish: Finish | None, deployment: str, journal: Journal) -> Finished:
        reason = finish.reason if finish is not None else FinishReason.STOP
        failed = tuple(journal.failed[:MOST_FAILED])
        length = self._written.length - len(self._request.partial)
        return Finished(
            reason, deployment, length, journal.first_token, journal.calls, failed, self._calls, tuple(journal.usage())
        )


def continued(request: ChatRequest, kept: str) -> ChatRequest:
    """The conversation with the half-finished answer, and the instruction to continue it."""
    turns = (Message(Role.ASSISTANT, (TextPart(kept),)), Message(Role.USER, (TextPart(CONTINUE_WORDS),)))
    return msgspec.structs.replace(request, messages=(*request.messages, *turns))


def nothing_said(finish: Finish) -> UpstreamFailure:
    if finish.reason is FinishReason.CONTENT_FILTER:
        return UpstreamFailure(FailureKind.CONTENT_REFUSED, "the provider's filter withheld the answer")
    return UpstreamFailure(FailureKind.BAD_RESPONSE, "the provider's answer was empty", status=200)
