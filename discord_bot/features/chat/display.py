"""What people see of an answer while it grows: its text, its state, and small lines below."""

import time
import uuid

from antiphon import events
from discord_bot.features.chat import buttons
from discord_bot.features.chat.request import Request
from discord_bot.i18n import t
from discord_bot.notices import notice_text
from discord_bot.recent import Recent
from discord_bot.rendering.view import Look
from discord_bot.rendering.writer import Make, Writer
from discord_bot.services import Services

QUIET, RECENT = 25.0, 10.0  # seconds: edits notify nobody, so a late end is a new message, unless one was sent recently


class Display:
    """Nothing here waits for Discord except `finish` and `leave`."""

    def __init__(self, services: Services, request: Request, removals: Recent[int]) -> None:
        self._services, self._request = services, request
        self.notes = list(request.notices)
        self._writer = Writer(
            request.channel,
            request.turn.channel_id,
            services.paces,
            f"{request.turn.id}:{uuid.uuid4().hex[:8]}",
            request.turn.locale,
            reply_to=request.reply_to,
            known=request.known,
            sign_at=request.sign_at,
        )
        self._began = self._newest_message_at = time.monotonic()
        self._writer.on_messages = self._remember
        self._writer.on_removal = removals.add
        self._writer.on_first_text = lambda: services.metrics.first_text.observe(self.seconds)
        self._text = ""  # as it is shown, without the text that it continues
        self._restarted = ""  # the text from before a restart, which stays until the new one is as long
        self._thinking_since: float | None = None
        self._question = ""  # the permission that a tool needs
        self.ending = False

    @property
    def seconds(self) -> float:
        """Seconds since the answer began."""
        return time.monotonic() - self._began

    @property
    def was_quiet(self) -> bool:
        """It took long, and no new message has notified people."""
        return self.seconds > QUIET and time.monotonic() - self._newest_message_at > RECENT

    def on(self, event: events.ChatEvent, text: str, deployment: str) -> None:
        """`text`: all that was said so far."""
        locale = self._request.turn.locale
        match event:
            case events.Delta():
                self._text = self._restarted if len(text) < len(self._restarted) else text
                self._show()
            case events.Handover() if event.keep_chars == 0:
                self._restarted = self._restarted or self._text
            case events.Reasoning() if self._services.config.bot.reasoning:
                self._thinking_since = self._thinking_since or time.monotonic()
                seconds = int(time.monotonic() - self._thinking_since)
                if not text:
                    self.show_state(t(locale, "state-reasoning", seconds=seconds))
            case events.Progress() if not text:
                self.show_state(progress_line(event, locale))
            case events.Notice() if event.kind == "changed":
                self.notes.append(notice_text(locale, event, deployment))
            case _:
                pass

    def show_state(self, line: str) -> None:
        """A small line. The text that is continued stays visible."""
        self._writer.show(self._look(self._request.before, line), self._buttons)

    def note(self, line: str) -> None:
        """A small line that stays, such as a tool at work."""
        self.notes.append(line)
        self._show(t(self._request.turn.locale, "state-thinking"))

    def ask(self, question: str) -> None:
        """A tool's question, with *Allow*; empty: it was answered."""
        self._question = question
        self._show()

    def _show(self, line: str = "") -> None:
        self._writer.show(self._look(self._request.before + self._text, line), self._buttons)

    def _look(self, text: str, line: str) -> Look:
        if self._question:
            return Look(text=text, tail=self._question, notes=self.notes, most=self._request.most)
        return Look(text=text, line=line, notes=self.notes, most=self._request.most)

    @property
    def _buttons(self) -> Make:
        asks = bool(self._question)
        return lambda: buttons.live(self._request.turn, asks=asks)

    def _remember(self, ids: list[int]) -> None:
        turn, services = self._request.turn, self._services
        if len(ids) > len(turn.message_ids):
            self._newest_message_at = time.monotonic()
        turn.message_ids = list(ids)
        note = services.ledger.note("messages", lambda: services.store.conversations.update(turn))
        services.tasks.spawn(note, "messages")

    async def finish(self, look: Look, offer: buttons.Offer, whole: str = "", file_note: str = "") -> None:
        """The last update. Raises Undeliverable or Withdrawn."""
        request, self.ending = self._request, True
        await self._writer.finish(
            look, lambda: buttons.ended(request.turn, offer, passing=request.passing), whole, file_note
        )

    async def leave(self) -> None:
        """Leaves it as it is: its place is gone, or it is about to be overwritten."""
        await self._writer.leave()


def progress_line(event: events.Progress, locale: str) -> str:
    if event.stage == "waiting" and event.eta is not None:
        return t(locale, "state-waiting", seconds=max(1, round(event.eta)))
    if event.queue_position is not None:
        if event.eta is not None:
            return t(locale, "state-queued-eta", position=event.queue_position, seconds=max(1, round(event.eta)))
        return t(locale, "state-queued", position=event.queue_position)
    if event.stage == "waiting":
        return t(locale, "state-slow")
    return t(locale, "state-loading" if event.stage == "loading" else "state-working")
