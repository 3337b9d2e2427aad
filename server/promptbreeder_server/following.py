"""Following what other processes do with the database, so that clients hear of it."""

from collections.abc import Callable

from promptbreeder.service import Change, Mark, Service

EVERY_SECONDS = 5.0


class Follower:
    """Tells what others have changed since it was called last."""

    def __init__(self, service: Service, tell: Callable[[Change], None]) -> None:
        """Follow from the first call on."""
        self._service = service
        self._tell = tell
        self._mark: Mark | None = None

    async def __call__(self) -> None:
        """Look, and tell; raises StoreError where the database cannot be read."""
        self._mark, changes = await self._service.changes_of_others(self._mark)
        for change in changes:
            self._tell(change)
