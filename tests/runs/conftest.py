"""A run seen from outside: its journal, what else the database holds, and models that stop at a chosen place."""

import json
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import anyio
import pytest

from promptbreeder.models.base import Block, Choice, Choose, Generate, Reply
from promptbreeder.models.scripted import ScriptedModel
from promptbreeder.requests import Actor, EvolveRequest
from promptbreeder.results import RunReport
from promptbreeder.service import Service


class Asked(NamedTuple):
    """One journaled ask: its identity, what it was answered, what was measured for it, and what it cost nominally."""

    kind: str
    ask_hash: str
    answer: dict[str, Any]
    results: list[dict[str, Any]]
    cost: tuple[int, int, int]


class HeldModel(ScriptedModel):
    """A scripted model that stops before its n-th batch call until it is released."""

    def __init__(self, hold_at: int) -> None:
        super().__init__()
        self._hold_at = hold_at
        self.reached = anyio.Event()
        self.release = anyio.Event()

    def go_on_until(self, hold_at: int) -> None:
        """Release it, and let it stop before a later call."""
        self._hold_at = hold_at
        self.reached = anyio.Event()
        self.release.set()
        self.release = anyio.Event()

    async def generate(self, requests: Sequence[Generate]) -> Block[Reply]:
        """Answer, when it is time."""
        await self._hold()
        return await super().generate(requests)

    async def choose(self, requests: Sequence[Choose]) -> Block[Choice]:
        """Answer, when it is time."""
        await self._hold()
        return await super().choose(requests)

    async def _hold(self) -> None:
        if self.calls + 1 == self._hold_at:
            self.reached.set()
            await self.release.wait()


def read_entries(path: Path) -> list[dict[str, Any]]:
    """Return the rows of the newest run's journal, answers decoded."""
    with closing(sqlite3.connect(path)) as db:
        (run_id,) = db.execute("SELECT run_id FROM runs ORDER BY rowid DESC").fetchone()
        rows = db.execute(
            "SELECT ask_kind, ask_hash, answer FROM run_journal WHERE run_id = ? ORDER BY n", [run_id]
        ).fetchall()
    return [{"kind": kind, "ask_hash": ask_hash, **json.loads(answer)} for kind, ask_hash, answer in rows]


def read_journal(path: Path) -> list[Asked]:
    """Return the newest run's journal without what it really cost and how long it took."""

    def cost(usage: dict[str, int]) -> tuple[int, int, int]:
        return usage["calls"], usage["prompt_tokens"], usage["completion_tokens"]

    return [Asked(e["kind"], e["ask_hash"], e["answer"], e["results"], cost(e["usage"])) for e in read_entries(path)]


def read_winner(path: Path) -> tuple[str, str] | None:
    """Return content hash and calibration of the newest evolved version."""
    with closing(sqlite3.connect(path)) as db:
        query = "SELECT content_hash, calibration FROM versions WHERE origin = 'evolved' ORDER BY n DESC"
        winner: tuple[str, str] | None = db.execute(query).fetchone()
        return winner


def read_all(path: Path) -> list[str]:
    """Return everything that is stored but for the reply cache, which anybody may fill at any time."""
    with closing(sqlite3.connect(path)) as db:
        return [line for line in db.iterdump() if "reply_cache" not in line]


@pytest.fixture(autouse=True)
def _quick(quick_store: None) -> None:
    pass


@pytest.fixture(scope="session")
def held_model() -> type[HeldModel]:
    """Return the class."""
    return HeldModel


@pytest.fixture(scope="session")
def entries() -> Callable[[Path], list[dict[str, Any]]]:
    """Return the reader of a journal in full."""
    return read_entries


@pytest.fixture(scope="session")
def journal() -> Callable[[Path], list[Asked]]:
    """Return the reader of what a journal asked and answered."""
    return read_journal


@pytest.fixture(scope="session")
def winner() -> Callable[[Path], tuple[str, str] | None]:
    """Return the reader of the evolved version."""
    return read_winner


@pytest.fixture(scope="session")
def everything() -> Callable[[Path], list[str]]:
    """Return the reader of the whole database."""
    return read_all


@pytest.fixture(scope="session")
def evolve(actor: Actor) -> Callable[..., Any]:
    """Return a function that evolves the ticket skill, in a small way unless told otherwise, and waits for the end."""

    async def evolved(service: Service, *, wait: float = 60, **changes: object) -> RunReport:
        fields: dict[str, object] = {
            "skill": "tickets",
            "generations": 2,
            "population": 6,
            "budget_tokens": 60_000,
            **changes,
        }
        if changes.get("run_id"):
            fields = {"skill": "tickets", **changes}
        return await service.evolve(EvolveRequest.parse(fields), actor, wait_seconds=wait)

    return evolved
