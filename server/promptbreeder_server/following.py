"""Following what other processes do with the database, so that clients hear of it."""

import logging
from collections.abc import Callable

import anyio

from promptbreeder.errors import StoreError
from promptbreeder.service import Change, Service

log = logging.getLogger(__name__)
EVERY_SECONDS = 5.0


async def follow(service: Service, tell: Callable[[Change], None], *, every: float) -> None:
    """Tell what others change, looking every so many seconds, until cancelled."""
    mark = None
    while True:
        await anyio.sleep(every)
        try:
            mark, changes = await service.changes_of_others(mark)
        except StoreError as error:
            # The tools say it to whoever can put it right.
            log.info("could not follow other processes: %s", error)
            continue
        for change in changes:
            tell(change)
