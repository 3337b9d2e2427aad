"""The composition root: the only place that names concrete backends and the database."""

import time

from promptbreeder.models.base import Catalog
from promptbreeder.service import Service, Workbench
from promptbreeder.store.database import Database
from promptbreeder_server.settings import Settings


def compose(settings: Settings) -> Service:
    """Return the service; nothing is opened or loaded before it is used."""

    def make_catalog() -> Catalog:
        from promptbreeder.models.choosing import Models  # noqa: PLC0415 - not needed to answer tools/list

        return Models(
            settings.models,
            engine=settings.engine,
            ollama_host=settings.ollama_host,
            ollama_parallel=settings.ollama_parallel,
        )

    return Service(
        Workbench(
            store=Database(settings.database),
            make_catalog=make_catalog,
            default_model=settings.model,
            default_writer=settings.writer,
            clock=time.time,
        )
    )
