"""Edits: a local search that needs no writer.

A beam of the best few prompts. Each round takes one family of edits, in turn: first demonstrations and decoding, where
a tiny model gains most, then format, remedies for what fails, wording, and ablation; then again. The round's candidates
race on the same blocks, two thirds of them dropped after each; the last one is measured in full if it leads the best
prompt so far, and enters the beam. So there is always a completely measured candidate; the runner picks the winner.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, cycle, zip_longest
from random import Random
from typing import Self

from promptbreeder.evolution.asking import Step, arrivals, attempt, tell
from promptbreeder.evolution.asks import Generation, Strategy, Task, Unit
from promptbreeder.evolution.base_profile import RunProfile
from promptbreeder.evolution.diagnosis import ATTEMPTS, are_complementary, attemptable, diagnose
from promptbreeder.evolution.ledger import Ledger
from promptbreeder.evolution.operators.ablation import ablated, cuts, pruned
from promptbreeder.evolution.operators.neighbours import FAMILIES
from promptbreeder.evolution.operators.remedies import REMEDIES, Case, merge
from promptbreeder.evolution.population import Population, length, ranking
from promptbreeder.evolution.variant import Variant, admissible
from promptbreeder.prompt import Prompt

_TURNS = ("examples", "formats", "remedies", "wordings", "ablation")


@dataclass(frozen=True, slots=True, kw_only=True)
class EditsProfile(RunProfile):
    """Parameters of one run; a generation is a round."""

    population: int
    """Candidates of one round."""
    survivors: int
    """Prompts in the beam."""
    context_size: int
    """Demonstrations that a list has at most, or one of each label where that is more."""
    attempts: int
    """Train examples answered to find out what fails."""

    @property
    def room(self) -> int:
        """As many as one round has candidates."""
        return self.population

    def resized(self, population: int) -> Self:
        """Return the profile with another number of candidates in a round."""
        return replace(self, population=population, survivors=min(self.survivors, population))


EDITS_PROFILES: dict[str, EditsProfile] = {
    # In blocks of 16 items a round takes 6 + 3, and what is left of the search split for a candidate that leads.
    "smollm2": EditsProfile(population=6, survivors=2, generations=30, context_size=8, attempts=ATTEMPTS),
    "thorough": EditsProfile(population=16, survivors=4, generations=60, context_size=12, attempts=32),
}


@dataclass(slots=True)
class _Search:
    task: Task
    rng: Random
    profile: EditsProfile
    ledger: Ledger
    beam: Population = ()
    """Measured in full, best first."""
    tried: list[Prompt] = field(default_factory=list)


def edits(task: Task, rng: Random, profile: EditsProfile) -> Strategy:
    """Improve the seeds by one edit at a time."""
    search = _Search(task, rng, profile, Ledger(task.blocks))
    seeds = [Prompt.model_validate(seed) for seed in task.seeds] or [Prompt(instruction="")]
    first = Unit(prompt=seeds[0], mutation_prompt="", operator="seed")
    yield from _enter(search, [first])
    if not search.beam:
        # It loses its race only where it is not what is to be beaten (see `Task.seeds`), and is all there is to edit.
        yield from search.ledger.measure([first.prompt], range(task.blocks))
        search.beam = (search.ledger.noted(first),)
    yield from _race(search, [Unit(prompt=seed, mutation_prompt="", operator="seed") for seed in seeds[1:]])
    yield from _report(search, 0, ())
    turns = chain(("openings",), cycle(_TURNS))
    for number in range(1, profile.generations + 1):
        guests = _units([Variant("immigrant", prompt) for prompt in (yield from arrivals())], search)
        made: list[Unit] = []
        # A family with nothing left to offer passes its turn on.
        for _, family in zip(range(len(_TURNS) + 1), turns, strict=False):
            made = _units((yield from _proposed(search, family)), search)
            if made:
                break
        if not guests and not made:
            break
        yield from _race(search, [*guests, *made])
        yield from _report(search, number, [*guests, *made])


def _proposed(search: _Search, family: str) -> Step[tuple[Variant, ...]]:
    """Return the family's candidates, at most as many as a round has."""
    if family == "remedies":
        return (yield from _remedies(search))
    if family == "ablation":
        return (yield from _ablations(search))
    rows: list[tuple[Variant, ...]] = []
    for unit in search.beam:
        found = FAMILIES[family](unit.prompt, search.task, search.rng, search.profile.context_size)
        fresh = admissible(found, search.tried, search.task)
        # The openings come in order of hope; of the others any is as good as any.
        rows.append(fresh if family == "openings" else tuple(search.rng.sample(fresh, len(fresh))))
    # From the beam's members by turns, the best one's first.
    mixed = [variant for row in zip_longest(*rows) for variant in row if variant]
    return admissible(mixed, search.tried, search.task)[: search.profile.population]


def _remedies(search: _Search) -> Step[tuple[Variant, ...]]:
    """Let the executor answer train examples, and return what the answers call for."""
    best, task = search.beam[0].prompt, search.task
    open_ = attemptable(task.train, [unit.prompt for unit in search.beam])
    items = tuple(search.rng.sample(open_, min(search.profile.attempts, len(open_))))
    if not items:
        return ()
    trials = yield from attempt(best, items)
    case = Case(best, task, diagnose(task, trials))
    variants = [
        Variant(name, changed, (best.content_hash,), says_new=True)
        for name, remedy in REMEDIES.items()
        if remedy.when(case) and (changed := remedy.change(case, search.rng))
    ]
    rival = next((unit.prompt for unit in search.beam[1:] if unit.prompt.instruction != best.instruction), None)
    if rival and are_complementary(trials, (yield from attempt(rival, items))) and (both := merge(best, rival)):
        variants.append(Variant("merge", both, (best.content_hash, rival.content_hash), says_new=True))
    return admissible(variants, search.tried, task)[: search.profile.population]


def _ablations(search: _Search) -> Step[tuple[Variant, ...]]:
    """Return the best prompt without each segment of its instruction, and without all that were worth nothing."""
    best = search.beam[0].prompt
    parts = cuts(best.instruction, search.profile.population)
    made = [Variant("ablation", ablated(best, part), (best.content_hash,)) for part in parts]
    variants = admissible(made, search.tried, search.task)
    if not variants:
        return ()
    yield from search.ledger.measure([variant.prompt for variant in made], range(min(1, search.task.blocks)))
    lean = pruned(best, parts, lambda cut: search.ledger.advantage(best, cut))
    if lean is not None:
        variants = admissible([*variants, Variant("pruning", lean, (best.content_hash,))], search.tried, search.task)
    return variants


def _units(variants: Sequence[Variant], search: _Search) -> list[Unit]:
    """Return new candidates as units, and remember their prompts as tried."""
    units = []
    for variant in variants:
        if variant.prompt not in search.tried:
            search.tried.append(variant.prompt)
            units.append(
                Unit(prompt=variant.prompt, mutation_prompt="", operator=variant.operator, parents=variant.parents)
            )
    return units


def _race(search: _Search, units: Sequence[Unit]) -> Step[None]:
    """Measure `units` block by block, the best third going on; the last one is completed if it leads the beam."""
    running = tuple(units)
    rest = search.rng.sample(range(1, search.task.blocks), max(0, search.task.blocks - 1))
    # All begin on the first block: ablations know it already, and candidates of all rounds can be compared there.
    for block in (0, *rest)[: search.task.blocks]:
        if not running:
            return
        yield from search.ledger.measure([unit.prompt for unit in running], (block,))
        running = _ranked(search, running)[: max(1, len(running) // 3)]
        # The lead over the best is taken on two blocks at least, where there are two.
        if len(running) == 1 and len(search.ledger.known(running[0].prompt)) > 1:
            break
    leaders = [unit for unit in running if _leads(search, unit)]
    yield from _enter(search, leaders)


def _leads(search: _Search, unit: Unit) -> bool:
    """Tell whether `unit` is fitter than the best prompt on the blocks of the race, or as fit and shorter."""
    best = search.beam[0].prompt
    lead = search.ledger.advantage(unit.prompt, best)
    return lead > 0 or (lead == 0 and length(unit.prompt) < length(best))


def _enter(search: _Search, units: Sequence[Unit]) -> Step[None]:
    """Let `units` race for all blocks, and take those that are measured in full into the beam."""
    search.tried += [unit.prompt for unit in units if unit.prompt not in search.tried]
    yield from search.ledger.race([unit.prompt for unit in units])
    whole = [unit for unit in units if not search.ledger.missing(unit.prompt)]
    known = [*search.beam, *(search.ledger.noted(unit) for unit in whole)]
    search.beam = ranking(known)[: search.profile.survivors]


def _ranked(search: _Search, units: Sequence[Unit]) -> Population:
    estimates = search.ledger.estimates()
    worst = float("-inf")
    noted = [search.ledger.noted(unit) for unit in units]
    return ranking(noted, lambda unit: estimates.get(unit.prompt.content_hash, worst))


def _report(search: _Search, number: int, units: Sequence[Unit]) -> Step[None]:
    inside = [unit.prompt for unit in search.beam]
    others = tuple(search.ledger.noted(unit) for unit in units if unit.prompt not in inside)
    yield from tell(Generation(number=number, total=search.profile.generations, units=(*search.beam, *others)))
