"""MIPROv2 (Opsahl-Ong et al., arXiv 2406.11695): instructions and demonstrations, chosen together by an optimiser.

Step 1 bootstraps lists of demonstrations from the executor's own right answers, step 2 proposes instructions grounded
in the data, step 3 searches their combinations, here with the way of decoding as a third choice. A trial is a
minibatch; every so often the best combination not yet known in full is measured on everything.

Trials are paired: all begin with the same blocks, and what the optimiser is told is the lead over the production
prompt on the blocks measured. The optimiser is Optuna's tree-structured Parzen estimator, made anew for each trial
from what was measured and a seed, so that guests can widen the choice, and a replay needs no state of it.

What this file does not do: choose the winner. The runner takes it from the prompts measured on all blocks.
"""

import importlib
import importlib.metadata
from collections.abc import Sequence
from random import Random
from typing import Any

from promptbreeder.errors import InvalidInput
from promptbreeder.evolution.asking import Step, arrivals
from promptbreeder.evolution.asks import Strategy, Task, Unit
from promptbreeder.evolution.choices import Grid, Point
from promptbreeder.evolution.context import Context
from promptbreeder.evolution.ledger import Ledger
from promptbreeder.evolution.measuring import complete, ranked
from promptbreeder.evolution.mipro_profiles import MiproProfile
from promptbreeder.evolution.operators.bootstrap import attempted, bootstrapped_sets
from promptbreeder.evolution.operators.grounding import derived, proposed, summary_of, written_summary
from promptbreeder.evolution.population import Population
from promptbreeder.evolution.similarity import distinct
from promptbreeder.evolution.telling import immigrant, newcomers, report
from promptbreeder.prompt import Decoding, Prompt, strictest

NAME = "mipro"


def installed_optuna() -> str | None:
    """Return the version of Optuna that is installed, if any: with another one, the same seed makes other choices."""
    try:
        return importlib.metadata.version("optuna")
    except importlib.metadata.PackageNotFoundError:
        return None


def required_optuna() -> str:
    """Return the version of Optuna.

    Raises:
        InvalidInput: if it is not installed.
    """
    version = installed_optuna()
    if version is None:
        raise InvalidInput(
            "the strategy mipro needs Optuna, which is not installed: pip install 'promptbreeder-mcp[mipro]', or take "
            "another strategy"
        )
    return version


def mipro(task: Task, rng: Random, profile: MiproProfile) -> Strategy:
    """Search the combinations of instruction, demonstrations and decoding."""
    context, ledger = Context(task, rng, profile), Ledger(task.blocks)
    given = [Prompt.model_validate(seed) for seed in task.seeds[: profile.room]] or [Prompt(instruction="")]
    units: Population = tuple(Unit(prompt=prompt, mutation_prompt="", operator="seed") for prompt in given)
    base = given[0]
    yield from complete(units[:1], ledger)
    yield from _minibatch(given[1:], profile, ledger)
    grid = yield from _choices(given, profile, context)
    openings = [prompt for prompt in _openings(grid) if ledger.missing(prompt)][: profile.openings]
    yield from report(0, ranked(units, ledger), context)
    for number in range(1, profile.generations + 1):
        guests = newcomers(units, (yield from arrivals()), immigrant)
        for guest in guests:
            grid.take_in(guest.prompt)
        units = (*units, *guests)
        chosen = openings.pop(0) if openings else _next(grid, units, ledger, context, profile)
        if chosen is None and not guests:
            break
        tried = [unit.prompt for unit in units]
        new = [_combined(prompt, base) for prompt in (chosen,) if prompt is not None and prompt not in tried]
        best = ranked([unit for unit in units if unit not in guests], ledger)[: profile.told]
        # Told before anything of it is measured: whatever wins, where it comes from is on record.
        yield from report(number, (*best, *guests, *new), context)
        yield from _minibatch([*(guest.prompt for guest in guests), *([chosen] if chosen else [])], profile, ledger)
        units = (*units, *new)
        if number % profile.complete_every == 0:
            # The best by its trials so far of those that are not known in full.
            open_ = [
                unit for unit in ranked(units, ledger) if ledger.missing(unit.prompt) and ledger.may_win(unit.prompt)
            ]
            yield from complete(tuple(open_[: profile.completed]), ledger)
    yield from complete(ranked(units, ledger)[: profile.final_candidates], ledger)
    yield from report(profile.generations, ranked(units, ledger)[: profile.told], context)


def _choices(given: Sequence[Prompt], profile: MiproProfile, context: Context) -> Step[Grid]:
    """Bootstrap demonstrations and propose instructions (steps 1 and 2)."""
    base, task = given[0], context.task
    decodings = tuple(Decoding(value) for value in task.decodings)
    # Answered in the way that label bias disturbs least, so that there are right answers of every label.
    trials = yield from attempted(base.but(decoding=strictest(decodings)), context, profile.pool)
    sets = bootstrapped_sets(trials, context, profile.sets)
    summary = (yield from written_summary(context)) if profile.written_summary else summary_of(task)
    shown = sets[-1][: profile.exemplars] if sets else ()
    texts = [prompt.instruction for prompt in given]
    wanted = max(0, profile.instructions - len(texts))
    written = yield from proposed(base, summary, shown, context, min(profile.written, wanted))
    grid = Grid([], [], decodings)
    for prompt in (base.but(decoding=decodings[0]), *given[1:]):
        grid.take_in(prompt)
    for text in distinct((*texts, *written, *derived(base, trials, context))):
        if len(grid.frames) < profile.instructions and text not in texts:
            grid.take_in(base.but(instruction=text, decoding=decodings[0]))
    for shots in sets:
        grid.take_in(base.but(demonstrations=shots, decoding=decodings[0]))
    return grid


def _openings(grid: Grid) -> list[Prompt]:
    """Return the first instruction with each list of demonstrations, under the decoding that takes label bias out."""
    best = grid.decodings.index(strictest(grid.decodings))
    return [grid.at(Point(0, shots, best)) for shots in range(len(grid.shots))]


def _next(grid: Grid, units: Population, ledger: Ledger, context: Context, profile: MiproProfile) -> Prompt | None:
    """Return the combination to try next: the optimiser's, or where that is known in full, any that is not."""
    base = units[0].prompt
    told = [
        (point, ledger.advantage(unit.prompt, base))
        for unit in units
        if ledger.known(unit.prompt) and (point := grid.place_of(unit.prompt)) is not None
    ]
    prompt = grid.at(_suggested(grid.sizes, told, context.rng.getrandbits(31), profile.startup))
    if ledger.missing(prompt):
        return prompt
    open_ = [other for point in grid.points() if ledger.missing(other := grid.at(point))]
    return context.rng.choice(open_) if open_ else None


def _suggested(sizes: Point, told: Sequence[tuple[Point, float]], seed: int, startup: int) -> Point:
    """Return the point that Optuna asks for after it was told what is known (step 3)."""
    optuna: Any = importlib.import_module("optuna")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    space = {
        axis: optuna.distributions.CategoricalDistribution(tuple(range(size)))
        for axis, size in zip(Point._fields, sizes, strict=True)
    }
    sampler = optuna.samplers.TPESampler(seed=seed, multivariate=True, n_startup_trials=startup)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    study.add_trials(
        [optuna.trial.create_trial(params=point._asdict(), distributions=space, value=value) for point, value in told]
    )
    return Point(**study.ask(space).params)


def _combined(prompt: Prompt, base: Prompt) -> Unit:
    return Unit(prompt=prompt, mutation_prompt="", operator=NAME, parents=(base.content_hash,))


def _minibatch(prompts: Sequence[Prompt], profile: MiproProfile, ledger: Ledger) -> Step[None]:
    """Measure each prompt on the next blocks that it lacks: the same ones, in the same order, for all."""
    for prompt in prompts:
        yield from ledger.measure([prompt], ledger.missing(prompt)[: profile.batch_blocks])
