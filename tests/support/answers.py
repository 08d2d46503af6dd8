"""A caller of the chat assembler, who does with its events what every client does."""

from collections.abc import Sequence
from typing import Any, cast

import msgspec
import pytest

from inference_service.domain import (
    Capabilities,
    ChatRequest,
    Delta,
    Finish,
    FinishReason,
    Handover,
    Message,
    OnInterruption,
    Role,
    TextPart,
)
from inference_service.failures import FailureKind, UpstreamFailure
from inference_service.providers.seam import Provider
from inference_service.routing.answer.chat import ChatAnswer, Opening
from inference_service.routing.decide import Standing
from inference_service.routing.journal import Journal
from inference_service.routing.learned import Learned
from inference_service.routing.plan import Deployment, Route
from inference_service.settings import Sampling

K = FailureKind
STOP, LENGTH, FILTER, OTHER = (
    Finish(FinishReason.STOP), Finish(FinishReason.LENGTH), Finish(FinishReason.CONTENT_FILTER), Finish(FinishReason.OTHER),
)  # fmt: skip
CONTINUE, RESTART, FAIL = OnInterruption.CONTINUE, OnInterruption.RESTART, OnInterruption.FAIL
NOW = 50.0
BOTH = Sampling({"seed": 5, "temperature": 0.5})
BEGUN = "The ice creeps over the ground because calm"
REST = " water freezes first."


class Declared:
    """A provider of which only the declaration matters."""

    def __init__(self, can: Capabilities) -> None:
        self._can = can

    def capabilities(self, _: str) -> Capabilities:
        return self._can


def deployment(name: str, **can: Any) -> Deployment:
    return Deployment(name, cast("Provider", Declared(Capabilities(chat=True, **can))), name.partition("/")[2])


A, B, C = deployment("p/a"), deployment("q/b"), deployment("r/c")
PREFILLS = deployment("q/prefills", prefill=True)
REQUEST = ChatRequest("id", "chat", (Message(Role.USER, (TextPart("Tell me about ice."),)),))


class Caller:
    """A request and its caller, who does what every client does: append the deltas, cut on handover."""

    def __init__(
        self,
        *,
        mode: OnInterruption | None = None,
        learned: Learned | None = None,
        by_words: Sequence[str] = (),
        request: dict[str, Any] | None = None,
        **more: Any,
    ) -> None:
        """request: other fields of the request. more: of the route."""
        self.learned = learned or Learned()
        route = Route("chat", (), continue_by_instruction=frozenset(by_words), **more)
        self.answer = ChatAnswer(
            msgspec.structs.replace(REQUEST, on_interruption=mode, **(request or {})), route, self.learned
        )
        self.journal = Journal(arrived=0.0)
        self.text = ""
        self.seen: list[Any] = []

    def opens(self, by: Deployment, reason: str = "", standing: Standing | None = None) -> Opening:
        entry = self.journal.begin(by.name, "key", NOW)
        return self.answer.opening(by, standing or Standing(), entry.number, reason, NOW)

    def gets(self, events: list[Any]) -> None:
        self.seen += events
        for event in events:
            if isinstance(event, Delta):
                self.text += event.text
            elif isinstance(event, Handover):
                assert 0 <= event.keep_chars <= len(self.text)
                self.text = self.text[: event.keep_chars]

    def hears(self, opening: Opening, *said: Any) -> None:
        """Does what the request loop does with the events of a call. A text is a delta."""
        for item in said:
            if isinstance(item, Finish):
                self.gets(self.answer.end(opening, item))
                continue
            if not opening.begun:
                self.gets(self.answer.begin(opening))
            self.gets(self.answer.accept(opening, Delta(item) if isinstance(item, str) else item))

    def says(self, by: Deployment, *said: Any, reason: str = "") -> Opening:
        opening = self.opens(by, reason)
        self.hears(opening, *said)
        return opening

    def finished(self, finish: Finish | None = STOP) -> Any:
        return self.answer.finished(finish, "p/a", self.journal)

    def checks_out(self) -> None:
        assert self.finished().total_chars == len(self.text)

    @property
    def handovers(self) -> list[Handover]:
        return [event for event in self.seen if isinstance(event, Handover)]


def broken(by: Deployment = A, *said: Any, **more: Any) -> Caller:
    """A caller whose answer broke off."""
    caller = Caller(**more)
    caller.says(by, *(said or (BEGUN,)))
    return caller


def fails(caller: Caller, opening: Opening, finish: Finish = STOP) -> FailureKind:
    with pytest.raises(UpstreamFailure) as caught:
        caller.hears(opening, finish)
    assert not caller.answer.whole
    return caught.value.kind
