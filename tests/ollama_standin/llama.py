"""A brain with the real weights: llama.cpp's own server in this process, the same that Ollama runs for a model.

Needs the package `xllamacpp`; `ModelMissing` is raised where it is not installed.
"""

import http.client
import json
import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ollama_standin.brain import Piece, Token
from promptbreeder.models.portable import _library

CONTEXT = 4_096
_DEADLINE_SECONDS = 120.0
_SEEDS = 2**32 - 1


class LlamaBrain:
    """The model of a GGUF file. Loading takes half a second; share one among tests."""

    def __init__(self, path: Path, *, threads: int = 2) -> None:
        params: Any = _library().CommonParams()
        params.model.path = str(path)
        params.n_ctx, params.n_parallel, params.n_batch, params.n_ubatch = CONTEXT, 1, 256, 256
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
        params.n_gpu_layers = 0
        params.warmup = params.ui = params.endpoint_slots = False
        params.cache_ram_mib = 0
        params.verbosity = -1
        self._server: Any = _library().Server(params)
        self._address = urlsplit(self._server.listening_address)
        # One text at a time, so that a reply does not hang on what else is asked.
        self._computing = threading.Lock()

    def tokens(self, text: str) -> list[Token]:
        """Ask the model's own tokenizer; control tokens are parsed, as Ollama does."""
        with closing(self._post("/tokenize", {"content": text, "add_special": True, "parse_special": True})) as answer:
            return list(json.loads(answer.read())["tokens"])

    def complete(
        self, prompt: Sequence[Token], options: dict[str, Any], enum: Sequence[str] | None, n_logprobs: int
    ) -> Generator[Piece]:
        """Continue the text; closing the iterator closes the connection, upon which llama.cpp drops the work."""
        body: dict[str, Any] = {
            "prompt": list(prompt),
            "stream": True,
            "cache_prompt": True,
            "n_predict": options["num_predict"],
            "temperature": options["temperature"],
            "seed": options["seed"] % _SEEDS if options["seed"] >= 0 else -1,
            "top_k": options["top_k"],
            "top_p": options["top_p"],
            "min_p": 0.0,
            "repeat_penalty": 1.0,
            "n_probs": max(n_logprobs, 1),
            "post_sampling_probs": False,
        }
        if enum is not None:
            body["json_schema"] = {"type": "string", "enum": list(enum)}
        predicted = 0
        pending: Piece | None = None
        with self._computing, closing(self._post("/completion", body)) as answer:
            for line in answer:
                if not line.startswith(b"data: "):
                    continue
                event = json.loads(line.removeprefix(b"data: "))
                if pending is not None:
                    # Only the next event tells whether a piece was the end of the turn.
                    yield replace(pending, end=event["stop"] and event["stop_type"] == "eos")
                if event["stop"]:
                    return
                places = event.get("completion_probabilities") or [{"logprob": 0.0, "top_logprobs": []}]
                pending = Piece(
                    event["content"],
                    places[0]["logprob"],
                    [(top["token"], top["logprob"]) for top in places[0]["top_logprobs"][:n_logprobs]],
                    tokens=event["tokens_predicted"] - predicted,
                )
                predicted = event["tokens_predicted"]

    def close(self) -> None:
        """Free the model."""
        # The binding does it when its last reference goes.
        self._server = None

    def _post(self, route: str, body: dict[str, Any]) -> "_Answer":
        connection = http.client.HTTPConnection(
            self._address.hostname or "", self._address.port, timeout=_DEADLINE_SECONDS
        )
        connection.request("POST", route, json.dumps(body), {"Content-Type": "application/json"})
        return _Answer(connection)


class _Answer:
    """A response that is closed together with its connection."""

    def __init__(self, connection: http.client.HTTPConnection) -> None:
        self._connection = connection
        self._response = connection.getresponse()
        if self._response.status != http.HTTPStatus.OK:
            said = self._response.read().decode()
            self.close()
            raise RuntimeError(f"llama.cpp's server refused a request: {said}")

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._response)

    def read(self) -> bytes:
        return self._response.read()

    def close(self) -> None:
        self._response.close()
        self._connection.close()
