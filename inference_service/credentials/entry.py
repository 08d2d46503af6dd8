"""What calls take of a window, and between which moments they have reached their provider. Pure."""

LONGEST_SLACK = 1.0  # seconds
GONE = -1.0
FAR = 1e11  # later than any window ends


def slack_of(length: float) -> float:
    """How far our clock and the provider's may be apart, and how long a call is expected to be on its way."""
    return min(LONGEST_SLACK, max(0.05, length / 20))


class Entry:
    """What a call takes of a window, or several that are close together.

    began: when the first of them may have arrived. leaves: when they leave the window, or are expected to; GONE: they have.
    unaccepted: how many of them the provider has not accepted yet; these may still be on their way.
    accepted_at: when it accepted the latest of the others.
    """

    __slots__ = ("accepted_at", "amount", "began", "leaves", "unaccepted")

    def __init__(self, amount: float, began: float, leaves: float, *, unaccepted: int = 0) -> None:
        self.amount, self.began, self.leaves, self.unaccepted = amount, began, leaves, unaccepted
        self.accepted_at = 0.0 if unaccepted else began
