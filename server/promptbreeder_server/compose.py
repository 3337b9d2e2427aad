"""The composition root: the only place that names concrete backends and the database."""

import time

from promptbreeder.models.base import Model
from promptbreeder.service import Service, Workbench
from promptbreeder.store.database import Database
from promptbreeder_server.settings import Settings


def compose(settings: Settings) -> Service:
    """Return the service; nothing is opened or loaded before it is used."""

    def make_model(name: str) -> Model:
        from promptbreeder.models.choosing import choose_model  # noqa: PLC0415 - not needed to answer tools/list

        return choose_model(name, settings.models, engine=settings.engine)

    return Service(
        Workbench(
            store=Database(settings.database),
            make_model=make_model,
            default_model=settings.model,
            default_writer=settings.writer,
            clock=time.time,
        )
    )
