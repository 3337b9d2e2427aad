"""A program for `test_kills.py`: evolves the ticket skill in forked processes and kills all but perhaps the last.

    python killed.py TESTS DATABASE KILLS SEED FIRST_HOUR

Each child says a byte for every step it takes (a transaction begun, about to be committed, or committed; a model call).
The parent lets it take a drawn number of steps and sends SIGKILL, which finds the child somewhere after that step.
KILLS 0: one child that is left alone. Prints how many children were really killed.
"""

import importlib.util
import os
import random
import signal
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import anyio

from promptbreeder.models.base import Block, Choice, Choose, Generate, Reply
from promptbreeder.models.scripted import ScriptedModel
from promptbreeder.requests import Actor, EvolveRequest
from promptbreeder.store import database
from promptbreeder.store.database import Database

MOST_STEPS = 30


def main(tests: str, path: str, kills: int, seed: int, hour: int) -> None:
    """Kill `kills` children, or leave one alone."""
    spec = importlib.util.spec_from_file_location("shared", Path(tests) / "conftest.py")
    assert spec is not None
    assert spec.loader is not None
    shared = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(shared)
    rng, killed = random.Random(seed), 0
    for number in range(max(1, kills)):
        steps = rng.randint(1, MOST_STEPS) if kills else None
        if not _killed_after(steps, partial(_evolve, shared, Path(path), hour + number)):
            break
        killed += 1
    sys.stdout.write(f"{killed}\n")


def _killed_after(steps: int | None, work: Callable[[Callable[[], object]], None]) -> bool:
    """Fork, and return whether the child was killed; false: it came to its end."""
    told, tell = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(told)
        try:
            work(lambda: os.write(tell, b"."))
        finally:
            os._exit(0)
    os.close(tell)
    while (steps is None or steps > 0) and (seen := os.read(told, 1 if steps is None else steps)):
        steps = None if steps is None else steps - len(seen)
    if steps == 0:
        os.kill(child, signal.SIGKILL)
    os.close(told)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def _evolve(shared: Any, path: Path, hours: float, step: Callable[[], object]) -> None:  # noqa: ANN401  a test module
    write = Database.write

    async def stepping(self: Database, work: Callable[[Any], Any]) -> Any:  # noqa: ANN401  whatever work returns
        def stepping_work(tables: Any) -> Any:  # noqa: ANN401
            step()
            result = work(tables)
            step()
            return result

        result = await write(self, stepping_work)
        step()
        return result

    class SteppingModel(ScriptedModel):
        async def generate(self, requests: Sequence[Generate]) -> Block[Reply]:
            step()
            return await super().generate(requests)

        async def choose(self, requests: Sequence[Choose]) -> Block[Choice]:
            step()
            return await super().choose(requests)

    async def run() -> None:
        request = EvolveRequest(skill="tickets", generations=2, population=6, budget_tokens=60_000)
        async with shared.make_service(path, SteppingModel(), hours=hours) as service:
            if not any(run.status == "finished" for run in await service.runs("tickets")):
                await service.evolve(request, Actor("human", "test"), wait_seconds=60)

    # This process exists for nothing else.
    Database.write = stepping  # type: ignore[method-assign]
    database.connect = shared.quickened(database.connect)
    anyio.run(run)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5]))
