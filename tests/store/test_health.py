"""What the doctor can find in the file."""

from collections.abc import Callable
from pathlib import Path

import pytest

from promptbreeder.service import Service
from promptbreeder.store import calls, health
from promptbreeder.store.tables import Tables


def _failed(db: Tables) -> list[tuple[str, str]]:
    return [(check.what, check.detail) for check in health.checks(db) if not check.ok]


def test_a_sound_database_passes_every_check(db: Tables, stock: Callable[..., None]) -> None:
    """Empty or filled."""
    assert _failed(db) == []
    stock(db)
    calls.add(db, call_id="c-1", skill="ticket-route", version=1, text="Parcel?", answer="delivery", now=1.0)
    assert _failed(db) == []


def test_a_state_that_the_events_do_not_tell_is_found(stocked: Tables, stock: Callable[..., None]) -> None:
    """Production changes only through events; whatever else changed it is named by skill."""
    stock(stocked, "other")
    stocked.execute("UPDATE skill_state SET production = 4 WHERE skill = 'other'")
    assert _failed(stocked) == [("production versions", "not as the events tell: other")]
    stocked.execute("DELETE FROM skill_state")
    assert _failed(stocked) == [("production versions", "not as the events tell: other, ticket-route")]


def test_rows_that_refer_to_nothing_are_found(stocked: Tables) -> None:
    """As another tool may leave them, which does not enforce references."""
    stocked.conn.execute("PRAGMA defer_foreign_keys = ON")
    stocked.execute("INSERT INTO skill_state VALUES ('nobody', 1)")
    assert ("references", "1 rows refer to nothing") in _failed(stocked)


def test_a_version_whose_prompt_was_altered_is_found(stocked: Tables) -> None:
    """By whoever took away the trigger; it is named with its number."""
    stocked.execute("DROP TRIGGER versions_no_update")
    stocked.execute(
        "UPDATE versions SET prompt = replace(prompt, 'instruction\":\"', 'instruction\":\"Not ') WHERE n = 1"
    )
    assert _failed(stocked) == [("version contents", "altered: ticket-route 1")]


@pytest.mark.anyio
async def test_a_folder_in_which_nothing_can_be_written_is_found(
    plain_user: Path, open_service: Callable[..., Service]
) -> None:
    """The file is sound and could be written, but no journal beside it; looking leaves nothing behind."""
    path = plain_user / "home" / "promptbreeder.db"

    async def found(service: Service) -> dict[str, str]:
        return {finding.check: finding.detail for finding in await service.doctor() if not finding.ok}

    async with open_service(path) as service:
        assert await found(service) == {}
        before = path.read_bytes()
        assert await found(service) == {}
        assert path.read_bytes() == before
        path.parent.chmod(0o500)
        assert "make the file and its folder writable" in (await found(service))["writing"]


@pytest.mark.anyio
async def test_a_file_that_can_only_be_read_is_found(plain_user: Path, open_service: Callable[..., Service]) -> None:
    """As on a file system that is mounted so; all else is looked at."""
    path = plain_user / "promptbreeder.db"
    async with open_service(path) as service:
        await service.doctor()
    path.chmod(0o400)
    async with open_service(path) as service:
        findings = {finding.check: finding for finding in await service.doctor()}
    assert [check for check, finding in findings.items() if not finding.ok] == ["writing"]
    assert "read-only" in findings["writing"].detail
