"""A catalog of models that are there already: for the self-test, benchmarks, and whoever brings their own."""

from collections.abc import AsyncIterator

from promptbreeder.errors import InvalidInput
from promptbreeder.models.base import Model, Pulled, Usable


class Given:
    """See `promptbreeder.models.base.Catalog`."""

    def __init__(self, *models: Model) -> None:
        """Offer `models`, each under its name."""
        self._models = {model.name: model for model in models}

    def make(self, name: str) -> Model:
        """Return the model called so. Raises InvalidInput."""
        found = self._models.get(name)
        if found is None:
            raise InvalidInput(f"there is no model {name[:80]!r}; take one of {', '.join(self._models)}")
        return found

    async def resolve(self, name: str) -> str:
        """Return the name. Raises InvalidInput."""
        return self.make(name).name

    async def usable(self) -> tuple[Usable, ...]:
        """Return all of them."""
        return tuple(Usable(name, 0, "given") for name in self._models)

    async def pull(self, name: str, *, bundled: bool = False) -> AsyncIterator[Pulled]:
        """Do nothing: they are there."""
        del bundled
        self.make(name)
        yield Pulled("there already")
