"""Text for a reader that takes nothing back: a stream of server-sent events cannot cut what it has sent. Pure.

A continued answer is simply more text. If the service takes text back (a restart, or a continuation from the
beginning of the last word), the new text must first repeat what was sent; the reader gets what follows.
"""

from inference_service.routing.answer.written import Written


class Misaligned(Exception):
    """The new text differs from what was sent already."""


class Alignment:
    """`feed` returns what may be sent now; `cut` follows a handover; `finish` ends a whole answer."""

    def __init__(self) -> None:
        self._sent = Written()
        self._repeat = ""  # was sent, was taken back, and must be repeated

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
        """Raises Misaligned if the whole answer is shorter than what was sent."""
        if self._repeat:
            raise Misaligned


class Cutting:
    """The same for an answer sent in one piece: it is cut as the service says."""

    def __init__(self) -> None:
        self.written = Written()

    def feed(self, text: str) -> str:
        self.written.add(text)
        return ""

    def cut(self, keep: int) -> None:
        self.written.replace(self.written.text()[:keep])

    def finish(self) -> None:
        """It is always aligned."""
