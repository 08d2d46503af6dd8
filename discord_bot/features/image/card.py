"""The text of a picture job from start to finish, as pure functions of its state."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Self

from antiphon.events import Handover, Notice, Progress
from discord_bot.i18n import t
from discord_bot.notices import notice_text

BAR = 12
SHOWN_PROMPT = 300
LEAST_STEP = 0.03
"""A smaller step forward is not worth an edit."""


@dataclass(frozen=True)
class Drawing:
    """What is known about a running job."""

    prompt: str
    stage: str = ""
    fraction: float | None = None
    queue_position: int | None = None
    eta: float | None = None
    handovers: int = 0
    notices: tuple[Notice, ...] = field(default=())

    def after(self, event: Progress | Handover | Notice) -> Self:
        match event:
            case Progress():
                return replace(
                    self,
                    stage=event.stage,
                    fraction=event.fraction,
                    queue_position=event.queue_position,
                    eta=event.eta,
                )
            case Handover():
                # The next deployment starts from nothing, and the bar says so.
                return replace(
                    self, stage="", fraction=None, queue_position=None, eta=None, handovers=self.handovers + 1
                )
            case Notice():
                if event in self.notices:
                    return self
                return replace(self, notices=(*self.notices, event))

    def worth_showing_after(self, shown: Self) -> bool:
        """Whether a person would miss the difference."""
        if (self.stage, self.queue_position, self.handovers) != (shown.stage, shown.queue_position, shown.handovers):
            return True
        if self.fraction is None or shown.fraction is None:
            return self.fraction != shown.fraction
        return abs(self.fraction - shown.fraction) >= LEAST_STEP


def shorten(text: str, limit: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def progress_text(locale: str, drawing: Drawing) -> str:
    lines = [t(locale, "image-drawing", prompt=quoted(drawing.prompt))]
    if drawing.handovers:
        lines.append(f"-# {t(locale, 'image-handover')}")
    lines.append(f"-# {_state_line(locale, drawing)}")
    return "\n".join(lines)


def _state_line(locale: str, drawing: Drawing) -> str:
    eta = t(locale, "image-eta", seconds=max(1, round(drawing.eta))) if drawing.eta is not None else ""
    if drawing.queue_position:
        return " · ".join(part for part in (t(locale, "image-queued", position=drawing.queue_position), eta) if part)
    stage = stage_word(locale, drawing.stage)
    if drawing.fraction is None:
        return " · ".join(part for part in (stage, eta) if part)
    percent = round(100 * min(1.0, max(0.0, drawing.fraction)))
    filled = percent * BAR // 100
    bar = "▰" * filled + "▱" * (BAR - filled)
    return " · ".join(part for part in (f"{bar} {percent} %", stage, eta) if part)


def stage_word(locale: str, stage: str) -> str:
    """Our own word for the common stages. Any other is in the provider's language, so it is shown as drawing."""
    word = stage if stage in {"", "queued", "loading"} else "generating"
    return t(locale, f"image-stage-{word or 'starting'}")


def quoted(prompt: str) -> str:
    """The prompt as plain words in one line: its markup must not affect ours."""
    text = shorten(prompt, SHOWN_PROMPT)
    for mark in ("\\", "*", "_", "~", "|", "`", ">", "#", "[", "]"):
        text = text.replace(mark, "\\" + mark)
    return text


def recalled(content: str, descriptions: Sequence[str | None]) -> str:
    """The prompt of a picture whose words are not stored, from the message that shows it; empty if it is cut off."""
    if descriptions and descriptions[0]:
        text = descriptions[0].rpartition(" (")[0] if len(descriptions) > 1 else descriptions[0]
    else:
        match = SHOWN.search(content.partition("\n")[0])
        text = re.sub(r"\\(.)", r"\1", match[1] or match[2]) if match else ""
    return "" if text.endswith("…") else text


SHOWN = re.compile(r"[“«](.+)[”»]|^\*\*(.+)\*\*$")


@dataclass(frozen=True)
class Result:
    model: str
    width: int
    height: int
    steps: int | None
    seed: int | None
    seconds: float
    count: int


def finished_text(locale: str, prompt: str, result: Result, notices: tuple[Notice, ...], *, footer: bool) -> str:
    lines = [f"**{quoted(prompt)}**"]
    remarks = dict.fromkeys(notice_text(locale, notice, result.model) for notice in notices)
    lines += [f"-# {text}" for text in list(filter(None, remarks))[:3]]
    if footer:
        facts = [result.model, f"{result.width}×{result.height}"]
        if result.steps:
            facts.append(t(locale, "image-steps", steps=result.steps))
        if result.seed is not None:
            facts.append(t(locale, "image-seed", seed=str(result.seed)))
        facts.append(t(locale, "image-seconds", seconds=f"{result.seconds:.1f}"))
        lines.append(f"-# {' · '.join(facts)}")
    return "\n".join(lines)


def alt_text(locale: str, prompt: str, index: int, count: int) -> str:
    """For people who cannot see the picture; Discord allows 1,024 characters."""
    prompt = " ".join(prompt.split())
    if count == 1:
        return shorten(prompt, 1_024)
    place = t(locale, "image-alt-place", index=index + 1, count=count)
    return f"{shorten(prompt, 1_000 - len(place))} ({place})"


def preview_alt_text(locale: str, fraction: float | None) -> str:
    if fraction is None:
        return t(locale, "image-preview-alt-unknown")
    return t(locale, "image-preview-alt", percent=round(100 * fraction))
