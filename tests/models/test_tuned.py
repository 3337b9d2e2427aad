"""Finding out the fastest format once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from promptbreeder.errors import ModelCrashed
from promptbreeder.models import formats
from promptbreeder.models.engine import EngineKind, Interrupted, Stopped
from promptbreeder.models.tuned import Tuned, tune

Tune = Callable[..., tuple[Tuned, Path]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the folder of converted weights."""
    (tmp_path / "models").mkdir()
    return tmp_path / "models"


@pytest.fixture
def tuning(folder: Path, engines: list[Any], tmp_path: Path) -> Tune:
    """Return a function that tunes the pretended weights on a pretended engine."""
    assert engines == []

    def run(name: str = "pretended", *, cores: int = 3, stopped: Stopped = lambda: False) -> tuple[Tuned, Path]:
        from promptbreeder.models import embedded  # noqa: PLC0415 - as the fixture has patched it

        kind = embedded._engine_kind("auto")._replace(name=name, cores=cores)
        return tune(tmp_path / "pretended.gguf", folder, kind, stopped)

    return run


def test_the_fastest_format_is_chosen_and_the_others_removed(tuning: Tune, folder: Path, engines: list[Any]) -> None:
    """Each format is measured on an engine that is closed again; one note and one file remain."""
    tuned, path = tuning()
    assert (tuned.format, tuned.rates.read) == ("BF16", 200.0)
    assert [engine.measured for engine in engines] == [1, 1, 1, 1]
    assert all(engine.closed for engine in engines)
    assert sorted(entry.suffix for entry in folder.iterdir()) == [".gguf", ".json"]
    assert path.parent == folder


def test_as_many_threads_write_as_write_fastest(tuning: Tune, engines: list[Any]) -> None:
    """All cores read; one thread writes where it is faster alone, and its speed is the one that is noted."""
    tuned, _ = tuning()
    assert (tuned.writers, tuned.rates.write) == (1, 30.0)
    assert [engine.threads for engine in engines] == [(3, 3), (3, 3), (3, 3), (3, 1)]


def test_an_older_note_keeps_its_format_and_learns_how_many_write(
    tuning: Tune, folder: Path, engines: list[Any]
) -> None:
    """Another format would be another fingerprint, and what was measured under the old one would count no more."""
    first = tuning()
    (note,) = folder.glob("*.json")
    note.write_text(first[0].model_copy(update={"writers": None, "write": 10.0}).model_dump_json())
    loaded = len(engines)
    assert tuning() == first
    assert [engine.threads for engine in engines[loaded:]] == [(3, 1)]


def test_one_core_leaves_nothing_to_choose(tuning: Tune, engines: list[Any]) -> None:
    """Nothing is measured twice."""
    assert tuning(cores=1)[0].writers == 1
    assert [engine.threads for engine in engines] == [(1, 1)] * 3


def test_what_is_known_is_not_measured_again(tuning: Tune, engines: list[Any]) -> None:
    """The note decides, whatever the machine does now."""
    first = tuning()
    loaded = len(engines)
    assert tuning() == first
    assert len(engines) == loaded


def test_weights_that_were_tidied_away_are_converted_again(tuning: Tune, engines: list[Any]) -> None:
    """Without the file, but with the note, nothing is measured."""
    first = tuning()
    first[1].unlink()
    loaded = len(engines)
    assert tuning() == first
    assert first[1].exists()
    assert len(engines) == loaded


def test_what_another_engine_has_chosen_is_left_alone(
    tuning: Tune, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each engine has its note, and only what no note names is removed."""
    tuned, _ = tuning()
    (note,) = folder.glob("*-pretended.json")
    note.with_name(note.name.replace("pretended", "other")).write_text(note.read_text().replace("BF16", "Q8_0"))
    note.unlink()
    _, path = tuning("other")
    monkeypatch.setattr(formats, "CANDIDATES", ("Q8_0", "BF16"))
    tuning()
    assert path.exists()
    assert len(list(folder.glob("*.gguf"))) == 2
    assert tuned.format == "BF16"


def test_a_note_that_cannot_be_read_is_written_anew(tuning: Tune, folder: Path) -> None:
    """Garbage, and a note about other weights, count as none."""
    first = tuning()
    (note,) = folder.glob("*.json")
    for garbage in (b"{", b"\xff\xfe", b""):
        note.write_bytes(garbage)
        assert tuning() == first
    note.write_text(note.read_text().replace(first[0].digest, "0" * 64))
    assert tuning() == first
    assert Tuned.model_validate_json(note.read_text()) == first[0]


def test_what_a_killed_process_left_is_removed(tuning: Tune, folder: Path) -> None:
    """Nobody else is at it meanwhile; what was begun of another file's weights is not touched."""
    first = tuning()
    (folder / f"{'0' * 16}-BF16.gguf.1.partial").touch()
    kept = sorted(folder.iterdir())
    for name in (f"{first[1].name}.1.partial", f"{first[1].name.replace('BF16', 'Q8_0')}.2.partial"):
        (folder / name).touch()
    assert tuning() == first
    assert sorted(folder.iterdir()) == kept


def test_weights_that_cannot_be_converted_run_as_they_are(tuning: Tune, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk or a format that nobody can read is no reason not to run."""

    def refuse(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(formats, "requantise", refuse)
    tuned, path = tuning()
    assert tuned.format == "shipped"
    assert path.name == "pretended.gguf"


def test_a_file_that_cannot_be_loaded_is_an_error(folder: Path, tmp_path: Path) -> None:
    """Nothing is noted down about it."""
    source = tmp_path / "bad.gguf"
    source.write_bytes(b"bad")

    def load(*_: object) -> Any:  # noqa: ANN401  never returns
        raise ModelCrashed("cannot load")

    with pytest.raises(ModelCrashed, match="cannot load"):
        tune(source, folder, EngineKind("pretended", 2, load), lambda: False)
    assert not list(folder.iterdir())


def test_a_caller_who_goes_leaves_no_note(tuning: Tune, folder: Path) -> None:
    """Half of the measurements decide nothing."""
    with pytest.raises(Interrupted):
        tuning(stopped=lambda: True)
    assert not list(folder.glob("*.json"))
