"""Which file an engine loads, and how fast it is here: found out once for a machine, then kept.

The choice is part of the fingerprint, so it must not flap with the load of the moment: it is written down beside the
converted weights and never measured again.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from promptbreeder.models import formats, weights
from promptbreeder.models.base import Rates
from promptbreeder.models.engine import Engine


class Tuned(BaseModel):
    """What was found out about one file on one engine."""

    model_config = ConfigDict(frozen=True)

    digest: str
    """SHA-256 of the file as shipped."""
    format: str
    """`shipped`, or the format that its weights were converted to."""
    read: float
    write: float

    @property
    def rates(self) -> Rates:
        """Measured speed, tokens per second."""
        return Rates(self.read, self.write)


def tune(source: Path, folder: Path, engine_name: str, load: Callable[[Path], Engine]) -> tuple[Tuned, Path]:
    """Return what is known of `source` on an engine, and the file to load; found out first where it is not known."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    stat = source.stat()
    note = folder / f"{source.stem}-{stat.st_size}-{int(stat.st_mtime)}-{engine_name}.json"
    known = _read(note)
    if known is not None and _file(source, folder, known).exists():
        return known, _file(source, folder, known)
    digest = weights.digest(source)
    trials = [Tuned(digest=digest, format="shipped", read=1.0, write=1.0)]
    trials += [trial for name in formats.CANDIDATES if (trial := _converted(source, folder, digest, name))]
    measured = []
    for trial in trials:
        engine = load(_file(source, folder, trial))
        try:
            rates = engine.measure_rates()
        finally:
            engine.close()
        measured.append(trial.model_copy(update={"read": rates.read, "write": rates.write}))
    # Reading is nearly all of the work; a generated token counts as the twenty that are read for it.
    best = min(measured, key=lambda trial: 20 / trial.read + 1 / trial.write)
    partial = note.with_name(f"{note.name}.{os.getpid()}.partial")
    partial.write_text(best.model_dump_json(), encoding="utf-8")
    partial.replace(note)
    return best, _file(source, folder, best)


def _converted(source: Path, folder: Path, digest: str, name: str) -> Tuned | None:
    trial = Tuned(digest=digest, format=name, read=1.0, write=1.0)
    target = _file(source, folder, trial)
    if not target.exists():
        formats.requantise(source, target, name)
    return trial


def _file(source: Path, folder: Path, tuned: Tuned) -> Path:
    if tuned.format == "shipped":
        return source
    return folder / f"{tuned.digest[:16]}-{tuned.format}.gguf"


def _read(note: Path) -> Tuned | None:
    try:
        return Tuned.model_validate_json(note.read_text(encoding="utf-8"))
    except (OSError, ValidationError, json.JSONDecodeError):
        return None
