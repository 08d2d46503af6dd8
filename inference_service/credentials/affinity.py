"""Which credential a conversation prefers: the same in every process and after a restart. Pure.

Rendezvous hashing: each candidate gets a score from its own name and the conversation's, and the highest wins, so
adding or removing a credential moves only its own conversations. Large pools compare a few neighbours on a ring.
"""

from bisect import bisect_left
from hashlib import blake2b
from zlib import crc32

CANDIDATES = 12
MASK = 2**64 - 1


def score(conversation: str, name: str) -> int:
    mixed = (crc32(conversation.encode()) << 32 | crc32(name.encode())) * 0x9E3779B97F4A7C15 & MASK
    return ((mixed ^ mixed >> 29) * 0xBF58476D1CE4E5B9 & MASK) >> 16


class Ring:
    def __init__(self, names: tuple[str, ...]) -> None:
        self._ring = sorted((_place(name), name) for name in names)

    def candidates(self, conversation: str) -> list[str]:
        """The best first."""
        ring = self._ring
        start = bisect_left(ring, (_place(conversation), "")) if len(ring) > CANDIDATES else 0
        names = [ring[(start + step) % len(ring)][1] for step in range(min(CANDIDATES, len(ring)))]
        return sorted(names, key=lambda name: (score(conversation, name), name), reverse=True)


def _place(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest())
