"""Which session of an app remembers which conversation, for apps that keep what was said on their side. Pure.

A conversation is known by a digest of its words, never by the words. Once an answer is whole, its session is the one
in which a request that goes on from there is asked; any other request begins a new one.
"""

import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Sequence

from inference_service.domain import Message, Role

MOST = 1_000  # conversations
KEPT = 1_800.0  # seconds without a word


class Sessions:
    """Times are seconds of any monotonic clock. `app` is another text after each restart of the app."""

    def __init__(self) -> None:
        self._known: OrderedDict[bytes, tuple[str, float]] = OrderedDict()

    def find(self, app: str, history: Sequence[Message], now: float) -> str | None:
        """The session that remembers exactly this; it is given away, for it will have heard more."""
        session, at = self._known.pop(_digest(app, history), ("", now - KEPT))
        return session if session and now - at < KEPT else None

    def keep(self, app: str, history: Sequence[Message], session: str, now: float) -> None:
        self._known[_digest(app, history)] = (session, now)
        while len(self._known) > MOST:
            self._known.popitem(last=False)


def fresh() -> str:
    return secrets.token_hex(8)


def _digest(app: str, history: Sequence[Message]) -> bytes:
    made = hashlib.blake2b(app.encode(), digest_size=16)
    for turn in history:
        if turn.role is not Role.SYSTEM:
            made.update(f"\0{turn.role.value}\0{turn.text.strip()}".encode())
    return made.digest()
