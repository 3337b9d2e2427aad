"""What one skill teaches the next: tokens until a second skill reaches its target, with and without a first one.

    python benchmarks/transfer.py --results FILE --first examples/ticket-route.json --second examples/commit-type.json
    python benchmarks/transfer.py --results FILE --table [--target 0.5]

The second skill is evolved by itself (`alone`), after the first (`patterns`), and after the first with `inherit_from`
(`inherit`): the same search with the same seed, budget and splits, each in a store of its own, beside the results. A
row holds how the best candidate measured on the whole search split rose with the tokens spent. Stopped, the same
command goes on where it was. See README.md.
"""

import argparse
import json
import shutil
import statistics
import time
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import anyio
from compare import read  # beside this file

from promptbreeder.models.base import Catalog
from promptbreeder.requests import DEFAULT_BUDGET_TOKENS, Actor, EvolveRequest, SkillDefinition
from promptbreeder.results import RunReport
from promptbreeder.runs.journal import ENTRY, Gated
from promptbreeder.runs.plan import ENGINE_VERSION
from promptbreeder.service import Service, Workbench
from promptbreeder.store import runs
from promptbreeder.store.database import Database
from promptbreeder_server.compose import catalog_of
from promptbreeder_server.settings import Settings

ARMS = ("alone", "patterns", "inherit")
KEY = ("first", "task", "strategy", "arm", "seed", "budget", "model", "engine_version")
"""What a row is about."""
ACTOR = Actor("human", "benchmarks/transfer.py")
Curve = list[tuple[int, float]]
"""Tokens spent, and the accuracy of the best candidate known in full from then on."""


def main() -> None:
    """Measure, or print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, required=True, help="JSON lines; rows are appended")
    parser.add_argument("--first", type=Path, metavar="FILE", help="skill file of the skill that teaches")
    parser.add_argument("--second", type=Path, metavar="FILE", help="skill file of the skill that is measured")
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=ARMS, help="default: all")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3], help="default: 1 2 3")
    parser.add_argument("--budget-tokens", type=int, default=DEFAULT_BUDGET_TOKENS, help="of each run")
    parser.add_argument("--strategy", default="auto", help="of all runs (default auto)")
    parser.add_argument("--model", default="embedded", help="as PROMPTBREEDER_MODEL (default embedded)")
    parser.add_argument("--table", action="store_true", help="print what is in the file")
    parser.add_argument("--target", type=float, help="search accuracy; default: what `alone` reached with that seed")
    options = parser.parse_args()
    if options.table:
        print(table(read(options.results), options.target))
    elif options.first and options.second:
        anyio.run(measure, options)
    else:
        parser.error("give --first and --second to measure, or --table")


async def measure(options: argparse.Namespace) -> None:
    """Append the rows that are missing; the first skill is evolved once a seed."""
    first, second = (
        SkillDefinition.parse(json.loads(path.read_text(encoding="utf-8"))) for path in (options.first, options.second)
    )
    settings = Settings.read()
    models = catalog_of(settings)
    model = await models.resolve(options.model)
    done = [tuple(row[name] for name in KEY) for row in read(options.results)]
    for seed in options.seeds:
        for arm in options.arms:
            about = (first.name, second.name, options.strategy, arm, seed, options.budget_tokens, model, ENGINE_VERSION)
            if about in done:
                continue
            row = await _Bench(models, model, options, seed).row(arm, first, second)
            with options.results.open("a", encoding="utf-8") as results:
                results.write(json.dumps({**dict(zip(KEY, about, strict=True)), **row}, ensure_ascii=False) + "\n")
            print(f"{arm}, seed {seed}: {json.dumps(row)}", flush=True)


class _Bench:
    """The stores of one seed."""

    def __init__(self, models: Catalog, model: str, options: argparse.Namespace, seed: int) -> None:
        self._models, self._model = models, model
        self._options, self._seed = options, seed

    async def row(self, arm: str, first: SkillDefinition, second: SkillDefinition) -> dict[str, Any]:
        """Return what one arm brought."""
        path = self._path(arm, first, second)
        if arm != "alone" and not path.exists():
            shutil.copy(await self._taught(first, second), path)
        async with self._service(path) as service:
            if arm == "inherit":
                second = second.model_copy(update={"inherit_from": first.name})
            report = await self._evolved(service, second)
        curve, test_acc = await risen(path, report.run_id)
        return {
            "test_acc": test_acc if report.version else None,
            "curve": curve,
            "tokens": report.tokens,
            "seconds": report.seconds,
            "inherited": report.inherited,
        }

    async def _taught(self, first: SkillDefinition, second: SkillDefinition) -> Path:
        """Return a store in which the first skill was evolved, and what it found is in production."""
        path = self._path("taught", first, second)
        async with self._service(path) as service:
            report = await self._evolved(service, first)
            if report.version is not None and report.version != (await service.skills())[0].production:
                await service.promote(first.name, report.version, "found", ACTOR, force=True)
        return path

    def _path(self, name: str, first: SkillDefinition, second: SkillDefinition) -> Path:
        options = self._options
        folder: Path = options.results.with_suffix(".stores")
        folder.mkdir(exist_ok=True)
        about = (first.name, second.name, options.strategy, self._seed, options.budget_tokens, self._model, name)
        return folder / f"{'_'.join(''.join(c if c.isalnum() else '-' for c in str(part)) for part in about)}.db"

    async def _evolved(self, service: Service, definition: SkillDefinition) -> RunReport:
        await service.define_skill(definition, ACTOR)
        recent = await service.runs(definition.name)
        if recent and recent[0].status == "finished":
            return recent[0]
        request = EvolveRequest(
            skill=definition.name,
            strategy=self._options.strategy,
            budget_tokens=self._options.budget_tokens,
            seed=self._seed,
        )
        report = await service.evolve(request, ACTOR, wait_seconds=float("inf"))
        if report.status != "finished":
            raise SystemExit(str(report))
        return report

    def _service(self, path: Path) -> Service:
        return Service(
            Workbench(
                store=Database(path),
                make_catalog=lambda: self._models,
                default_model=self._model,
                default_writer=None,
                clock=time.time,
            )
        )


async def risen(path: Path, run_id: str) -> tuple[Curve, float | None]:
    """Return how the best candidate measured in full rose in a run, and its winner's accuracy on the gate split."""
    store = Database(path)
    entries = [ENTRY.validate_json(row.answer) for row in await store.read(lambda db: runs.journal(db, run_id))]
    store.close()
    curve: Curve = []
    test_acc, spent = None, 0
    scores: dict[str, list[float]] = {}
    # Production is measured in full before anything else.
    items = sum(len(result.scores) for result in entries[0].results)
    for entry in entries:
        spent += entry.usage.tokens
        for result in entry.results:
            scores.setdefault(result.prompt, []).extend(result.scores)
        best = max((round(sum(known) / items, 4) for known in scores.values() if len(known) == items), default=0.0)
        if not curve or best > curve[-1][1]:
            curve.append((spent, best))
        if isinstance(entry.answer, Gated) and (judged := entry.answer.challenger.scores):
            test_acc = round(sum(judged) / len(judged), 4)
    return curve, test_acc


def tokens_to(target: float, curve: Sequence[Sequence[float]]) -> int | None:
    """Return the tokens after which the target was reached; None where it was not."""
    return next((int(spent) for spent, best in curve if best >= target), None)


def table(rows: list[dict[str, Any]], target: float | None) -> str:
    """Return the tokens of every arm and seed to the target, and the medians of those that reached it."""
    lines = []
    for first, task in dict.fromkeys((row["first"], row["task"]) for row in rows):
        own = {(row["arm"], row["seed"]): row for row in rows if (row["first"], row["task"]) == (first, task)}
        seeds = sorted({seed for _, seed in own})
        reached: dict[str, list[int | None]] = {}
        for arm, seed in product(ARMS, seeds):
            alone, row = own.get(("alone", seed)), own.get((arm, seed))
            goal = target if target is not None else alone["curve"][-1][1] if alone else None
            if row is None or goal is None:
                continue
            found = tokens_to(goal, row["curve"])
            reached.setdefault(arm, []).append(found)
            end = f"; {row['curve'][-1][1]:.2f} at the end, gate {row['test_acc']}"
            told = "not reached" if found is None else f"{found:,} tokens"
            lines.append(f"{first} -> {task}, seed {seed}, {arm}: {told} to {goal:.2f}{end}")
        for arm, tokens in reached.items():
            there = [count for count in tokens if count is not None]
            middle = f"median {statistics.median(there):,.0f} tokens" if there else "never"
            lines.append(f"{first} -> {task}, {arm}: reached {len(there)} of {len(tokens)} times, {middle}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
