"""Which file an engine loads, how many threads write, and how fast it is here: found out once for a machine, then kept.

The format is part of the fingerprint, so it must not flap with the load of the moment: it is written down beside the
converted weights, under the digest of the file as shipped, and never measured again.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from promptbreeder.errors import ModelCrashed
from promptbreeder.models import formats, weights
from promptbreeder.models.base import Rates
from promptbreeder.models.engine import EngineKind, Interrupted, Stopped, Threads

SHIPPED = "shipped"


class Tuned(BaseModel):
    """What was found out about one file on one engine."""

    model_config = ConfigDict(frozen=True)

    digest: str
    """SHA-256 of the file as shipped."""
    format: str
    """`shipped`, or the format that its weights were converted to."""
    writers: int | None = Field(default=None, ge=1)
    """How many threads write: for a small model one alone can be the fastest, as threads wait for each other at each
    of the hundreds of steps of a token. None: not found out yet."""
    read: float
    write: float

    @property
    def rates(self) -> Rates:
        """Measured speed, tokens per second."""
        return Rates(self.read, self.write)


def tune(source: Path, folder: Path, kind: EngineKind, stopped: Stopped) -> tuple[Tuned, Path]:
    """Return what is known of `source` on an engine, and the file to load; found out first where it is not known.

    Raises:
        Interrupted: if `stopped()` becomes true; what was not found out by then is found out next time.
        ModelCrashed: if the file cannot be loaded.
        OSError: if the folder cannot be used.
    """
    digest = weights.digest(source)
    for left in folder.glob(f"{digest[:16]}-*.partial"):
        # By somebody who was killed: processes take turns (see `turns`), and this is ours.
        with contextlib.suppress(OSError):
            left.unlink()
    note = folder / f"{digest[:16]}-{kind.name}.json"
    known = _read(note, digest)
    if known is None:
        # Reading is nearly all of the work; a generated token counts as the twenty that are read for it.
        known = min(_trials(source, folder, digest, kind, stopped), key=lambda trial: 20 / trial.read + 1 / trial.write)
    if known.writers is None:
        # The format of an older note stays: it is part of the fingerprint.
        known = _with_fastest_writers(known, converted(source, folder, known, stopped), kind)
        partial = note.with_name(f"{note.name}.{os.getpid()}.partial")
        partial.write_text(known.model_dump_json(), encoding="utf-8")
        partial.replace(note)
        _tidy(folder, digest)
    return known, converted(source, folder, known, stopped)


def converted(source: Path, folder: Path, tuned: Tuned, stopped: Stopped) -> Path:
    """Return the file to load; made anew where somebody tidied it away."""
    if tuned.format == SHIPPED:
        return source
    target = folder / f"{tuned.digest[:16]}-{tuned.format}.gguf"
    if not target.exists():
        formats.requantise(source, target, tuned.format, stopped)
    return target


def _trials(source: Path, folder: Path, digest: str, kind: EngineKind, stopped: Stopped) -> Iterator[Tuned]:
    """Measure the file as it is, then in each format that it can be converted to."""
    for name in (SHIPPED, *formats.CANDIDATES):
        if stopped():
            raise Interrupted
        trial = Tuned(digest=digest, format=name, read=1.0, write=1.0)
        try:
            rates = _rates(converted(source, folder, trial, stopped), kind, writers=kind.cores)
        except (OSError, ValueError, NotImplementedError, ModelCrashed):
            if name == SHIPPED:
                raise
            # No room on the disk, or weights that cannot be converted: the file as it is will do.
            continue
        yield trial.model_copy(update={"read": rates.read, "write": rates.write})


def _with_fastest_writers(tuned: Tuned, path: Path, kind: EngineKind) -> Tuned:
    """Return `tuned`, which was timed with all threads, with as many as write fastest: all of them, or one alone."""
    alone = _rates(path, kind, writers=1).write if kind.cores > 1 else 0.0
    found = {"writers": 1, "write": alone} if alone > tuned.write else {"writers": kind.cores}
    return tuned.model_copy(update=found)


def _rates(path: Path, kind: EngineKind, *, writers: int) -> Rates:
    engine = kind.load(path, Threads(kind.cores, writers))
    try:
        return engine.measure_rates()
    finally:
        engine.close()


def _tidy(folder: Path, digest: str) -> None:
    """Remove the converted files that no engine has chosen."""
    chosen = {note.format for path in folder.glob(f"{digest[:16]}-*.json") if (note := _read(path, digest))}
    for name in formats.CANDIDATES:
        if name not in chosen:
            (folder / f"{digest[:16]}-{name}.gguf").unlink(missing_ok=True)


def _read(note: Path, digest: str) -> Tuned | None:
    try:
        known = Tuned.model_validate_json(note.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return known if known.digest == digest and known.format in {SHIPPED, *formats.CANDIDATES} else None
