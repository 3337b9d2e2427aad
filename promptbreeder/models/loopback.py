"""A client of the portable engine's own server on this machine: blocking calls that a caller can walk away from."""

import http.client
import json
import selectors
import time
from typing import Any
from urllib.parse import urlsplit

from promptbreeder.errors import ModelCrashed, ModelTimeout
from promptbreeder.models.engine import Interrupted, Stopped

_POLL_SECONDS = 0.1
_DEADLINE_SECONDS = 600.0


class Loopback:
    """Gets and posts JSON at one address, with a key. A connection a call: an idle one would be closed under us."""

    def __init__(self, address: str, key: str) -> None:
        """Name the server; nothing is sent yet."""
        parts = urlsplit(address)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json", "Connection": "close"}

    def get(self, route: str, stopped: Stopped) -> dict[str, Any]:
        """Return what is there; as `post`."""
        return self._ask("GET", route, None, stopped)

    def post(self, route: str, body: dict[str, Any], stopped: Stopped) -> dict[str, Any]:
        """Return the server's answer.

        When `stopped()` becomes true the connection is closed, upon which the server drops the work within a second.

        Raises:
            Interrupted: then.
            ModelTimeout: after ten minutes.
            ModelCrashed: if the server does not answer, or not with JSON.
        """
        return self._ask("POST", route, json.dumps(body), stopped)

    def _ask(self, method: str, route: str, body: str | None, stopped: Stopped) -> dict[str, Any]:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=_DEADLINE_SECONDS)
        try:
            connection.request(method, route, body, self._headers)
            # Watched from this thread: closing a connection that another one reads from would tell the server nothing.
            self._await(connection, stopped)
            answer: dict[str, Any] = json.loads(connection.getresponse().read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise ModelCrashed(f"llama.cpp's server does not answer: {error!r}") from error
        finally:
            connection.close()
        if "error" in answer:
            raise ModelCrashed(f"llama.cpp's server refused a request: {answer['error']}")
        return answer

    def _await(self, connection: http.client.HTTPConnection, stopped: Stopped) -> None:
        deadline = _deadline()
        with selectors.DefaultSelector() as selector:
            selector.register(connection.sock, selectors.EVENT_READ)
            while not selector.select(_POLL_SECONDS):
                if stopped():
                    raise Interrupted
                if time.monotonic() > deadline:
                    raise ModelTimeout(
                        f"the model gave no answer within {_DEADLINE_SECONDS:.0f} s; is the machine overloaded?"
                    )


def _deadline() -> float:
    return time.monotonic() + _DEADLINE_SECONDS
