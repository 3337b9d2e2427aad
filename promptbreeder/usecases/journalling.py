"""A run's journal in the store: each answer in one transaction with the units that it made."""

import json

from promptbreeder.evaluation.meter import Usage
from promptbreeder.evolution import asks
from promptbreeder.prompt import Prompt
from promptbreeder.runs.journal import ENTRY, AnyAsk, Entry, Stored, Welcome, ask_hash
from promptbreeder.store import immigrants, runs
from promptbreeder.store import units as stored_units
from promptbreeder.store.tables import Tables
from promptbreeder.usecases.workbench import Workbench


class StoredJournal:
    """See `promptbreeder.runs.journal.Journal`."""

    def __init__(self, bench: Workbench, run_id: str, fence: int) -> None:
        """Keep the journal of one run, under one fence."""
        self._bench = bench
        self._run_id = run_id
        self._fence = fence

    async def read(self) -> tuple[Stored, ...]:
        """Return all entries, in order."""
        stored = await self._bench.store.read(lambda db: runs.journal(db, self._run_id))
        return tuple(Stored(e.ask_kind, e.ask_hash, ENTRY.validate_json(e.answer)) for e in stored)

    async def append(self, number: int, ask: AnyAsk, entry: Entry) -> None:
        """Store the answer to the `number`-th ask, and with it the units that it made."""
        now = self._bench.clock()

        def write(db: Tables) -> None:
            self._append(db, number, ask, entry, now)
            if isinstance(ask, asks.Generation):
                stored_units.put(db, self._run_id, ask.number, [_unit_row(unit) for unit in ask.units])

        await self._bench.store.write(write)

    async def append_arrivals(self, number: int, ask: AnyAsk, seconds: float, welcome: Welcome) -> Entry:
        """Take the prompts handed in from outside and store what `welcome` answers them, in one transaction."""
        now = self._bench.clock()

        def write(db: Tables) -> Entry:
            taken = immigrants.take(db, self._run_id, self._fence, now=now)
            entry = Entry(
                answer=welcome(tuple(Prompt.model_validate_json(text) for text in taken)),
                usage=Usage(),
                seconds=seconds,
            )
            self._append(db, number, ask, entry, now)
            return entry

        return await self._bench.store.write(write)

    def _append(self, db: Tables, number: int, ask: AnyAsk, entry: Entry, now: float) -> None:
        runs.append_answer(
            db,
            self._run_id,
            self._fence,
            n=number,
            ask_kind=ask.kind,
            ask_hash=ask_hash(ask),
            answer=entry.model_dump_json(),
            now=now,
        )


def _unit_row(unit: asks.Unit) -> dict[str, object]:
    return {
        "content_hash": unit.prompt.content_hash,
        "instruction": unit.prompt.instruction,
        "mutation_prompt": unit.mutation_prompt,
        "operator": unit.operator,
        "parents": json.dumps(unit.parents),
        "fitness": unit.score.fitness if unit.score else None,
    }
