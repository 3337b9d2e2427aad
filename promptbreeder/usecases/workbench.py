"""Workbench: what every use case works with, and the models that are open."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

import anyio

from promptbreeder.errors import ModelChanged
from promptbreeder.evaluation.cached import CachedModel
from promptbreeder.evaluation.evaluator import Evaluator
from promptbreeder.models.base import Catalog, Model
from promptbreeder.results import RunReport
from promptbreeder.runs.blocks import in_blocks
from promptbreeder.skill import Example, Skill, Split
from promptbreeder.store import examples, replies
from promptbreeder.store.database import Database
from promptbreeder.store.examples import StoredExample

if TYPE_CHECKING:
    from promptbreeder.evolution.strategies import Chosen

OnProgress = Callable[[RunReport], Awaitable[None]]
"""Called with how far a run is, each time that it is further."""


@dataclass(frozen=True, slots=True)
class Change:
    """Something that others may have read before; told after the commit."""

    kind: str
    """skills, production, version, run, history alone, or measured: the gate accuracy of a version alone."""
    skill: str | None = None
    run_id: str | None = None


@dataclass(frozen=True, slots=True)
class Mark:
    """How far it is known what other processes changed (see `following.py`)."""

    commits: int
    """`Database.foreign_commits`."""
    event: int
    """Id of the newest event."""
    hash: str
    """Of that event: where another has its id, another history took the place of the one that was followed."""
    moment: float
    """When a run was written or a version measured last; Unix seconds."""


def _of_the_product(name: str, profile: str | None, **numbers: Any) -> "Chosen":  # noqa: ANN401 - see `choose` there
    from promptbreeder.evolution.strategies import choose  # noqa: PLC0415 - not needed before a run begins

    return choose(name, profile, **numbers)


@dataclass
class Workbench:
    """Store, models and clock; made once by the composition root."""

    store: Database
    make_catalog: Callable[[], Catalog]
    """Called on first use: backends are slow to import."""
    default_model: str
    default_writer: str | None
    """None: the executor writes for itself."""
    clock: Callable[[], float]
    """Unix seconds."""
    choose: "Callable[..., Chosen]" = _of_the_product
    """Which strategies there are: those of the product, but for the self-test."""
    on_change: Callable[[Change], None] | None = None
    _full_names: dict[str, str] = field(default_factory=dict)
    """By the names that were asked for."""
    _open: dict[str, Model] = field(default_factory=dict)
    _changed: list[Model] = field(default_factory=list)
    """Models that are not any more what was opened: whatever still uses one is told so by it."""
    _opening: defaultdict[str, anyio.Lock] = field(default_factory=lambda: defaultdict(anyio.Lock))
    """By name: a model that does not answer must not keep another from being opened."""

    @cached_property
    def models(self) -> Catalog:
        """Which models there are."""
        return self.make_catalog()

    async def model(self, name: str) -> Model:
        """Return the model `name`, open; loaded on first use and shared afterwards.

        A model that was changed behind its name is opened anew, under its new fingerprint.

        Raises:
            ModelError: if it cannot be had, with what to do next.
        """
        # One file may be named in two ways, from the root in a skill and from here in a setting: it is loaded once.
        if name not in self._full_names:
            self._full_names[name] = await self.models.resolve(name)
        name = self._full_names[name]
        async with self._opening[name]:
            found = self._open.get(name)
            if found is None:
                found = self._open[name] = self.models.make(name)
            try:
                await found.open()
            except ModelChanged:
                self._changed.append(found)
                found = self._open[name] = self.models.make(name)
                await found.open()
        return found

    def has_open(self, name: str) -> bool:
        """Tell whether the model `name` is in use in this process, so that looking at it loads nothing."""
        return name in self._open

    def writer_of(self, skill: Skill) -> str:
        """Return the name of the model that writes prompts for `skill`: its own where no other was set."""
        return self.default_writer or skill.model

    async def evaluator(self, skill: Skill) -> Evaluator:
        """Return an evaluator for `skill` on its own model, calibrated on today's examples."""
        train, search = await self.store.read(
            lambda db: [examples.of_split(db, skill.name, split) for split in (Split.TRAIN, Split.SEARCH)]
        )
        return await self.evaluator_on(skill, train, search)

    async def evaluator_on(
        self, skill: Skill, train: Sequence[StoredExample | Example], search: Sequence[StoredExample | Example]
    ) -> Evaluator:
        """Return an evaluator for `skill` on its own model, calibrated on these examples."""
        return Evaluator(
            await self.cached(skill.model),
            labels=skill.labels,
            max_answer_tokens=skill.answer_tokens,
            calibration=in_blocks([example.input for example in search]),
            known=[example.expected for example in (*train, *search)],
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
        for model in (*self._open.values(), *self._changed):
            await model.aclose()
        self._open.clear()
        self._changed.clear()
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
