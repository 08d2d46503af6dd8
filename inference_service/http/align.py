"""Text for a reader that takes nothing back: a stream of Server-Sent Events cannot cut what it has sent. Pure.

A continued answer is simply more text. Where the service takes text back (a restart, or a continuation from the last
word's beginning), the new text must first repeat what has left; the reader gets what follows.
"""

from inference_service.routing.answer.written import Written


class Misaligned(Exception):
    """The new text differs from what has left already."""


class Alignment:
    """`feed` returns what may leave now; `cut` follows a handover; `finish` ends a whole answer."""

    def __init__(self) -> None:
        self._sent = Written()
        self._repeat = ""  # has left, was taken back, and must be said again

    def feed(self, text: str) -> str:
        """Raises Misaligned."""
        if self._repeat:
            size = min(len(text), len(self._repeat))
            if text[:size] != self._repeat[:size]:
                raise Misaligned
            self._repeat, text = self._repeat[size:], text[size:]
        if text:
            self._sent.add(text)
        return text

    def cut(self, keep: int) -> None:
        """The answer was cut to `keep` characters."""
        self._repeat = self._sent.text()[keep:]

    def finish(self) -> None:
        """Raises Misaligned where the whole answer is shorter than what has left."""
        if self._repeat:
            raise Misaligned


class Cutting:
    """The same for an answer that leaves in one piece: it is cut as the service says."""

    def __init__(self) -> None:
        self.written = Written()

    def feed(self, text: str) -> str:
        self.written.add(text)
        return ""

    def cut(self, keep: int) -> None:
        self.written.replace(self.written.text()[:keep])

    def finish(self) -> None:
        """It is always aligned."""
