"""The server."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields
from typing import Any, Self

from ollama_standin import answers, library
from ollama_standin.brain import Brain
from ollama_standin.errors import ApiError
from ollama_standin.faults import Faults
from ollama_standin.inference import Inference
from ollama_standin.journal import Journal
from ollama_standin.library import Library, Model
from ollama_standin.runner import Scheduler
from ollama_standin.wire import BARE_JSON, PLAIN, Exchange, Wire

_A_PAGE = "<!DOCTYPE html><html><body><h1>Bad gateway</h1></body></html>"
_RUNNING = "Ollama is running"


class StandIn:
    """Behaves like an Ollama server that holds `models`; a context manager.

    `slots` is Ollama's OLLAMA_NUM_PARALLEL, `queue` its OLLAMA_MAX_QUEUE.
    """

    def __init__(
        self,
        brain: Brain,
        models: Iterable[str | Model] = ("smollm2:135m",),
        version: str = "0.33.0",
        *,
        slots: int = 1,
        queue: int = 512,
    ) -> None:
        self.faults = Faults()
        self._journal = Journal()
        self._library = Library(self.faults)
        for model in models:
            self._library.put(model if isinstance(model, Model) else library.make_model(model))
        self._scheduler = Scheduler(self._journal, slots=slots, queue=queue)
        self._inference = Inference(brain, self._library, self._scheduler, self.faults, self._journal)
        self.version = version
        self._routes: dict[tuple[str, str], Callable[[Exchange], None]] = {
            ("GET", "/"): lambda exchange: exchange.send(200, _RUNNING, f"{PLAIN}; charset=utf-8"),
            ("GET", "/api/version"): lambda exchange: exchange.send(200, {"version": self.version}),
            ("GET", "/api/tags"): self._tags,
            ("GET", "/api/ps"): self._ps,
            ("POST", "/api/show"): self._show,
            ("DELETE", "/api/delete"): self._delete,
            ("POST", "/api/pull"): self._pull,
            ("POST", "/api/create"): self._create,
            ("POST", "/api/generate"): self._inference.serve,
            ("POST", "/api/chat"): self._inference.serve,
            ("POST", "/api/blobs"): self._upload,
            ("HEAD", "/api/blobs"): self._find_blob,
        }
        self._routes |= {("HEAD", path): self._routes["GET", path] for path in ("/", "/api/version", "/api/tags")}
        self._wire = Wire(0, self._serve)
        self._port = self._wire.server_port
        self.host = f"http://127.0.0.1:{self._port}"
        self._down = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop, and wait for everything that it was doing."""
        self.crash()
        self._wire.join()

    @property
    def version(self) -> str:
        """What /api/version says; log-probabilities exist since 0.12.11."""
        return self._inference.version

    @version.setter
    def version(self, version: str) -> None:
        self._inference.version = version

    @property
    def requests(self) -> list[tuple[str, str, Any]]:
        """All requests so far: method, path, and the JSON of the body, None without one."""
        return self._journal.requests

    @property
    def loads(self) -> int:
        """How many times a model was loaded; another `num_ctx`, `num_thread` or `num_batch` loads it again."""
        return self._journal.loads

    @property
    def aborted(self) -> int:
        """How many answers were given up because the client had gone."""
        return self._journal.aborted

    @property
    def held(self) -> int:
        """How many answers wait for `faults.hold` now."""
        return self._journal.held

    @property
    def waiting(self) -> int:
        """How many requests wait for a slot now."""
        return self._journal.waiting

    @property
    def registry(self) -> dict[str, Model]:
        """What can be pulled, by name."""
        return self._library.registry

    def wait_until(self, true: Callable[[], bool]) -> None:
        """Wait until something holds of what is counted here, such as `lambda: standin.aborted == 1`."""
        self._journal.wait_until(true)

    def add_model(self, name: str, digest: str | None = None, **fields: Any) -> Model:  # noqa: ANN401 - Model's
        """Add a model, or replace the one of that name by another digest; `fields` are those of `Model`."""
        model = library.make_model(name, digest, **fields)
        self._library.put(model)
        return model

    def remove_model(self, name: str) -> None:
        """Remove a model."""
        self._scheduler.unload(self._library.get(name))
        self._library.remove(name)

    def reset(self) -> None:
        """Forget requests, counters and loaded models, and switch all faults off."""
        self._journal.forget()
        for runner in self._scheduler.loaded():
            self._scheduler.unload(runner.model)
        for fault in fields(Faults):
            if not fault.name.startswith("_"):
                setattr(self.faults, fault.name, fault.default)

    def crash(self) -> None:
        """Close all connections and refuse new ones, as if the process had died; loaded models are gone."""
        if not self._down:
            self._down = True
            self._wire.hang_up()
            for runner in self._scheduler.loaded():
                self._scheduler.unload(runner.model)

    def revive(self) -> None:
        """Listen again, on the same port."""
        self._wire.join()
        self._wire = Wire(self._port, self._serve)
        self._down = False

    def _serve(self, exchange: Exchange) -> None:
        path = exchange.path.partition("?")[0]
        self._journal.record(exchange.command, path, exchange.json_or_none())
        if self.faults.hits(path) and self._spoilt(exchange):
            return
        known = "/api/blobs" if path.startswith("/api/blobs/") else path
        route = self._routes.get((exchange.command, known))
        if route is None:
            others = any(known == other for _, other in self._routes)
            exchange.send(*((405, "405 method not allowed") if others else (404, "404 page not found")), PLAIN)
            return
        try:
            route(exchange)
        except ApiError as error:
            exchange.send(error.status, {"error": error.message})

    def _spoilt(self, exchange: Exchange) -> bool:
        if self.faults.strikes("drop"):
            exchange.drop()
        elif self.faults.strikes("busy"):
            exchange.send(503, {"error": "server busy, please try again.  maximum pending requests exceeded"})
        elif self.faults.strikes("html"):
            exchange.send(200, _A_PAGE, "text/html; charset=utf-8")
        elif self.faults.strikes("strange"):
            exchange.send(200, {"done": True, "response": "Hi", "prompt_eval_count": "many"})
        elif self.faults.strikes("garbled"):
            exchange.send_garbled()
        elif self.faults.strikes("crash"):
            exchange.drop()
            self.crash()
        else:
            return False
        return True

    def _tags(self, exchange: Exchange) -> None:
        exchange.send(200, {"models": [answers.listed(model) for model in self._library.models()]})

    def _ps(self, exchange: Exchange) -> None:
        found = [answers.running(each.model, each.expires_at, each.context) for each in self._scheduler.loaded()]
        exchange.send(200, {"models": found})

    def _show(self, exchange: Exchange) -> None:
        exchange.send(200, answers.shown(self._library.get(library.full_name(_name(exchange)))))

    def _delete(self, exchange: Exchange) -> None:
        self.remove_model(_name(exchange))
        exchange.send(200, b"")

    def _pull(self, exchange: Exchange) -> None:
        self._progress(exchange, self._library.pull(_name(exchange), exchange.wait))

    def _create(self, exchange: Exchange) -> None:
        self._progress(exchange, self._library.create({**exchange.json(), "model": _name(exchange)}, exchange.wait))

    def _progress(self, exchange: Exchange, lines: Iterator[library.Progress]) -> None:
        if exchange.json().get("stream", True):
            exchange.stream(answers.filled(line) for line in lines)
            return
        try:
            *_, last = lines
        except ApiError as error:
            exchange.send(error.status, {"error": error.message}, BARE_JSON)
        else:
            exchange.send(200, last, BARE_JSON)

    def _find_blob(self, exchange: Exchange) -> None:
        digest = exchange.path.rpartition("/")[2]
        if not self._library.holds_blob(digest):
            raise ApiError(404, f'blob "{digest}" not found')
        exchange.send(200, b"")

    def _upload(self, exchange: Exchange) -> None:
        digest = exchange.path.rpartition("/")[2]
        there = self._library.holds_blob(digest)
        if not there:
            self._library.put_blob(digest, exchange.data)
        exchange.send(200 if there else 201, b"")


def _name(exchange: Exchange) -> str:
    request = exchange.json()
    name = request.get("model") or request.get("name")
    if not name:
        raise ApiError(400, "model is required")
    return str(name)
