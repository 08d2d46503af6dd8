"""Splits incoming bytes into frames before the library sees them. Lengths are checked early, and frames that only cause
work are counted.

The library answers every frame at once and stores what the frame sets. So the limits are here: how much it receives per
turn of the event loop, and how many frames without content a connection may send.
"""

from jh2.errors import ErrorCodes

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEAD = 9
LARGEST = 16_384
DATA, HEADERS, SETTINGS, PING, GOAWAY = 0, 1, 4, 6, 7
END_STREAM, ACK = 0x1, 0x1
MOST_SETTINGS = 16 * 6  # bytes of a SETTINGS frame; one value per known setting
FRAMES_A_TURN = 64  # about ten milliseconds of work; then other connections get their turn
COSTS = {DATA: 0, HEADERS: 0, SETTINGS: 20}  # any other frame costs 1
SMALL = 32  # a DATA frame with less than this, and more to come, costs 1 too


class Violation(Exception):
    def __init__(self, code: ErrorCodes, text: str) -> None:
        super().__init__(text)
        self.code = code


class Allowance:
    """A budget that time and useful work refill, and that empty frames and quick resets use up."""

    def __init__(self, now: float, most: float = 2_000, per_second: float = 500) -> None:
        self._left, self._most, self._per_second, self._at = most, most, per_second, now

    def earn(self, amount: float) -> None:
        self._left = min(self._most, self._left + amount)

    def spend(self, amount: float, now: float) -> None:
        """Raises Violation."""
        self.earn((now - self._at) * self._per_second)
        self._at = now
        self._left -= amount
        if self._left < 0:
            raise Violation(ErrorCodes.ENHANCE_YOUR_CALM, "too many frames without content")


class Frames:
    """Collects the bytes of one connection into whole frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._greeted = False
        self.more = False  # whole frames were left over after the last turn

    def add(self, data: bytes) -> None:
        self._buffer += data

    def turn(self, allowance: Allowance, now: float) -> list[bytes]:
        """The whole frames for one turn. Raises Violation."""
        buffer, taken, cost, end = self._buffer, [], 0, 0
        if not self._greeted:
            if not PREFACE.startswith(buffer[: len(PREFACE)]):
                raise Violation(ErrorCodes.PROTOCOL_ERROR, "this port speaks HTTP/2 with prior knowledge")
            if len(buffer) < len(PREFACE):
                return []
            self._greeted, end = True, len(PREFACE)
            taken.append(PREFACE)
        while len(buffer) - end >= HEAD and len(taken) < FRAMES_A_TURN:
            length = int.from_bytes(buffer[end : end + 3], "big")
            kind, flags = buffer[end + 3], buffer[end + 4]
            if length > LARGEST or (kind == SETTINGS and length > MOST_SETTINGS):
                raise Violation(ErrorCodes.FRAME_SIZE_ERROR, "a frame is too long")
            if len(buffer) - end < HEAD + length:
                break
            # The library closes the connection on GOAWAY, but a caller that opens no more streams still reads its answers.
            if kind != GOAWAY or any(buffer[end + 5 : end + HEAD]):
                taken.append(bytes(buffer[end : end + HEAD + length]))
            cost += 1 if kind == DATA and length < SMALL and not flags & END_STREAM else COSTS.get(kind, 1)
            end += HEAD + length
        allowance.spend(cost, now)
        self.more = len(taken) == FRAMES_A_TURN
        del buffer[:end]
        return taken
