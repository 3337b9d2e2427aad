"""Being told to stop: a signal becomes an ordinary cancellation, so that runs are paused and leases let go."""

import signal
from collections.abc import Callable

import anyio


async def stop_on_signal(stop: Callable[[], None]) -> None:
    """Call `stop` on SIGINT and SIGTERM, for as long as this runs."""
    try:
        with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
            async for _ in signals:
                stop()
    except NotImplementedError:
        # On Windows the event loop takes no signals: Ctrl-C interrupts it, and SIGTERM does not exist.
        return
