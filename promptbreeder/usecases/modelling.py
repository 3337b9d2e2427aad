"""Which models can be used, how fast they are here, and how to get one."""

from collections.abc import AsyncIterator

from promptbreeder.models.base import Pulled
from promptbreeder.results import ModelLine
from promptbreeder.usecases.workbench import Workbench


async def list_models(bench: Workbench) -> tuple[ModelLine, ...]:
    """Return what can be used now, what `auto` means first; loads nothing."""
    return tuple(
        ModelLine(model=model.name, megabytes=round(model.size / 1e6), detail=model.detail)
        for model in await bench.models.usable()
    )


async def measured(bench: Workbench, name: str) -> ModelLine:
    """Return one model with its speed here and its fingerprint, loading it.

    Raises:
        ModelError: if it cannot be had.
        InvalidInput: if it is no model's name.
    """
    model = await bench.model(name)
    rates = await model.rates()
    known = {line.model: line for line in await list_models(bench)}
    line = known.get(model.name, ModelLine(model=model.name, megabytes=0, detail=""))
    abilities = "chooses among labels" if model.limits.choose else "free decoding only (too old for labels)"
    return line.model_copy(
        update={
            "reads": round(rates.read, 1),
            "writes": round(rates.write, 1),
            "fingerprint": model.fingerprint,
            "detail": "; ".join(part for part in (line.detail, abilities) if part),
        }
    )


def pull(bench: Workbench, name: str, *, bundled: bool) -> AsyncIterator[Pulled]:
    """Get a model, telling how far it is; raises as `Catalog.pull`."""
    return bench.models.pull(name, bundled=bundled)
