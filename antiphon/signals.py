"""Signal handlers of an event loop on every platform: Windows has neither SIGHUP nor `loop.add_signal_handler`."""

import asyncio
import signal
from collections.abc import Callable, Iterable


def handle(loop: asyncio.AbstractEventLoop, names: Iterable[str], callback: Callable[[], object]) -> None:
    """Runs `callback` in the loop for each of these signals, such as "SIGTERM". A signal that does not exist is skipped."""
    for name in names:
        number = getattr(signal, name, None)
        if number is None:
            continue
        try:
            loop.add_signal_handler(number, callback)
        except NotImplementedError:
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(callback))
