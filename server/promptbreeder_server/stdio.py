"""Serving over stdio: stdout carries nothing but the protocol, and the end of stdin ends the process.

While it serves, the SDK keeps the protocol on a descriptor of its own and points descriptor 1 at stderr, so whatever
prints, native code included, misses the wire. What is still buffered when the process ends is never flushed.
"""

import logging
import os
import sys
import threading

import anyio

from promptbreeder_server.compose import compose
from promptbreeder_server.server import PromptServer
from promptbreeder_server.settings import Settings
from promptbreeder_server.stopping import stop_on_signal

EXIT_SECONDS = 1.5
"""What is not closed by then is closed by the operating system; leases that are not released run out."""


def serve(settings: Settings) -> None:
    """Serve until stdin ends or the process is told to stop, and exit."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    status = 0
    try:
        anyio.run(_serve, settings)
    except KeyboardInterrupt:
        status = 130
    except Exception:
        # Said here, since nothing after this prints a traceback.
        logging.getLogger(__name__).exception("the server ended")
        status = 1
    finally:
        logging.shutdown()
        # Native code may still be computing in a thread, and an interpreter that ends waits for its threads.
        os._exit(status)


async def _serve(settings: Settings) -> None:
    server = PromptServer(compose(settings), on_leaving=_leave_soon)
    async with anyio.create_task_group() as group:
        group.start_soon(stop_on_signal, group.cancel_scope.cancel)
        try:
            await server.run_stdio_async()
        finally:
            group.cancel_scope.cancel()


def _leave_soon() -> None:
    """End the process a moment from now, whatever still runs."""
    timer = threading.Timer(EXIT_SECONDS, os._exit, args=[0])
    timer.daemon = True
    timer.start()
