"""What racing saves: model calls against full evaluation of all prompts, and whether the choice is as good.

    python benchmarks/economy.py --matrix FILE                       replay a stored matrix, a moment
    python benchmarks/economy.py --matrix FILE --make TASK.jsonl     measure one first, minutes
    python benchmarks/economy.py --synthetic SEED                    draw one instead

Replayed is the product's own code: the first generation of a strategy on all prompts of the matrix, then the runner's
finalists and its choice. Only the executor's answers come from the matrix. Each of the seeds puts items and prompts
into another order; the incumbent stays first. See README.md.
"""

import argparse
import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any, cast

import anyio
from in_memory import ACCURACY_ONLY, plan_of  # these three beside this file
from matrix import Matrix, measured, synthetic
from task_files import read_task

from promptbreeder.evaluation.evaluator import Answer, Evaluator
from promptbreeder.evaluation.meter import Meter, Usage
from promptbreeder.evaluation.metrics import Verdict
from promptbreeder.evidence.exact import mcnemar
from promptbreeder.evolution import asks
from promptbreeder.evolution.asks import Strategy
from promptbreeder.evolution.effects import rank_correlation
from promptbreeder.evolution.profiles import SMOLLM2
from promptbreeder.evolution.strategies.edits import EDITS_PROFILES, edits
from promptbreeder.evolution.strategies.promptbreeder import promptbreeder
from promptbreeder.prompt import Decoding, Prompt
from promptbreeder.runs.answering import Answering, Material
from promptbreeder.runs.blocks import BLOCK_SIZE, in_blocks
from promptbreeder.runs.driver import FINALISTS
from promptbreeder.runs.ledger import Ledger
from promptbreeder.skill import Example, Skill

GOAL_CALLS, GOAL_SAME, SIGNIFICANT = 1 / 3, 0.9, 0.05
RACES = ("promptbreeder", "edits")
_RIGHT, _WRONG = "right", "wrong"


class Replayed:
    """Answers like `promptbreeder.evaluation.evaluator.Evaluator`, from a matrix, and charges the same calls."""

    def __init__(self, matrix: Matrix) -> None:
        """Answer with what is in `matrix`."""
        rows = zip(matrix.prompts, matrix.correct, matrix.likelihood, strict=True)
        self._rows = {prompt.content_hash: (correct, likely) for prompt, correct, likely in rows}

    async def answer(
        self, prompt: Prompt, inputs: Sequence[str], meter: Meter, *, prior: Sequence[float] | None = None
    ) -> tuple[Answer, ...]:
        """Return whether the model was right, and how likely that was; inputs are numbers of columns."""
        del prior
        correct, likely = self._rows[prompt.content_hash]
        # Constrained and calibrated decoding of one text share the label probabilities.
        asked = prompt if prompt.decoding is Decoding.FREE else prompt.but(decoding=Decoding.CONSTRAINED)
        key = f"{asked.content_hash} {tuple(inputs)}"
        if key not in meter.seen:
            meter.charge(Usage(calls=len(inputs)), key)
        return tuple(_answer(correct[item], likely[item]) for item in map(int, inputs))

    @staticmethod
    def likelihood(answer: Answer, expected: str) -> float | None:
        """Return what came with the answer; nothing where it was not chosen among labels."""
        del expected
        return answer.shares[0] if answer.shares else None


def _answer(correct: float, likelihood: float | None) -> Answer:
    return Answer(text=_RIGHT if correct else _WRONG, shares=() if likelihood is None else (likelihood,))


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen, after how many calls."""

    prompt: int
    """Row of the matrix."""
    calls: int


@dataclass(frozen=True, slots=True)
class Replay:
    """One seed: what full evaluation chose, what the race chose, and what the runner chose after its finalists."""

    full: Choice
    race: Choice
    run: Choice


def main() -> None:
    """Replay and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--matrix", type=Path, help="matrix to replay, or to write with --make")
    source.add_argument("--synthetic", type=int, metavar="SEED", help="draw a matrix of 40 prompts and 100 items")
    parser.add_argument("--make", type=Path, metavar="TASK", help="measure the matrix on this task file first")
    parser.add_argument("--prompts", type=int, default=40, help="with --make: how many prompts (default 40)")
    parser.add_argument("--model", default="embedded", help="with --make: as PROMPTBREEDER_MODEL (default embedded)")
    parser.add_argument("--seeds", type=int, default=10, help="orders to replay (default 10)")
    options = parser.parse_args()
    if options.make and not options.matrix:
        parser.error("--make needs --matrix: the file to write")
    if options.make:
        anyio.run(_make, options)
    matrix = Matrix.load(options.matrix) if options.matrix else synthetic(options.synthetic)
    report = {
        "benchmark": "economy",
        "task": matrix.task,
        "model": matrix.model,
        "prompts": len(matrix.prompts),
        "items": len(matrix.correct[0]),
        "goal": {"calls_ratio": round(GOAL_CALLS, 3), "same_or_not_worse": GOAL_SAME},
        "likelihood": likelihood_agreement(matrix, options.seeds),
        "races": {name: anyio.run(race_report, matrix, name, options.seeds) for name in RACES},
    }
    print(json.dumps(report, indent=2))


async def _make(options: argparse.Namespace) -> None:
    from promptbreeder_server.compose import catalog_of  # noqa: PLC0415
    from promptbreeder_server.settings import Settings  # noqa: PLC0415

    settings = Settings.read()
    models = catalog_of(settings)
    model = models.make(await models.resolve(options.model))
    try:
        (await measured(read_task(options.make), model, options.prompts)).save(options.matrix)
    finally:
        await model.aclose()


async def race_report(matrix: Matrix, name: str, seeds: int) -> dict[str, Any]:
    """Return the figures of one race over all seeds."""
    replays = [await replayed(matrix, name, seed) for seed in range(seeds)]

    def stage(choices: list[Choice]) -> dict[str, Any]:
        pairs = [(choice.prompt, replay.full.prompt) for choice, replay in zip(choices, replays, strict=True)]
        ratios = [choice.calls / replay.full.calls for choice, replay in zip(choices, replays, strict=True)]
        same = sum(chosen == best for chosen, best in pairs)
        fine = sum(not is_worse(matrix, chosen, best) for chosen, best in pairs)
        return {
            "calls_ratio": round(statistics.fmean(ratios), 3),
            "calls_ratio_most": round(max(ratios), 3),
            "same": same,
            "same_or_not_worse": fine,
            "accuracy_lost": round(statistics.fmean(_accuracy(matrix, b) - _accuracy(matrix, a) for a, b in pairs), 4),
            "reached": statistics.fmean(ratios) <= GOAL_CALLS and fine >= GOAL_SAME * seeds,
        }

    return {
        "seeds": seeds,
        "full_calls": replays[0].full.calls,
        "race": stage([replay.race for replay in replays]),
        "race_and_finalists": stage([replay.run for replay in replays]),
    }


async def replayed(matrix: Matrix, name: str, seed: int) -> Replay:
    """Race the prompts of `matrix` in the order of `seed`."""
    rng = Random(seed)
    columns = rng.sample(range(len(matrix.correct[0])), len(matrix.correct[0]))
    rows = [0, *rng.sample(range(1, len(matrix.prompts)), len(matrix.prompts) - 1)]
    seeds = [matrix.prompts[row] for row in rows]
    search = [Example(input=str(column), expected=_RIGHT) for column in columns]
    skill = Skill(name="economy", description="economy", settings=ACCURACY_ONLY, model="", salt="")
    plan, blocks = plan_of(skill, seeds, (), search), in_blocks(search)
    numbers = {prompt.content_hash: row for row, prompt in enumerate(matrix.prompts)}

    def answering() -> tuple[Answering, Ledger, Meter]:
        ledger, meter = Ledger(plan, len(blocks)), Meter()
        material = Material(train=(), search=blocks, gate=())
        made = Answering(
            evaluator=cast("Evaluator", Replayed(matrix)),
            writer=cast("Any", None),  # nothing is written in a first generation of given prompts
            metric=lambda reply, expected: Verdict(float(reply == expected), parsed=True, answer=reply),
            material=material,
            ledger=ledger,
            meter=meter,
        )
        return made, ledger, meter

    def chosen(ledger: Ledger, meter: Meter) -> Choice:
        winner = ledger.winner()
        assert winner is not None  # noqa: S101 - the incumbent is measured in full before anything else
        return Choice(numbers[winner[0].content_hash], meter.used.calls)

    model, ledger, meter = answering()
    await model.measure(asks.Measure(prompts=tuple(seeds), blocks=ledger.all_blocks))
    full = chosen(ledger, meter)
    model, ledger, meter = answering()
    await model.measure(asks.Measure(prompts=(seeds[0],), blocks=ledger.all_blocks))
    task = asks.Task(description="", seeds=plan.seeds, blocks=len(blocks), block_size=BLOCK_SIZE)
    await _drive(_first_generation(name, task, rng), model)
    race = chosen(ledger, meter)
    for prompt in ledger.finalists(FINALISTS):
        await model.measure(asks.Measure(prompts=(prompt,), blocks=ledger.all_blocks, race=True))
    return Replay(full, race, chosen(ledger, meter))


def _first_generation(name: str, task: asks.Task, rng: Random) -> Strategy:
    """Return the strategy with all prompts as its first population, and nothing after it."""
    many = len(task.seeds)
    if name == "promptbreeder":
        return promptbreeder(task, rng, replace(SMOLLM2, population=many, generations=0))
    return edits(task, rng, replace(EDITS_PROFILES["smollm2"], population=many, generations=0))


async def _drive(strategy: Strategy, model: Answering) -> None:
    answer: asks.Answer | None = None
    while True:
        try:
            ask = next(strategy) if answer is None else strategy.send(answer)
        except StopIteration:
            return
        answer = (await model.measure(ask))[0] if isinstance(ask, asks.Measure) else asks.Told()


def is_worse(matrix: Matrix, chosen: int, best: int) -> bool:
    """Tell whether `chosen` is significantly worse than `best` on all items, by McNemar's exact test."""
    pairs = list(zip(matrix.correct[chosen], matrix.correct[best], strict=True))
    won, lost = sum(a > b for a, b in pairs), sum(a < b for a, b in pairs)
    return lost > won and mcnemar(won, lost) < SIGNIFICANT


def likelihood_agreement(matrix: Matrix, seeds: int) -> dict[str, float]:
    """Return how far likelihood ranks the prompts that have one as accuracy does, and what picking by it would cost.

    `..._after_one_block`: how far either, on one block of items, ranks these prompts as accuracy on all other items
    does; the mean over so many draws of the block.
    """
    known = [[value for value in row if value is not None] for row in matrix.likelihood]
    rows = [row for row, values in enumerate(known) if values]
    if not rows:
        return {}
    likelihood = [statistics.fmean(known[row]) for row in rows]
    accuracy = [_accuracy(matrix, row) for row in rows]
    best = likelihood.index(max(likelihood))
    early: dict[str, list[float]] = {"likelihood": [], "accuracy": []}
    for seed in range(seeds):
        items = range(len(matrix.correct[0]))
        first = Random(seed).sample(items, BLOCK_SIZE)
        later = [_mean_over(matrix.correct[row], [item for item in items if item not in first]) for row in rows]
        for name, kept in (("likelihood", known), ("accuracy", matrix.correct)):
            early[name].append(rank_correlation([_mean_over(kept[row], first) for row in rows], later))
    return {
        "prompts": len(rows),
        "rank_correlation": round(rank_correlation(likelihood, accuracy), 3),
        "accuracy_of_likeliest": round(accuracy[best], 4),
        "best_accuracy": round(max(accuracy), 4),
        **{f"{name}_after_one_block": round(statistics.fmean(found), 3) for name, found in early.items()},
    }


def _mean_over(values: Sequence[float], items: Sequence[int]) -> float:
    return statistics.fmean(values[item] for item in items)


def _accuracy(matrix: Matrix, row: int) -> float:
    return statistics.fmean(matrix.correct[row])


if __name__ == "__main__":
    main()
