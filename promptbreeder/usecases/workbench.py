"""Workbench: what every use case works with, and the models that are open."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import anyio

from promptbreeder.evaluation.cached import CachedModel
from promptbreeder.evaluation.evaluator import Evaluator
from promptbreeder.models.base import Model
from promptbreeder.runs.plan import in_blocks
from promptbreeder.skill import Skill, Split
from promptbreeder.store import examples, replies
from promptbreeder.store.database import Database


@dataclass(frozen=True, slots=True)
class Change:
    """Something that others may have read before; told after the commit."""

    kind: str
    """skills, production, version or run."""
    skill: str | None = None
    run_id: str | None = None


@dataclass
class Workbench:
    """Store, models and clock; made once by the composition root."""

    store: Database
    make_model: Callable[[str], Model]
    """From a model's name to a backend, not yet open. Raises ModelMissing with the ways out."""
    default_model: str
    default_writer: str | None
    """None: the executor writes for itself."""
    clock: Callable[[], float]
    """Unix seconds."""
    on_change: Callable[[Change], None] | None = None
    _models: dict[str, Model] = field(default_factory=dict)
    _opening: anyio.Lock = field(default_factory=anyio.Lock)

    async def model(self, name: str) -> Model:
        """Return the model `name`, open; loaded on first use and shared afterwards.

        Raises:
            ModelError: if it cannot be had, with what to do next.
        """
        async with self._opening:
            found = self._models.get(name)
            if found is None:
                found = self._models[name] = self.make_model(name)
            await found.open()
        return found

    def named(self, name: str) -> str:
        """Return the full name of the model that `name` (for example `auto`) means now; loads nothing."""
        return self.make_model(name).name

    async def evaluator(self, skill: Skill, calibration: Sequence[Sequence[str]] | None = None) -> Evaluator:
        """Return an evaluator for `skill` on its own model, by default calibrated on today's search inputs."""
        if calibration is None:
            search = await self.store.read(lambda db: examples.of_split(db, skill.name, Split.SEARCH))
            calibration = in_blocks([example.input for example in search])
        return Evaluator(
            await self.cached(skill.model),
            labels=skill.labels,
            max_answer_tokens=skill.answer_tokens,
            calibration=[tuple(block) for block in calibration],
        )

    async def cached(self, model: str) -> CachedModel:
        """Return `model` behind the reply cache."""
        return CachedModel(await self.model(model), StoredReplies(self.store, self.clock))

    def changed(self, kind: str, skill: str | None = None, run_id: str | None = None) -> None:
        """Tell whoever listens that something was committed."""
        if self.on_change is not None:
            self.on_change(Change(kind, skill, run_id))

    async def aclose(self) -> None:
        """Close models and store."""
        for model in self._models.values():
            await model.aclose()
        self._models.clear()
        self.store.close()


class StoredReplies:
    """The reply cache of the evaluator, kept in the store."""

    def __init__(self, store: Database, clock: Callable[[], float]) -> None:
        """Keep replies in `store`."""
        self._store = store
        self._clock = clock

    async def get(self, key: str) -> str | None:
        """Return what was put under `key`, or None."""
        return await self._store.read(lambda db: replies.get(db, key))

    async def put(self, key: str, value: str) -> None:
        """Keep `value` under `key`."""
        await self._store.write(lambda db: replies.put(db, key, value, now=self._clock()))


def iso(timestamp: float) -> str:
    """Return a Unix time as ISO 8601 in UTC, to the second."""
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
