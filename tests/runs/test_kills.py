"""Kill -9: whatever a process was doing, another one finishes its run as if nothing had happened."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from promptbreeder.results import Finding
from promptbreeder.service import Service

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="the program that is killed forks"),
]
KILLS = 10


@pytest.fixture
def run_and_kill(database: Path) -> Callable[..., int]:
    """Return a function that starts the program of `killed.py` and returns how many of its processes were killed."""

    def run(kills: int, *, seed: int = 1, first_hour: int = 0, hash_seed: str = "random") -> int:
        tests = Path(__file__).parents[1]
        arguments = [tests / "runs" / "killed.py", tests, database, kills, seed, first_hour]
        done = subprocess.run(
            [sys.executable, *map(str, arguments)],
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        )
        return int(done.stdout)

    return run


async def test_a_run_killed_again_and_again_ends_like_an_uninterrupted_one(  # noqa: PLR0917  fixtures
    run_and_kill: Callable[..., int],
    database: Path,
    copy_of: Callable[[str], Path],
    open_service: Callable[..., Service],
    evolve: Callable[..., Any],
    journal: Callable[[Path], list[Any]],
    winner: Callable[[Path], Any],
) -> None:
    """Same journal, same winner, a sound database; and the runs of dead processes are taken over, not begun anew.

    Catches an answer that is journaled apart from what it made, and a take-over that loses or repeats a step.
    """
    whole = copy_of("whole")
    async with open_service(whole) as service:
        await evolve(service)
    assert run_and_kill(KILLS) > 5
    async with open_service(database, hours=KILLS) as service:
        if not any(run.status == "finished" for run in await service.runs("tickets")):
            assert (await evolve(service)).status == "finished"
        assert len(await service.runs("tickets")) == 1
        findings: tuple[Finding, ...] = await service.doctor()
        assert all(finding.ok for finding in findings), findings
    assert journal(database) == journal(whole)
    assert winner(database) == winner(whole) is not None


def test_a_run_goes_on_under_another_hash_seed(
    run_and_kill: Callable[..., int],
    database: Path,
    tmp_path: Path,
    journal: Callable[[Path], list[Any]],
    winner: Callable[[Path], Any],
) -> None:
    """A process that orders sets and hashes otherwise asks the same questions: else replay would refuse."""
    untouched = database.read_bytes()
    assert run_and_kill(2, hash_seed="1") == 2
    assert run_and_kill(0, first_hour=2, hash_seed="2") == 0
    interrupted = journal(database), winner(database)
    database.rename(tmp_path / "interrupted.db")
    database.write_bytes(untouched)
    assert run_and_kill(0, hash_seed="3") == 0
    assert (journal(database), winner(database)) == interrupted
