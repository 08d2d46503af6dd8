"""The reasoning of one answer, whichever attempts it comes from. Pure.

A caller cannot be asked to take reasoning back. So an attempt that begins by thinking everything that the attempt before
it has thought, as a deployment does that is asked a second time, shows only what is new.
"""

from inference_service.routing.answer.splice import AfterPrefill, Fresh
from inference_service.routing.answer.written import Written


class Thoughts:
    """Tell it when an attempt begins to answer, and feed it the reasoning; deliver what comes out."""

    def __init__(self) -> None:
        self._shown = Written()  # of the attempt that answers now
        self._earlier = ""  # all that an attempt before it has thought
        self._joint: Fresh | AfterPrefill = Fresh()

    def begin(self) -> None:
        """Another attempt begins to answer."""
        shown = self._shown.text()
        if not self._earlier.startswith(shown):
            self._earlier = shown
        self._shown = Written()
        self._joint = AfterPrefill(self._earlier, echoes=None) if self._earlier else Fresh()

    def feed(self, text: str) -> str:
        self._shown.add(text)
        return self._joint.feed(text)
