"""One question with its answer. A question consists of parts, and each part belongs to the person who wrote it."""

from dataclasses import dataclass, field
from enum import StrEnum


class State(StrEnum):
    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    MISSED = "missed"
    DELETED = "deleted"


ENDED = (State.DONE, State.STOPPED, State.INTERRUPTED)
"""States in which an answer, or a part of one, stands in Discord."""


class PartKind(StrEnum):
    SAID = "said"
    """Written to the bot."""
    QUOTED = "quoted"
    """What the question points at: a message replied to, forwarded or linked."""
    FILE = "file"
    """The text of an attachment."""
    CONTEXT = "context"
    """What was said in the channel before."""


@dataclass(frozen=True)
class Part:
    author_id: int
    author_name: str
    text: str
    kind: PartKind = PartKind.SAID


@dataclass(frozen=True)
class Attached:
    """A picture and the person who attached it."""

    author_id: int
    mime: str
    data: bytes


@dataclass
class Turn:
    """Words are in memory while the turn is in use; whether they are stored is decided at each write."""

    id: int
    conversation_id: int
    asker_id: int
    state: State
    locale: str
    channel_id: int
    parts: list[Part] = field(default_factory=list)
    images: list[Attached] = field(default_factory=list)
    """Loaded by `Conversations.images`; a new turn has them from the beginning."""
    answer: str = ""
    reasoning: str = ""
    deployment: str = ""
    question_ids: list[int] = field(default_factory=list)
    message_ids: list[int] = field(default_factory=list)
    former: list[str] = field(default_factory=list)
    created_at: float = 0.0
    parent_id: int | None = None
    model: str | None = None
    """Asked for this turn alone, as in a comparison."""

    @property
    def question(self) -> str:
        """Only the text, for a title or a comparison."""
        return "\n\n".join(part.text for part in self.parts)

    @property
    def people(self) -> frozenset[int]:
        """Everybody whose words the question contains, and the asker."""
        return frozenset(
            (self.asker_id, *(part.author_id for part in self.parts), *(image.author_id for image in self.images))
        )

    @property
    def asks_something(self) -> bool:
        return any(part.text.strip() for part in self.parts) or bool(self.images)
