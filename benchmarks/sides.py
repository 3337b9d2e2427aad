"""The ways of doing the same work that throughput.py compares, for each engine."""

# ruff: noqa: SLF001 - it looks inside to know exactly which tokens the work needs

import http.client
import importlib
import json
import time
from collections.abc import Callable, Sequence
from typing import Any

from promptbreeder.models import chatml, embedded, weights
from promptbreeder.models.base import Choose
from promptbreeder.models.embedded import EmbeddedModel
from promptbreeder.models.engine import EngineKind, Threads

Seconds = Callable[[int], float]
"""Does block n, and tells how many seconds count."""


class NativeSides:
    """llama-cpp-python: our engine, bare `llama_decode`, and the binding's high-level API."""

    def __init__(self, model: EmbeddedModel, blocks: Sequence[Sequence[Choose]], choose: Callable[[int], None]) -> None:
        """Do all blocks once by our engine, and keep what it asks of llama.cpp."""
        self._model, self._blocks, self._choose = model, blocks, choose
        self._lib: Any = importlib.import_module("llama_cpp")
        decoder: Any = importlib.import_module("promptbreeder.models.decoder")
        self._decoder = decoder
        self._asked: list[list[tuple[str, tuple[Any, ...]]]] = []
        live = model._engine()._decoder  # type: ignore[attr-defined]
        kept = {name: getattr(live, name) for name in ("decode", "copy", "forget", "forget_all")}
        self.tokens = 0
        for number in range(len(blocks)):
            asked: list[tuple[str, tuple[Any, ...]]] = []
            for name, method in kept.items():
                setattr(live, name, _recording(asked, name, method))
            choose(number)
            self._asked.append(asked)
            self.tokens += sum(len(args[0]) for name, args in asked if name == "decode")
        for name, method in kept.items():
            setattr(live, name, method)

    def load_rivals(self) -> None:
        """Load contexts of their own for the other ways."""
        source = weights.find("", self._model._folder)
        chosen = _chosen_file(self._model)
        self._raw, self._shipped = _Bare(self._decoder, chosen), _Bare(self._decoder, source)
        self._work = [self._raw.prepared(asked) for asked in self._asked]
        cores = embedded._cores()
        self._llama = self._lib.Llama(
            model_path=str(source), n_ctx=4096, n_threads=cores, n_threads_batch=cores, verbose=False
        )

    def ours(self, number: int) -> float:
        """The product."""
        if number == 0:
            # As in the recording: the first block reads the prefix that the others find.
            self._model._engine()._forget()  # type: ignore[attr-defined]
        began = time.perf_counter()
        self._choose(number)
        return time.perf_counter() - began

    def raw(self, number: int) -> float:
        """The same tokens, all arrays filled beforehand; `llama_decode` alone is timed."""
        return self._raw.run(self._work[number])

    def shipped(self, number: int) -> float:
        """The same with the weights in the format in which they are shipped."""
        return self._shipped.run(self._work[number])

    def one_by_one(self, number: int) -> float:
        """One call an item, as everybody does it: the binding keeps the shared prefix by itself.

        Each answer is one whole label, held to them by a grammar: less than our probability of every label.
        """
        began = time.perf_counter()
        for request in self._blocks[number]:
            labels = " | ".join(json.dumps(option) for option in request.options)
            grammar = self._lib.LlamaGrammar.from_string(f"root ::= {labels}", verbose=False)
            answer = self._llama.create_completion(
                chatml.render(request.messages), max_tokens=16, temperature=0.0, grammar=grammar
            )
            if answer["choices"][0]["text"] not in request.options:
                raise RuntimeError(f"not a label: {answer}")
        return time.perf_counter() - began

    def first_token(self, number: int) -> float:
        """The same, but one token an item, whatever it is."""
        began = time.perf_counter()
        for request in self._blocks[number]:
            self._llama.create_completion(chatml.render(request.messages), max_tokens=1, temperature=0.0)
        return time.perf_counter() - began


class _Bare:
    """A context with our parameters, and nothing around it."""

    def __init__(self, decoder: Any, path: Any) -> None:  # noqa: ANN401 - a module
        self._module = decoder
        self._live = decoder.Decoder(path, Threads(embedded._cores(), embedded._cores()))
        self._lib = self._live._lib

    def prepared(self, asked: Sequence[tuple[str, tuple[Any, ...]]]) -> list[tuple[str, Any]]:
        """Return the work with a filled batch for each decode."""
        work: list[tuple[str, Any]] = []
        for name, args in asked:
            if name != "decode":
                work.append((name, args))
                continue
            for chunk in self._module._chunks(args[0]):
                batch = self._lib.llama_batch_init(len(chunk), 0, self._module.SEQUENCES)
                batch.n_tokens = len(chunk)
                for place, row in enumerate(chunk):
                    batch.token[place], batch.pos[place], batch.logits[place] = row.token, row.position, row.wanted
                    batch.n_seq_id[place] = len(row.sequences)
                    for number, sequence in enumerate(row.sequences):
                        batch.seq_id[place][number] = sequence
                work.append((name, batch))
        return work

    def run(self, work: Sequence[tuple[str, Any]]) -> float:
        """Return the seconds inside of `llama_decode`."""
        seconds = 0.0
        for name, args in work:
            if name != "decode":
                getattr(self._live, name)(*args)
                continue
            began = time.perf_counter()
            code = self._lib.llama_decode(self._live._context, args)
            seconds += time.perf_counter() - began
            if code:
                raise RuntimeError(f"llama_decode failed: {code}")
        return seconds


class PortableSides:
    """xllamacpp: our engine, the same requests posted bare, and one request an item without any cache."""

    def __init__(self, model: EmbeddedModel, blocks: Sequence[Sequence[Choose]], choose: Callable[[int], None]) -> None:
        """Do all blocks once by our engine, and keep what it posts."""
        self._model, self._blocks, self._choose = model, blocks, choose
        self._asked: list[list[tuple[str, tuple[Any, ...]]]] = []
        live = model._engine()._loopback  # type: ignore[attr-defined]
        kept = live.post
        for number in range(len(blocks)):
            asked: list[tuple[str, tuple[Any, ...]]] = []
            live.post = _recording(asked, "post", kept)
            choose(number)
            self._asked.append([entry for entry in asked if entry[1][0] == "/completion"])
        live.post = kept
        self._server = _Server(live._host, live._port, live._headers)
        self._work = [[json.dumps(body) for _, (_, body, _) in asked] for asked in self._asked]
        self.tokens = sum(self._server.tokens(body) for bodies in self._work for body in bodies)

    def load_rivals(self) -> None:
        """Start a second server with the file as shipped."""
        portable: Any = importlib.import_module("promptbreeder.models.portable")
        self._other = portable.PortableEngine(
            weights.find("", self._model._folder), Threads(embedded._cores(), embedded._cores())
        )
        live = self._other._loopback
        self._shipped = _Server(live._host, live._port, live._headers)
        self._alone = [
            [json.dumps({**json.loads(body), "cache_prompt": False}) for body in bodies] for bodies in self._work
        ]

    def ours(self, number: int) -> float:
        """The product."""
        began = time.perf_counter()
        self._choose(number)
        return time.perf_counter() - began

    def raw(self, number: int) -> float:
        """The same requests, made beforehand; what the server itself says that reading took."""
        return sum(self._server.seconds(body) for body in self._work[number])

    def shipped(self, number: int) -> float:
        """The same with the weights in the format in which they are shipped."""
        return sum(self._shipped.seconds(body) for body in self._work[number])

    def one_by_one(self, number: int) -> float:
        """One request an item, nothing kept between them."""
        began = time.perf_counter()
        for body in self._alone[number]:
            self._shipped.answer(body)
        return time.perf_counter() - began


class _Server:
    """The engine's server, posted to without anything around it."""

    def __init__(self, host: str, port: int, headers: dict[str, str]) -> None:
        self._host, self._port, self._headers = host, port, headers

    def answer(self, body: str) -> dict[str, Any]:
        """Return the answer to one completion."""
        connection = http.client.HTTPConnection(self._host, self._port)
        connection.request("POST", "/completion", body, self._headers)
        answer: dict[str, Any] = json.loads(connection.getresponse().read())
        connection.close()
        return answer

    def seconds(self, body: str) -> float:
        """Return the seconds of computing, by the server's own clock."""
        timings = self.answer(body)["timings"]
        return float(timings["prompt_ms"] + timings["predicted_ms"]) / 1000

    def tokens(self, body: str) -> int:
        """Return the tokens that are really read."""
        return int(self.answer(body)["timings"]["prompt_n"])


def _recording(asked: list[tuple[str, tuple[Any, ...]]], name: str, method: Callable[..., Any]) -> Callable[..., Any]:
    def record(*args: Any) -> Any:  # noqa: ANN401 - whatever the method takes and returns
        asked.append((name, args))
        return method(*args)

    return record


def _chosen_file(model: EmbeddedModel) -> Any:  # noqa: ANN401 - a path
    """Return the file that the model runs on."""
    tuned: Any = importlib.import_module("promptbreeder.models.tuned")
    kind = EngineKind("native", embedded._cores(), _refuse)
    return tuned.tune(weights.find("", model._folder), model._folder, kind, lambda: False)[1]


def _refuse(path: Any, _: Threads) -> Any:  # noqa: ANN401
    raise RuntimeError(f"{path} should have been measured")
