"""The embedded backend: an engine in this process, in a thread of its own.

Processes take turns, block by block (see `turns`).
"""

import importlib.util
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, TypeVar

import anyio
import anyio.to_thread

from promptbreeder.errors import InvalidInput, ModelChanged, ModelCrashed, ModelMissing
from promptbreeder.models import chatml, weights
from promptbreeder.models.base import (
    Block,
    Choice,
    Choose,
    Expected,
    Generate,
    Likelihood,
    Limits,
    Rates,
    Reply,
)
from promptbreeder.models.engine import Engine, EngineKind, Interrupted, Stopped, Threads
from promptbreeder.models.tuned import tune
from promptbreeder.models.turns import machine_lock, turn
from promptbreeder.text import defuse

EngineName = Literal["auto", "native", "portable"]
IDLE_SECONDS = 300.0
"""After this long without work the weights are dropped from memory."""
T = TypeVar("T")


class EmbeddedModel:
    """See `promptbreeder.models.base.Model`."""

    def __init__(self, name: str, folder: Path, *, engine: EngineName = "auto", lock: Path | None = None) -> None:
        """Name a model; nothing is loaded yet.

        `name` is what stands after `embedded:` (empty for the bundled SmolLM2-135M); `folder` is where converted
        weights are kept; `lock` is the file by which processes take turns (default: one for the machine).
        """
        self._weights = name
        self._folder = folder
        self._wanted: EngineName = engine
        self._lock = lock or machine_lock()
        self._loaded: Engine | None = None
        self._identity: tuple[str, Limits, Rates, str] | None = None
        self._calls = anyio.CapacityLimiter(1)
        self._in_use = threading.Lock()
        self._idle: threading.Timer | None = None
        self._closed = False

    @property
    def name(self) -> str:
        """`embedded:smollm2:135m`, or with the path of a file."""
        return f"embedded:{self._weights or weights.BUNDLED}"

    async def open(self) -> None:
        """Find weights and engine, convert and tune on first use, load.

        Raises:
            ModelMissing: if engine or weights are not installed, with the ways out.
            ModelCrashed: if they cannot be loaded.
            ModelBusy: if other processes compute all the while.
        """
        if self._identity is None:
            await self._run(lambda _: None)

    @property
    def fingerprint(self) -> str:
        """Engine, version, digest of the file, format and load-time options."""
        return self._known()[0]

    @property
    def weights(self) -> str:
        """Digest of the file as shipped."""
        return self._known()[3]

    @property
    def limits(self) -> Limits:
        """What the engine can do."""
        return self._known()[1]

    async def rates(self) -> Rates:
        """Reading and writing speed, measured once for this machine."""
        await self.open()
        return self._known()[2]

    async def generate(self, requests: Sequence[Generate]) -> Block[Reply]:
        """Generate one reply per request."""
        if not requests:
            return Block(())
        prompts = [chatml.render(request.messages, request.opening) for request in requests]
        samplings = [request.sampling for request in requests]
        return await self._run(lambda stopped: self._engine().generate(prompts, samplings, stopped))

    async def choose(self, requests: Sequence[Choose]) -> Block[Choice]:
        """Score the options of each request."""
        if not requests:
            return Block(())
        if not requests[0].options or any(request.options != requests[0].options for request in requests):
            raise InvalidInput("all requests of a block must have the same options, at least one")
        prompts = [chatml.render(request.messages) for request in requests]
        options = [defuse(option) for option in requests[0].options]
        return await self._run(lambda stopped: self._engine().choose(prompts, options, stopped))

    async def likelihood(self, requests: Sequence[Expected]) -> Block[Likelihood]:
        """Score each expected answer."""
        if not requests:
            return Block(())
        prompts = [chatml.render(request.messages) for request in requests]
        answers = [defuse(request.answer) for request in requests]
        return await self._run(lambda stopped: self._engine().likelihood(prompts, answers, stopped))

    async def aclose(self) -> None:
        """Free the weights and end the worker."""
        if self._closed:
            return
        self._closed = True
        self._stop_timer()
        await anyio.to_thread.run_sync(self._unload)

    async def _run(self, work: Callable[[Stopped], T]) -> T:
        """Run `work` in a worker thread; when the caller is cancelled it stops between decode steps."""
        if self._closed:
            raise ModelCrashed(f"{self.name} was closed")
        gone = threading.Event()
        self._stop_timer()
        try:
            # An abandoned thread still holds the lock: the next block waits until it has really stopped.
            return await anyio.to_thread.run_sync(
                self._in_turn, work, lambda: gone.is_set() or self._closed, abandon_on_cancel=True, limiter=self._calls
            )
        except Interrupted as error:
            raise ModelCrashed(f"{self.name} was closed while it computed") from error
        finally:
            gone.set()
            self._start_timer()

    def _in_turn(self, work: Callable[[Stopped], T], stopped: Stopped) -> T:
        with turn(self._lock, stopped), self._in_use:
            if stopped():
                raise Interrupted
            self._load(stopped)
            return work(stopped)

    def _load(self, stopped: Stopped) -> None:
        if self._loaded is not None:
            return
        source = weights.find(self._weights, self._folder)
        kind = _engine_kind(self._wanted)
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            tuned, path = tune(source, self._folder, kind, stopped)
        except OSError as error:
            raise _unusable(self._folder, error) from error
        engine = kind.load(path, Threads(kind.cores, tuned.writers or kind.cores))
        limits = Limits(
            context=engine.context,
            choose=True,
            exact_choice=engine.exact_choice,
            likelihood=engine.has_likelihood,
            shares_prefix=True,
        )
        digest = tuned.digest[:16]
        fingerprint = f"{engine.description} weights={digest} format={tuned.format}"
        if self._identity is not None and self._identity[0] != fingerprint:
            engine.close()
            raise ModelChanged(
                f"{self.name} is not what it was when this process began ({fingerprint}, before: {self._identity[0]}); "
                "start the server again to go on with the new one"
            )
        self._loaded = engine
        self._identity = (fingerprint, limits, tuned.rates, digest)

    def _engine(self) -> Engine:
        if self._loaded is None:
            raise ModelCrashed(f"{self.name} is not loaded")
        return self._loaded

    def _known(self) -> tuple[str, Limits, Rates, str]:
        if self._identity is None:
            raise ModelCrashed(f"{self.name} is not open")
        return self._identity

    def _unload(self) -> None:
        with self._in_use:
            if self._loaded is not None:
                self._loaded.close()
                self._loaded = None

    def _start_timer(self) -> None:
        self._stop_timer()
        if not self._closed:
            self._idle = threading.Timer(IDLE_SECONDS, self._unload)
            # A daemon: a timer must not keep the process alive.
            self._idle.daemon = True
            self._idle.start()

    def _stop_timer(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None


def _engine_kind(wanted: EngineName) -> EngineKind:
    """Return the engine to use: the native one where it is installed.

    Raises:
        ModelMissing: with the ways to get one.
    """
    cores = _cores()
    if wanted != "portable" and importlib.util.find_spec("llama_cpp") is not None:
        from promptbreeder.models.native import NativeEngine  # noqa: PLC0415 - numpy and a shared library come with it

        return EngineKind("native", cores, NativeEngine)
    if wanted != "native" and importlib.util.find_spec("xllamacpp") is not None:
        from promptbreeder.models.portable import PortableEngine  # noqa: PLC0415 - a shared library comes with it

        return EngineKind("portable", cores, PortableEngine)
    extra = "native" if wanted == "native" else "embedded"
    raise ModelMissing(
        f"no engine for embedded models is installed: pip install 'promptbreeder-mcp[{extra}]' (or `make native` for "
        "the faster one in a checkout), or try the tools with PROMPTBREEDER_MODEL=scripted"
    )


def _unusable(folder: Path, error: OSError) -> ModelCrashed:
    return ModelCrashed(f"{folder} cannot be used ({error.strerror or error}); make it writable, with room on its disk")


def _cores() -> int:
    """Return the number of physical cores that this process may use."""
    try:
        allowed = os.sched_getaffinity(0)
    except AttributeError:  # macOS and Windows do not tell
        return os.cpu_count() or 1
    # Two threads of one core have the same list of siblings; where there is none, each counts.
    return len({_siblings(number) for number in allowed})


def _siblings(number: int) -> str:
    try:
        return Path(f"/sys/devices/system/cpu/cpu{number}/topology/thread_siblings_list").read_text(encoding="ascii")
    except OSError:
        return str(number)
