"""How an answer ends for its readers: the last lines below it, and its buttons. Pure."""

from dataclasses import dataclass

from antiphon import events
from discord_bot.features.chat.buttons import Offer
from discord_bot.features.chat.request import Request
from discord_bot.i18n import t
from discord_bot.problems import Problem
from discord_bot.rendering.plates import plates
from discord_bot.rendering.view import Look, contents, needs_file
from discord_bot.store.conversations import Kind
from discord_bot.store.turns import State


@dataclass(frozen=True)
class Stop:
    """Ended early by a person or by a shutdown."""

    sentence: str
    state: State


@dataclass(frozen=True)
class Ending:
    """What is known when an answer has ended."""

    stop: Stop | None
    problem: Problem | None
    reason: str
    """Why the model stopped; empty without an end."""

    @property
    def state(self) -> State:
        if self.stop is not None:
            return self.stop.state
        return State.FAILED if self.problem is not None else State.DONE

    def line(self, locale: str, footer: str) -> str:
        """The small line below the answer."""
        if self.stop is not None:
            return self.stop.sentence
        if self.problem is not None:
            return ""
        return {"length": t(locale, "state-cut-off"), "content_filter": t(locale, "state-filtered")}.get(
            self.reason, footer
        )

    def offer(self, request: Request, look: Look, *, shows_reasoning: bool, reads_messages: bool) -> Offer:
        """`shows_reasoning`, `reads_messages`: as the bot is configured."""
        turn, kind = request.turn, request.conversation.kind
        answered = bool(turn.answer)
        cut = self.stop is not None or self.problem is not None or self.reason == "length"
        return Offer(
            retry=self.problem is not None and self.problem.retry and not answered,
            resume=answered and cut,
            regenerate=answered or self.stop is not None,
            reasoning=bool(turn.reasoning) and shows_reasoning,
            file=len(contents(look, turn.locale)) > 2 and not needs_file(look),
            picture=bool(plates(turn.answer)),
            share=kind is Kind.PRIVATE and answered,
            fork=answered and request.conversation.guild_id is not None,
            reply=kind is Kind.THREAD and not reads_messages,
        )


def footer(usage: events.Usage, deployment: str, seconds: float, locale: str) -> str:
    """Which model answered, and how fast."""
    line = t(locale, "state-footer", model=deployment, seconds=f"{seconds:.1f}")
    # The speed of an instant answer means nothing.
    speed = usage.completion_tokens / seconds if seconds >= 1 else 0.0
    return f"{line} · {t(locale, 'state-speed', speed=round(speed))}" if speed >= 1 else line
