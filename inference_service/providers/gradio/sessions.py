"""Which session of an app remembers which conversation, for apps that keep the history on their side. Pure.

A conversation is known by a digest of the caller, every word and every picture, never by the words. Once an answer
is whole, its session serves the request that continues from there; any other request, even with the same words from
another person, starts a new session. Replicas of the service do not share sessions: a conversation from another
replica starts anew, with the history in the question.
"""

import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Sequence

from inference_service.domain import Caller, ImagePart, Message

MOST = 1_000  # conversations
KEPT = 1_800.0  # seconds without use


class Sessions:
    """Times are seconds of any monotonic clock. `app` changes with each restart of the app."""

    def __init__(self) -> None:
        self._known: OrderedDict[bytes, tuple[str, float]] = OrderedDict()

    def find(self, app: str, caller: Caller, history: Sequence[Message], now: float) -> str | None:
        """The session with exactly this history; it is removed, because its history will grow."""
        session, at = self._known.pop(_digest(app, caller, history), ("", now - KEPT))
        return session if session and now - at < KEPT else None

    def keep(self, app: str, caller: Caller, history: Sequence[Message], session: str, now: float) -> None:
        self._known[_digest(app, caller, history)] = (session, now)
        while len(self._known) > MOST:
            self._known.popitem(last=False)


def fresh() -> str:
    return secrets.token_hex(16)


def _digest(app: str, caller: Caller, history: Sequence[Message]) -> bytes:
    digest = hashlib.blake2b(digest_size=16)

    def add(kind: bytes, data: bytes) -> None:  # with its length, so that no two conversations are encoded alike
        digest.update(kind + len(data).to_bytes(8) + data)

    for text in (app, caller.name, caller.tenant_id, caller.user_id):
        add(b"w", text.encode())
    for turn in history:
        add(b"r", turn.role.value.encode())
        for part in turn.parts:
            if isinstance(part, ImagePart):
                add(b"i", part.data)
        add(b"t", turn.text.strip().encode())
    return digest.digest()
