"""The best possible number of answered requests, for a caller that knows every counter and clock and has no network delay."""

from collections import deque
from collections.abc import Sequence

from inference_service.quotas import Quota
from inference_service.rehearsal.provider import Upstream


def optimum(arrivals: Sequence[float], patience: float, keys: int, quotas: Sequence[Quota], lasting: float) -> int:
    """Whoever has waited longest goes first, as soon as any key has room."""
    upstream = Upstream(quotas)
    names = [f"k{n}" for n in range(keys)]
    coming, waiting, leaving = deque(arrivals), deque[float](), deque[tuple[float, str]]()
    answered, now = 0, arrivals[0]
    step = max(0.1, patience / 300)
    while coming or waiting:
        while coming and coming[0] <= now:
            waiting.append(coming.popleft())
        while leaving and leaving[0][0] <= now:
            _, name = leaving.popleft()
            upstream.leave(name, name, "m")
        while waiting and waiting[0] + patience < now:
            waiting.popleft()
        while waiting:
            name = next((name for name in names if upstream.arrive(name, name, "m", 0, now) is None), "")
            if not name:
                break
            waiting.popleft()
            answered += 1
            leaving.append((now + lasting, name))
        now += step
    return answered
