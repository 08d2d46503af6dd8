"""How long a connection may live: it must greet, answer a probe when it is silent, and give way when it is old."""

import asyncio
import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inference_service.transport.session import Session

GREETING = 10.0  # seconds from the connection to the caller's settings
ANSWER = 20.0  # seconds for a probe
PING_PAUSE = 10.0  # seconds between a caller's own pings; an answer in between allows another
STRIKES = 2
SPREAD = 0.1  # of the age, so that connections that came together do not leave together


class Watch:
    """`heard`: loop time of the last bytes. One timer for all bounds."""

    def __init__(self, session: "Session") -> None:
        self.heard = self._began = session.loop.time()
        self.greeted = False
        self._session = session
        settings = session.settings
        self._keepalive = settings.keepalive
        self._age = settings.connection_age * random.uniform(1 - SPREAD, 1 + SPREAD)
        self._most_age = self._age + max(settings.chat_deadline, settings.image_deadline) + 5
        self._probed: float | None = None
        self._pinged, self._strikes = -PING_PAUSE, 0
        self._timer: asyncio.TimerHandle | None = session.loop.call_later(min(GREETING, self._age), self._look)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        session, now = self._session, self._session.loop.time()
        age, silence = now - self._began, now - self.heard
        if (not self.greeted and age >= GREETING) or age >= self._most_age:
            session.give_up()
            return
        if self._probed is not None and self.heard > self._probed:
            self._probed = None
        if self._probed is None and silence >= self._keepalive:
            self._probed = now
            session.probe()
        elif self._probed is not None and now - self._probed >= min(ANSWER, self._keepalive):
            session.give_up()
            return
        if age >= self._age:
            session.leave()
        due = self._probed + min(ANSWER, self._keepalive) if self._probed is not None else self.heard + self._keepalive
        ends = self._most_age if age >= self._age else self._age
        if not self.greeted:
            ends = min(ends, GREETING)
        self._timer = session.loop.call_later(max(0.01, min(due - now, ends - age)), self._look)

    def pinged(self) -> bool:
        """Whether the caller pings too often, by the rules that gRPC's own servers have."""
        now = self._session.loop.time()
        if now - self._pinged < PING_PAUSE:
            self._strikes += 1
        self._pinged = now
        return self._strikes > STRIKES

    def answered(self) -> None:
        """An answer was sent: a ping that measures the line is right to come."""
        self._pinged, self._strikes = -PING_PAUSE, 0
