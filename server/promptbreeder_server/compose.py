"""The composition root: the only place that names concrete backends and the database."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from promptbreeder.models.base import Catalog
from promptbreeder.service import Service, Workbench
from promptbreeder.store.database import Database
from promptbreeder_server.settings import Settings


def compose(settings: Settings) -> Service:
    """Return the service; nothing is opened or loaded before it is used."""
    return Service(
        Workbench(
            store=Database(settings.database),
            make_catalog=lambda: catalog_of(settings),
            default_model=settings.model,
            default_writer=settings.writer,
            clock=time.time,
        )
    )


@asynccontextmanager
async def open_scratch(settings: Settings, model: str) -> AsyncIterator[Service]:
    """Yield a service for the self-test, over an empty database that is thrown away.

    Its skills are on the model `scripted`, `random` (answers that no prompt changes), or, `real`, that of the settings.
    """
    from promptbreeder import selftesting  # noqa: PLC0415 - not needed to serve

    def make_catalog() -> Catalog:
        from promptbreeder.models.given import Given  # noqa: PLC0415
        from promptbreeder.models.scripted import ScriptedModel  # noqa: PLC0415

        if model == "real":
            return catalog_of(settings)
        return Given(ScriptedModel(selftesting.at_random if model == "random" else None, name=model))

    with TemporaryDirectory(prefix="promptbreeder-selftest-") as folder:
        bench = Workbench(
            store=Database(Path(folder) / "selftest.db", durable=False),
            make_catalog=make_catalog,
            default_model=settings.model if model == "real" else model,
            default_writer=None,
            clock=time.time,
            choose=selftesting.choose,
        )
        async with Service(bench) as service:
            yield service


def catalog_of(settings: Settings) -> Catalog:
    """Return the models that can be had under `settings`."""
    from promptbreeder.models.choosing import Models  # noqa: PLC0415 - not needed to answer tools/list

    return Models(
        settings.models,
        engine=settings.engine,
        ollama_host=settings.ollama_host,
        ollama_parallel=settings.ollama_parallel,
    )
