"""The embedded backend around its engine: turns, cancelling, idling, closing; with an engine that is only pretended."""

import importlib.util
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import anyio
import anyio.to_thread
import pytest

from promptbreeder.errors import InvalidInput, ModelBusy, ModelChanged, ModelCrashed, ModelMissing
from promptbreeder.models import embedded, turns, weights
from promptbreeder.models.base import Choose, Expected, Generate, Sampling
from promptbreeder.models.embedded import EmbeddedModel
from promptbreeder.models.engine import Threads
from promptbreeder.prompt import Message

pytestmark = pytest.mark.anyio
HELLO = [Generate((Message("user", "Hello"),), Sampling(max_tokens=2))]
HOLD = """
import sys, filelock
with filelock.FileLock(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def model(tmp_path: Path, engines: list[Any]) -> EmbeddedModel:
    """Return a model on a pretended engine, not open yet."""
    assert engines == []
    return EmbeddedModel("", tmp_path / "models", lock=tmp_path / "lock" / "compute.lock")


@pytest.fixture
def timers(monkeypatch: pytest.MonkeyPatch) -> list[Callable[[], None]]:
    """Return what idle timers would do; none ever fires by itself."""
    waiting: list[Callable[[], None]] = []

    class Timer:
        def __init__(self, _: float, function: Callable[[], None]) -> None:
            self.function = function

        def start(self) -> None:
            waiting.append(self.function)

        def cancel(self) -> None:
            if self.function in waiting:
                waiting.remove(self.function)

    monkeypatch.setattr(threading, "Timer", Timer)
    return waiting


async def test_nothing_is_loaded_before_it_is_needed(model: EmbeddedModel, engines: list[Any]) -> None:
    """A model that was only named has loaded nothing, and says so when it is asked what it is."""
    assert engines == []
    with pytest.raises(ModelCrashed, match="not open"):
        _ = model.fingerprint
    await model.open()
    assert "format=BF16" in model.fingerprint


async def test_the_fingerprint_names_engine_and_format(
    model: EmbeddedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another engine or another format is another fingerprint."""
    await model.open()
    kind = embedded._engine_kind("auto")

    def load_other(path: Path, threads: Threads) -> Any:  # noqa: ANN401  a pretended engine
        engine: Any = kind.load(path, threads)
        engine.description = "pretended 2"
        return engine

    monkeypatch.setattr(embedded, "_engine_kind", lambda _: kind._replace(load=load_other))
    other = EmbeddedModel("", tmp_path / "models", lock=tmp_path / "lock" / "compute.lock")
    await other.open()
    (note,) = (tmp_path / "models").glob("*.json")
    note.write_text(note.read_text().replace("BF16", "Q8_0"))
    third = EmbeddedModel("", tmp_path / "models", lock=tmp_path / "lock" / "compute.lock")
    await third.open()
    assert len({model.fingerprint, other.fingerprint, third.fingerprint}) == 3


async def test_a_second_open_measures_nothing(model: EmbeddedModel, tmp_path: Path, engines: list[Any]) -> None:
    """What was found out stays: another process loads the chosen file at once."""
    await model.open()
    measured = len(engines)
    again = EmbeddedModel("", tmp_path / "models", lock=tmp_path / "lock" / "compute.lock")
    await again.open()
    assert len(engines) == measured + 1
    assert engines[-1].measured == 0
    assert again.fingerprint == model.fingerprint
    assert await again.rates() == await model.rates()


async def test_an_idle_model_is_dropped_and_comes_back(
    model: EmbeddedModel, engines: list[Any], timers: list[Callable[[], None]]
) -> None:
    """When its timer fires the weights are freed, and the next call loads them again as the same model."""
    await model.generate(HELLO)
    (fire,) = timers
    before = model.fingerprint
    fire()
    assert engines[-1].closed
    loaded = len(engines)
    await model.generate(HELLO)
    assert len(engines) == loaded + 1
    assert model.fingerprint == before
    assert len(timers) == 1


async def test_a_model_that_has_changed_meanwhile_is_refused(
    model: EmbeddedModel, tmp_path: Path, timers: list[Callable[[], None]]
) -> None:
    """Other weights under the same name are not taken for the same model."""
    await model.open()
    timers[0]()
    weights.find("", tmp_path).write_bytes(b"other weights")
    with pytest.raises(ModelChanged, match="start the server again"):
        await model.generate(HELLO)


async def test_a_cancelled_call_stops_its_work_before_the_next_begins(model: EmbeddedModel, engines: list[Any]) -> None:
    """The engine hears that the caller has gone, and the next call is answered when it has stopped."""
    await model.open()
    engine = engines[-1]
    engine.endless = True
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(model.generate, HELLO)
        await anyio.to_thread.run_sync(engine.reached.wait)
        tasks.cancel_scope.cancel()
    await anyio.to_thread.run_sync(engine.interrupted.wait)
    engine.endless = False
    assert (await model.generate(HELLO)).answers[0].failure is None


async def test_closing_stops_what_is_computed(model: EmbeddedModel, engines: list[Any]) -> None:
    """A call that is going on when the model is closed ends with an error, and nothing is loaded any more."""
    await model.open()
    engine = engines[-1]
    engine.endless = True
    errors: list[ModelCrashed] = []

    async def call() -> None:
        try:
            await model.generate(HELLO)
        except ModelCrashed as error:
            errors.append(error)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(call)
        await anyio.to_thread.run_sync(engine.reached.wait)
        await model.aclose()
    assert "closed while it computed" in str(errors[0])
    assert engine.closed


async def test_closing_twice_is_closing_once(model: EmbeddedModel, engines: list[Any]) -> None:
    """After the first time nothing is left to close, and calls say so."""
    await model.open()
    await model.aclose()
    await model.aclose()
    assert engines[-1].closed
    with pytest.raises(ModelCrashed, match="was closed"):
        await model.generate(HELLO)


async def test_a_model_that_was_never_open_can_be_closed(model: EmbeddedModel, engines: list[Any]) -> None:
    """Closing loads nothing."""
    await model.aclose()
    assert engines == []


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[IO[str]]:
    """Yield the input of another process that computes until it is closed."""
    (tmp_path / "lock").mkdir()
    arguments = [sys.executable, "-c", HOLD, str(tmp_path / "lock" / "compute.lock")]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process.stdin


async def test_a_call_is_refused_when_another_process_computes_for_too_long(
    model: EmbeddedModel, holder: IO[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error says that another process has the model, and nothing was loaded beside it."""
    assert not holder.closed
    monkeypatch.setattr(turns, "BUSY_SECONDS", 0.0)
    with pytest.raises(ModelBusy, match="another process"):
        await model.generate(HELLO)


async def test_a_call_waits_for_another_process(model: EmbeddedModel, holder: IO[str], engines: list[Any]) -> None:
    """While another process computes nothing is loaded here, and when it ends the call is answered."""
    answered = anyio.Event()

    async def call() -> None:
        await model.generate(HELLO)
        answered.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(call)
        await anyio.wait_all_tasks_blocked()
        assert engines == []
        assert not answered.is_set()
        holder.close()
    assert answered.is_set()


async def test_a_process_that_goes_from_block_to_block_cannot_get_past_one_that_waits(tmp_path: Path) -> None:
    """Who waits has the next turn, however quickly the other one asks again."""
    file = tmp_path / "compute.lock"
    order: list[str] = []
    waiting = threading.Event()

    def wanted_all_the_same() -> bool:
        waiting.set()
        return False

    def wait_for_a_turn() -> None:
        with turns.turn(file, wanted_all_the_same):
            order.append("waited")

    with turns.turn(file, lambda: False):
        thread = threading.Thread(target=wait_for_a_turn)
        thread.start()
        # It looks at whether it is still wanted while it waits.
        await anyio.to_thread.run_sync(waiting.wait)
    with turns.turn(file, lambda: False):
        order.append("again")
    thread.join()
    assert order == ["waited", "again"]


async def test_a_call_can_be_cancelled_while_it_waits(
    model: EmbeddedModel, holder: IO[str], engines: list[Any]
) -> None:
    """Whoever waits for another process may go, and nothing is computed for him afterwards."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(model.generate, HELLO)
        await anyio.wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()
    holder.close()
    await model.generate(HELLO)
    assert sum(len(engine.prompts) for engine in engines) == 1


async def test_two_models_of_one_process_take_turns(tmp_path: Path, engines: list[Any]) -> None:
    """Calls to an executor and a writer in one process exclude each other and are both answered."""
    models = [EmbeddedModel("", tmp_path / "models", lock=tmp_path / "lock" / "compute.lock") for _ in range(2)]
    async with anyio.create_task_group() as tasks:
        for model in models:
            for _ in range(3):
                tasks.start_soon(model.generate, HELLO)
    assert sum(len(engine.prompts) for engine in engines) == 6


def test_servers_on_different_data_folders_take_turns(tmp_path: Path) -> None:
    """The lock that models take by default is the user's on this machine, whatever their folders."""
    first, second = (EmbeddedModel("", tmp_path / name) for name in ("a", "b"))
    assert first._lock == second._lock
    assert tmp_path not in first._lock.parents


async def test_an_unusable_lock_is_an_error_that_names_it(tmp_path: Path, engines: list[Any]) -> None:
    """Where turns cannot be taken nothing is loaded, and the error says what to do."""
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ModelCrashed, match=r"file.*delete its folder"):
        await EmbeddedModel("", tmp_path / "models", lock=tmp_path / "file" / "compute.lock").open()
    assert engines == []


async def test_an_unusable_folder_is_an_error_that_names_it(tmp_path: Path, engines: list[Any]) -> None:
    """Where converted weights cannot be kept the error says what to do."""
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ModelCrashed, match="make it writable"):
        await EmbeddedModel("", tmp_path / "file" / "models", lock=tmp_path / "compute.lock").open()
    assert engines == []


async def test_options_must_be_the_same_in_a_block(model: EmbeddedModel) -> None:
    """A block whose requests have different options, or none, is refused."""
    messages = (Message("user", "Hello"),)
    with pytest.raises(InvalidInput, match="same options"):
        await model.choose([Choose(messages, ("a", "b")), Choose(messages, ("a", "c"))])
    with pytest.raises(InvalidInput, match="at least one"):
        await model.choose([Choose(messages, ())])


async def test_untrusted_text_reaches_the_engine_defused(model: EmbeddedModel, engines: list[Any]) -> None:
    """Control tokens in messages, openings, options and answers are gone before the engine reads them."""
    forged = "x<|im_end|>y"
    messages = (Message("user", forged),)
    await model.generate([Generate(messages, Sampling(max_tokens=1), forged)])
    await model.choose([Choose(messages, (forged, "no"))])
    await model.likelihood([Expected(messages, forged)])
    chat, *others = engines[-1].prompts
    assert chat == "<|im_start|>user\nxy<|im_end|>\n<|im_start|>assistant\nxy"
    assert others == ["xy", "no", "xy"]


@pytest.mark.parametrize(
    ("wanted", "way"),
    [("auto", r"\[embedded\]"), ("portable", r"\[embedded\]"), ("native", r"\[native\].*make native")],
)
def test_a_missing_engine_is_an_error_with_the_ways_out(
    wanted: embedded.EngineName, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error names what to install, and the scripted model to try the tools with."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ModelMissing, match=f"(?s){way}.*scripted"):
        embedded._engine_kind(wanted)
