"""What was in production when, asked in the words that the history itself uses."""

from collections.abc import Callable
from pathlib import Path

import pytest

from promptbreeder.errors import NotFound
from promptbreeder.requests import Actor, SkillDefinition
from promptbreeder.service import Service

pytestmark = pytest.mark.anyio
NOON = 1_769_860_800.0
"""2026-01-31T12:00:00Z."""


async def test_at_the_time_that_an_event_shows_what_it_did_is_done(
    tmp_path: Path, open_service: Callable[..., Service], ticket_skill: Callable[..., SkillDefinition], actor: Actor
) -> None:
    """Times are shown to the second, and things happen in the middle of one; the second before is before it."""
    now = NOON + 0.7
    async with open_service(tmp_path / "a.db", clock=lambda: now) as service:
        await service.define_skill(ticket_skill(variant="Other words.", examples=[]), actor)
        now = NOON + 10.25
        await service.promote("tickets", 2, "why", actor, force=True)
        promoted, *_, created = await service.history("tickets")
        assert (created.at, promoted.at) == ("2026-01-31T12:00:00Z", "2026-01-31T12:00:10Z")

        async def version_at(time: str) -> int | None:
            return (await service.production_at("tickets", time)).version

        assert await version_at(created.at) == 1
        assert await version_at("2026-01-31T11:59:59Z") is None
        assert await version_at("2026-01-31T12:00:09Z") == 1
        assert await version_at(promoted.at) == 2
        assert await version_at("2026-01-31T13:00:10+01:00") == 2
        # Asked to the fraction, it is that moment.
        assert await version_at("2026-01-31T12:00:10.2Z") == 1
        assert (await service.production_at("tickets", promoted.at)).at == promoted.at
        with pytest.raises(NotFound):
            await service.production_at("nobody", promoted.at)
