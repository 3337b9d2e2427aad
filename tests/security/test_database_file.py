"""Other users of the machine, and links that lead elsewhere."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from promptbreeder.errors import StoreUnavailable
from promptbreeder.service import Service
from promptbreeder.store import backup
from promptbreeder.store.database import Database
from promptbreeder.store.tables import Tables

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def _generous() -> Iterator[None]:
    """Let files be readable by everybody unless the program says otherwise."""
    before = os.umask(0)
    yield
    os.umask(before)


def modes(folder: Path) -> dict[str, int]:
    """Return the permissions of a folder and of all in it."""
    return {str(path): path.stat().st_mode & 0o777 for path in (folder, *folder.rglob("*"))}


async def test_folder_database_journal_and_backups_are_the_users_own(tmp_path: Path) -> None:
    """At every moment, whatever the umask: also while a transaction is open, and while a copy is made."""
    home = tmp_path / "home"
    store = Database(home / "promptbreeder.db")
    seen: dict[str, int] = {}

    def write(db: Tables) -> None:
        db.execute("INSERT INTO leases VALUES ('a', 'b', 0)")
        seen.update(modes(home))

    await store.write(write)
    await store.backup()
    store.close()
    seen |= modes(home)
    assert any(name.endswith("-journal") for name in seen)
    assert {name: mode for name, mode in seen.items() if mode & 0o077} == {}


def test_a_copy_is_private_before_anything_is_in_it(tmp_path: Path) -> None:
    """Made so, not changed to it later; and a link that was laid in its way is removed, not followed."""
    target, link = tmp_path / "target", tmp_path / "x.partial"
    target.write_text("precious", encoding="utf-8")
    link.symlink_to(target)
    backup.make_private(link)
    assert not link.is_symlink()
    assert link.stat().st_mode & 0o777 == 0o600
    assert target.read_text(encoding="utf-8") == "precious"


@pytest.mark.parametrize("exists", [True, False])
async def test_a_link_in_the_databases_place_is_not_followed(
    tmp_path: Path, open_service: Callable[..., Service], *, exists: bool
) -> None:
    """Neither to a file that is there nor to one that would be made; and the error says so."""
    target, link = tmp_path / "target", tmp_path / "home" / "promptbreeder.db"
    link.parent.mkdir()
    link.symlink_to(target)
    if exists:
        target.write_bytes(b"")
    async with open_service(link) as service:
        with pytest.raises(StoreUnavailable, match="symbolic link"):
            await service.skills()
    assert not exists or target.read_bytes() == b""
    assert target.exists() == exists
