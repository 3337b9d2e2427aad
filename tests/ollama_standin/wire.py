"""HTTP: connections, bodies in and out, and whether the client is still there."""

import json
import select
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from ollama_standin.errors import ApiError, ClientGone
from ollama_standin.runner import POLL_SECONDS

NDJSON = "application/x-ndjson"
JSON = "application/json; charset=utf-8"
BARE_JSON = "application/json"
PLAIN = "text/plain"


class Exchange(BaseHTTPRequestHandler):
    """One connection with its requests, one after the other; each is handed to the server's `serve`."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: "Wire"  # pyright: ignore[reportIncompatibleVariableOverride]  # nothing else makes one
    data: bytes

    def gone(self) -> bool:
        """Tell whether the client has closed the connection, or the server is about to."""
        if self.server.closing:
            return True
        readable, _, _ = select.select([self.connection], [], [], 0)
        try:
            return bool(readable) and not self.connection.recv(1, socket.MSG_PEEK)
        except OSError:
            return True

    def wait(self, event: threading.Event) -> None:
        """Wait for an event; raise ClientGone if the client does not."""
        while not event.wait(POLL_SECONDS):
            if self.gone():
                raise ClientGone

    def json(self) -> Any:  # noqa: ANN401 - what a client sends
        """Return the body; ApiError 400 if it is none."""
        if not self.data:
            raise ApiError(400, "missing request body")
        try:
            return json.loads(self.data)
        except ValueError as error:
            raise ApiError(400, f"invalid character: {error}") from error

    def json_or_none(self) -> Any:  # noqa: ANN401
        """Return the body if it is JSON. The client calls files JSON too, so that its word does not count."""
        try:
            return json.loads(self.data)
        except ValueError:
            return None

    def send(self, status: int, body: bytes | str | object, kind: str = JSON) -> None:
        """Send a whole answer: bytes, a text, or an object as JSON."""
        if not isinstance(body, bytes | str):
            body = compact(body)
        data = body.encode() if isinstance(body, str) else body
        self.send_response(status)
        if data:
            self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def send_garbled(self) -> None:
        """Send what says to be compressed and is not."""
        self.send_response(200)
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"none")

    def stream(self, lines: Iterator[object]) -> None:
        """Send objects as they come, one a line. An error before the first has its status; later it is a line."""
        try:
            first = next(lines, None)
        except ApiError as error:
            self.send(error.status, {"error": error.message}, BARE_JSON)
            return
        self.send_response(200)
        self.send_header("Content-Type", NDJSON)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            if first is not None:
                self._line(first)
                for line in lines:
                    self._line(line)
        except ApiError as error:
            self._line({"error": error.message})
        self.wfile.write(b"0\r\n\r\n")

    def drop(self) -> None:
        """Close the connection without a word."""
        self.close_connection = True

    def _line(self, line: object) -> None:
        data = compact(line).encode() + b"\n"
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def _read(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        data = b""
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            data += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return data

    def _serve(self) -> None:
        self.data = self._read()
        try:
            self.server.serve(self)
        except (ClientGone, ConnectionError):
            self.close_connection = True

    do_GET = do_HEAD = do_POST = do_DELETE = do_PUT = do_PATCH = _serve  # noqa: N815 - the base class's names

    def handle(self) -> None:
        """Serve requests until either side closes."""
        self.server.connections.add(self.connection)
        try:
            # Accepted while the server hung up on the others: nobody would close this one.
            if not self.server.closing:
                super().handle()
        except ConnectionError:
            pass
        finally:
            self.server.connections.discard(self.connection)

    def send_response(self, code: int, message: str | None = None) -> None:
        """Begin an answer, as Go does: without the name of the server."""
        self.send_response_only(code, message)
        self.send_header("Date", self.date_time_string())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Be silent."""


class Wire(ThreadingHTTPServer):
    """Listens on a loopback port; a thread a connection."""

    daemon_threads = False
    request_queue_size = 128

    def __init__(self, port: int, serve: Callable[[Exchange], None]) -> None:
        super().__init__(("127.0.0.1", port), Exchange)
        self.serve = serve
        self.closing = False
        self.connections: set[socket.socket] = set()
        self._loop = threading.Thread(target=self.serve_forever, args=(POLL_SECONDS,))
        self._loop.start()

    def hang_up(self) -> None:
        """Refuse new connections and close the open ones, from any thread."""
        self.closing = True
        self.shutdown()
        self._loop.join()
        self.socket.close()
        for connection in list(self.connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:  # closed meanwhile
                continue

    def join(self) -> None:
        """Wait for the threads of all connections, after `hang_up`."""
        self.server_close()


def compact(value: object) -> str:
    """Return JSON as Go writes it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
