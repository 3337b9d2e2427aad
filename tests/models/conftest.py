"""What tests of model backends share: each real engine is loaded once, and an engine that is only pretended."""

import importlib.util
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from promptbreeder.models import embedded, formats, weights
from promptbreeder.models.base import Block, Choice, Likelihood, Model, Rates, Reply, Sampling
from promptbreeder.models.embedded import EmbeddedModel, EngineName
from promptbreeder.models.engine import EngineKind, Interrupted, Stopped, Threads
from promptbreeder.models.ollama.backend import OllamaModel
from promptbreeder.models.scripted import ScriptedModel
from promptbreeder.prompt import Message

PACKAGES: dict[EngineName, str] = {"native": "llama_cpp", "portable": "xllamacpp"}
ENGINES = ("portable", pytest.param("native", marks=pytest.mark.native))


@pytest.fixture(scope="session")
def opened(real_models: Path) -> Iterator[Callable[[EngineName], EmbeddedModel]]:
    """Yield a function that gives the bundled model on an engine, loaded once, or skips the test."""
    models: dict[EngineName, EmbeddedModel] = {}

    def find(engine: EngineName) -> EmbeddedModel:
        if importlib.util.find_spec(PACKAGES[engine]) is None:
            pytest.skip(f"the {engine} engine is not installed")
        if engine not in models:
            models[engine] = EmbeddedModel("", real_models, engine=engine)
            anyio.run(models[engine].open)
        return models[engine]

    yield find
    for model in models.values():
        anyio.run(model.aclose)


@pytest.fixture(scope="session", params=ENGINES)
def real(request: pytest.FixtureRequest, opened: Callable[[EngineName], EmbeddedModel]) -> EmbeddedModel:
    """Return the bundled model on each engine."""
    return opened(request.param)


@pytest.fixture(params=["scripted", *ENGINES, "ollama"])
async def model(request: pytest.FixtureRequest, opened: Callable[[EngineName], EmbeddedModel]) -> AsyncIterator[Model]:
    """Yield each backend, open; behind the stand-in for Ollama are the real weights."""
    if request.param == "scripted":
        yield ScriptedModel()
    elif request.param == "ollama":
        # A client belongs to one event loop, and each test has its own.
        ollama = OllamaModel("smollm2:135m", request.getfixturevalue("real_standin").host)
        await ollama.open()
        yield ollama
        await ollama.aclose()
    else:
        # It opens a model in an event loop of its own.
        yield await anyio.to_thread.run_sync(opened, request.param)


@pytest.fixture(scope="session")
def ask() -> Callable[..., tuple[Message, ...]]:
    """Return a maker of chats: an instruction, then (asked, answered) pairs, then what is asked."""

    def make(asked: str, *shots: tuple[str, str], system: str = "Answer in a few words.") -> tuple[Message, ...]:
        turns = [turn for shot in shots for turn in (Message("user", shot[0]), Message("assistant", shot[1]))]
        return (Message("system", system), *turns, Message("user", asked))

    return make


class PretendedEngine:
    """An engine that echoes; `reached` is set at each poll of `stopped` while it is told to go on for ever."""

    description = "pretended 1"
    context = 100
    exact_choice = True
    has_likelihood = True

    def __init__(self, path: Path, threads: Threads) -> None:
        self.path = path
        self.threads = threads
        self.closed = False
        self.measured = 0
        self.endless = False
        self.reached = threading.Event()
        self.interrupted = threading.Event()
        self.prompts: list[str] = []

    def generate(self, prompts: Sequence[str], samplings: Sequence[Sampling], stopped: Stopped) -> Block[Reply]:
        """Echo each prompt, or go on until the caller has gone."""
        self.prompts.extend(prompts)
        while self.endless:
            self.reached.set()
            if stopped():
                self.interrupted.set()
                raise Interrupted
        return Block(tuple(Reply(prompt, 1, s.max_tokens) for prompt, s in zip(prompts, samplings, strict=True)))

    def choose(self, prompts: Sequence[str], options: Sequence[str], stopped: Stopped) -> Block[Choice]:
        """Find all options alike."""
        assert not stopped()
        self.prompts.extend(options)
        return Block(tuple(Choice((-1.0,) * len(options), 1) for _ in prompts))

    def likelihood(self, prompts: Sequence[str], answers: Sequence[str], stopped: Stopped) -> Block[Likelihood]:
        """Find all answers alike."""
        assert not stopped()
        self.prompts.extend(answers)
        return Block(tuple(Likelihood(-1.0, 1) for _ in prompts))

    def measure_rates(self) -> Rates:
        """Read fastest on BF16, write fastest with one thread."""
        self.measured += 1
        return Rates(read=200.0 if "BF16" in self.path.name else 100.0, write=30.0 / self.threads.write)

    def close(self) -> None:
        """Remember it."""
        self.closed = True


@pytest.fixture
def engines(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[PretendedEngine]:
    """Put pretended engines, weights and conversions in the place of real ones; return the list of those loaded."""
    loaded: list[PretendedEngine] = []
    shipped = tmp_path / "pretended.gguf"
    shipped.write_bytes(b"weights")

    def load(path: Path, threads: Threads) -> PretendedEngine:
        loaded.append(PretendedEngine(path, threads))
        return loaded[-1]

    def requantise(source: Path, target: Path, name: str, _: Stopped) -> None:
        target.write_bytes(source.read_bytes() + name.encode())

    monkeypatch.setattr(embedded, "_engine_kind", lambda _: EngineKind("pretended", 3, load))
    monkeypatch.setattr(weights, "find", lambda *_: shipped)
    monkeypatch.setattr(formats, "requantise", requantise)
    return loaded
