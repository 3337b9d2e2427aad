"""Talking to the portable engine's server, played here by a bare socket."""

import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from promptbreeder.errors import ModelCrashed, ModelTimeout
from promptbreeder.models import loopback
from promptbreeder.models.engine import Interrupted
from promptbreeder.models.loopback import Loopback


class Server:
    """Answers one request with given bytes, or not at all, and keeps what it was sent."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer
        self.asked = b""
        self.hung_up = threading.Event()
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self) -> None:
        """Serve one connection until it is closed at the other end."""
        connection, _ = self.socket.accept()
        with connection:
            while not self.asked.endswith(b"}"):
                self.asked += connection.recv(1000)
            if self.answer:
                connection.sendall(self.answer)
                connection.shutdown(socket.SHUT_WR)
            if connection.recv(1) == b"":
                self.hung_up.set()


@pytest.fixture
def serve() -> Iterator[Callable[[bytes], Server]]:
    """Yield a maker of servers."""
    servers: list[Server] = []

    def make(answer: bytes = b"") -> Server:
        servers.append(Server(answer))
        return servers[-1]

    yield make
    for server in servers:
        server.thread.join()
        server.socket.close()


def http(body: bytes) -> bytes:
    """Return an answer of the protocol."""
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def post(server: Server, *, stopped: bool = False) -> object:
    """Post a question to a server."""
    return Loopback(server.address, "secret").post("/ask", {"question": "é"}, lambda: stopped)


def test_an_answer_is_what_the_server_sent(serve: Callable[..., Server]) -> None:
    """The question goes out as JSON with the key, and the answer comes back as an object."""
    server = serve(http(b'{"reply": 1}'))
    assert post(server) == {"reply": 1}
    assert server.asked.startswith(b"POST /ask ")
    assert b"Bearer secret" in server.asked


def test_whoever_has_gone_hangs_up(serve: Callable[..., Server]) -> None:
    """The server sees the connection close while it is still at work, which makes it stop."""
    server = serve()
    with pytest.raises(Interrupted):
        post(server, stopped=True)
    assert server.hung_up.wait(30)


def test_a_server_that_never_answers_is_given_up(serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch) -> None:
    """There is a deadline."""
    server = serve()
    monkeypatch.setattr(loopback, "_deadline", lambda: 0.0)
    with pytest.raises(ModelTimeout, match="no answer"):
        post(server)


@pytest.mark.parametrize("answer", [http(b"not JSON"), b"what?\r\n\r\n", http(b'{"error": "no"}')])
def test_a_senseless_answer_is_a_crash(serve: Callable[..., Server], answer: bytes) -> None:
    """Whatever goes wrong in talking to the server is an error of the backend."""
    with pytest.raises(ModelCrashed, match=r"llama\.cpp's server"):
        post(serve(answer))


def test_no_server_is_a_crash() -> None:
    """A refused connection is an error of the backend."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(ModelCrashed, match="does not answer"):
        Loopback(f"http://127.0.0.1:{port}", "secret").post("/ask", {}, lambda: False)
