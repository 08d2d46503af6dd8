"""The facts of one request: every upstream call, what it used and how it ended. Pure: `now` is an argument.

The journal is written while the request runs and read once, at its end, however it ends.
"""

from dataclasses import dataclass, field

import msgspec

from inference_service.domain import AttemptRecord, Cost, Usage, UsageRecord
from inference_service.failures import UpstreamFailure
from inference_service.providers.catalogue.prices import Price

MOST_FAILED = 64  # failed calls that are listed one by one
SAMPLE = 400  # characters that show in which script an answer is written


@dataclass
class Entry:
    """One upstream call. Times are loop time in seconds."""

    deployment: str
    credential: str  # its masked name
    number: int  # from 1
    started: float
    hedge: bool = False
    answered: bool = False  # the provider accepted the call, so the prompt is paid for
    first_content: float | None = None
    spoke: bool = False  # the provider sent words of an answer
    characters: int = 0  # of answer and reasoning that the provider sent
    pictures: int = 0
    sample: str = ""
    usage: Usage | None = None
    failure: UpstreamFailure | None = None
    finished: bool = False
    discarded: bool = False  # none of it is in the answer
    price: Price | None = None  # of the deployment's model

    def first_content_after(self) -> float | None:
        """Seconds from the start of the call to its first content."""
        return None if self.first_content is None else self.first_content - self.started

    def ending(self) -> str | None:
        """None for success, a FailureKind value, "lost" (a hedge's loser) or "cancelled"."""
        if self.failure is not None:
            return self.failure.kind.value
        return None if self.finished else "lost" if self.discarded else "cancelled"


@dataclass
class Journal:
    """`prompt_tokens` is an estimate, used if a provider does not report."""

    arrived: float
    prompt_tokens: int = 0
    entries: list[Entry] = field(default_factory=list)
    failed: list[AttemptRecord] = field(default_factory=list)
    first_token: float | None = None  # seconds from the arrival of the request

    @property
    def calls(self) -> int:
        return len(self.entries)

    def begin(self, deployment: str, credential: str, now: float, *, hedge: bool = False) -> Entry:
        entry = Entry(deployment, credential, len(self.entries) + 1, now, hedge)
        self.entries.append(entry)
        return entry

    def fail(self, entry: Entry, failure: UpstreamFailure, now: float) -> None:
        """Records the failure of a call. The first one counts: later ones are only its consequences."""
        if entry.failure is not None:
            return
        entry.failure = failure
        if len(self.failed) < MOST_FAILED:
            record = AttemptRecord(entry.deployment, failure.kind.value, failure.status, now - entry.started)
            self.failed.append(record)

    def restart(self, winner: Entry) -> None:
        """The answer begins again: earlier calls are not part of it."""
        for entry in self.entries:
            entry.discarded = entry.discarded or entry is not winner

    def delivers(self, now: float) -> None:
        """Words or a picture are sent to the caller."""
        if self.first_token is None:
            self.first_token = now - self.arrived

    def usage(self) -> list[UsageRecord]:
        """What every call used: as reported, or estimated from what the provider sent. Calls that used nothing are left out."""
        records = []
        for entry in self.entries:
            if entry.usage is not None:
                usage = entry.usage
                if usage.images < entry.pictures:
                    usage = msgspec.structs.replace(usage, images=entry.pictures)
                records.append(UsageRecord(entry.deployment, usage, False, entry.discarded, cost(entry.price, usage)))
            elif entry.characters or entry.pictures or (entry.answered and entry.failure is None):
                usage = Usage(self.prompt_tokens, estimate(entry.characters, entry.sample), 0, entry.pictures)
                records.append(UsageRecord(entry.deployment, usage, True, entry.discarded, cost(entry.price, usage)))
        return records


def cost(price: Price | None, usage: Usage) -> Cost | None:
    """What it cost by the catalogue's price, if there is one."""
    if price is None:
        return None
    micros = price.micros(
        usage.prompt_tokens,
        usage.completion_tokens,
        cached=usage.cached_tokens,
        pictures=usage.images,
        seconds=usage.audio_seconds,
    )
    return Cost(micros, price.currency, price.date.isoformat())


LATIN, OTHER = 4.0, 2.0  # approximate characters per token


def estimate(characters: int, sample: str) -> int:
    """Tokens of a text of that many characters, in the script of the sample."""
    if not characters:
        return 0
    foreign = sum(1 for letter in sample if ord(letter) > 0x24F) / max(1, len(sample))
    return max(1, round(characters / (LATIN - (LATIN - OTHER) * foreign)))
