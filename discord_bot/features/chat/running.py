"""What is running now: one question at a time per conversation, and no turn answered twice at once."""

import asyncio
from weakref import WeakValueDictionary

from discord_bot.features.chat import passing
from discord_bot.features.chat.answer import Answer
from discord_bot.features.chat.naming import Titles
from discord_bot.features.chat.places import FollowupChannel
from discord_bot.i18n import t
from discord_bot.services import Services
from discord_bot.store.turns import State


class Running:
    def __init__(self, services: Services, titles: Titles) -> None:
        self._services, self._titles = services, titles
        self.answers: dict[int, Answer] = {}  # by turn
        self.closing = False
        self._lines = WeakValueDictionary[int, asyncio.Lock]()
        self._claimed: dict[int, object] = {}

    async def run(self, *answers: Answer) -> None:
        """Runs all of them to their end. Several answers to one question appear side by side."""
        # While they wait, an erasure, a shutdown and a restored connection must reach them, too.
        self.answers |= {answer.turn.id: answer for answer in answers}
        if self.closing:
            self._interrupt()
        try:
            async with self.line(answers[0].request.conversation.place_id):
                await asyncio.gather(*map(self._run, answers))
        finally:
            self.answers = {number: answer for number, answer in self.answers.items() if answer not in answers}

    async def _run(self, answer: Answer) -> None:
        channel = answer.request.channel
        if isinstance(channel, FollowupChannel):
            note = passing.note(self._services, answer.turn.id, channel.interaction)
            self._services.tasks.spawn(note, "interaction")
        try:
            with self._services.metrics.running.track_inprogress():
                await answer.run()
        finally:
            self._claimed.pop(answer.turn.id, None)
            answer.done.set()
        if isinstance(channel, FollowupChannel):
            await passing.forget(self._services, answer.turn.id)
        self._titles.answered(answer.request.conversation.place_id, answer.turn, answer.request.ticket)

    def close(self) -> list[Answer]:
        """Shutdown: every answer says so, and none begins. Returns those that are still running."""
        self.closing = True
        self._interrupt()
        return list(self.answers.values())

    def _interrupt(self) -> None:
        for answer in self.answers.values():
            answer.stop(t(answer.turn.locale, "state-restart"), State.INTERRUPTED)

    def line(self, place_id: int) -> asyncio.Lock:
        """Held while anything is answered in the conversation."""
        return self._lines.setdefault(place_id, asyncio.Lock())

    def is_busy(self, place_id: int) -> bool:
        return self.line(place_id).locked()

    def claim(self, turn_id: int) -> object | None:
        """Claims a turn before it is answered again; None: it is being answered already. Released when the answer is complete."""
        if turn_id in self._claimed:
            return None
        claim = self._claimed[turn_id] = object()
        return claim

    def release(self, turn_id: int, claim: object | None) -> None:
        """A claim that led to nothing."""
        if claim is not None and self._claimed.get(turn_id) is claim:
            del self._claimed[turn_id]

    async def standing(self, turn_id: int) -> bool:
        """False while the turn is being answered; if its answer is posted, waits until that is stored."""
        running = self.answers.get(turn_id)
        if running is None:
            return True
        if not running.ending:
            return False
        await running.done.wait()
        return True

    def forget_person(self, user_id: int) -> None:
        """The person's data was erased: running answers are not stored again."""
        for answer in self.answers.values():
            if user_id in answer.people | answer.turn.people:
                answer.forgotten = True
