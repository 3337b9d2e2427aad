"""A model behind a cache that is a plain dictionary."""

from collections.abc import Callable

import pytest

from promptbreeder.evaluation.cached import CachedModel
from promptbreeder.models.scripted import ScriptedModel


class Memory(dict[str, str]):
    """A reply cache in memory."""

    async def get(self, key: str) -> str | None:  # type: ignore[override]  # a reply cache, and readable in a test
        """Return what was put under `key`."""
        return dict.get(self, key)

    async def put(self, key: str, value: str) -> None:
        """Keep `value`."""
        self[key] = value


@pytest.fixture
def memory() -> Memory:
    """Return an empty cache."""
    return Memory()


@pytest.fixture(scope="session")
def cached() -> Callable[..., CachedModel]:
    """Return a maker of models behind a cache, a fresh one unless given."""

    def make(model: ScriptedModel, cache: Memory | None = None) -> CachedModel:
        return CachedModel(model, Memory() if cache is None else cache)

    return make
