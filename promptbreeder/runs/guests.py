"""Guests: the prompts that were handed in to a run, when it began or since, and what became of them.

Whoever hands a prompt in writes an instruction and no more. Beside prompts that show demonstrations it would lose on
its first block, however much better it says its thing. So it enters twice: as it is, and as the best prompt so far with
its instruction in the place of that one's own. The second form comes in by the answer to `Immigrants`, where every
strategy takes guests from, and is journaled with it: a replay reads it there.
"""

from dataclasses import dataclass
from typing import Final

from promptbreeder.evolution import asks
from promptbreeder.prompt import Prompt
from promptbreeder.runs.ledger import Ledger
from promptbreeder.runs.plan import Plan

CROSSED_AT_ONCE: Final = 4
"""Crossed forms in one answer: each is measured, and may replace what is known. Further ones come with the next."""
_IMMIGRANT: Final = "immigrant"
_CROSSED: Final = "immigrant-crossed"


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of the prompts handed in."""

    measured: int
    """How many have a result, in either form."""
    best: float | None = None
    """Accuracy of the best one, on the search examples that it was measured on; optimistic."""
    baseline: float | None = None
    """Accuracy of the production prompt on the same examples."""
    examples: int = 0
    """How many those are."""


class Guests:
    """The guests of one run; all that it knows comes from the plan and from answers."""

    def __init__(self, plan: Plan, ledger: Ledger) -> None:
        """Begin with those that the plan has."""
        self._plan = plan
        self._ledger = ledger
        self._given = {prompt.content_hash: prompt for prompt in plan.guests}
        self._crossed: dict[str, Prompt] = {}
        self._parents: dict[str, tuple[str, ...]] = {}

    def welcome(self, taken: tuple[Prompt, ...]) -> asks.Arrived:
        """Return those just taken as an answer, with the crossed forms of guests that are due."""
        leader = next((prompt for prompt, _ in self._ledger.leaders(1)), None)
        if leader is None or not leader.demonstrations:
            return asks.Arrived(prompts=taken)
        form = self._plan.allowed(leader)
        parents = {}
        crossed = []
        for guest in self._waiting(taken)[:CROSSED_AT_ONCE]:
            crossed.append(form.but(instruction=guest.instruction))
            parents[crossed[-1].content_hash] = (leader.content_hash, guest.content_hash)
        return asks.Arrived(prompts=(*taken, *crossed), parents=parents)

    def note(self, arrived: asks.Arrived) -> None:
        """Take in what an answer has brought."""
        for prompt in arrived.prompts:
            parents = arrived.parents.get(prompt.content_hash)
            if parents is None:
                if prompt != self._plan.seeds[0]:
                    self._given.setdefault(prompt.content_hash, prompt)
            else:
                self._parents[prompt.content_hash] = parents
                self._crossed[parents[-1]] = prompt

    def attributed(self, told: asks.Generation) -> asks.Generation:
        """Return `told` with the parents of crossed forms, which a strategy takes for prompts from nowhere."""
        if not self._parents:
            return told
        return told.model_copy(update={"units": tuple(map(self._attributed, told.units))})

    def credited(self, unit: asks.Unit) -> asks.Unit:
        """Return `unit`; one that is a guest as it was handed in is credited for what it is beside production."""
        if unit.parents or unit.prompt.content_hash not in self._given:
            return unit
        return unit.model_copy(update={"operator": _IMMIGRANT, "parents": (self._plan.seeds[0].content_hash,)})

    def fate(self) -> Fate:
        """Return what became of all so far."""
        known = {prompt.content_hash for prompt in self._ledger.prompts}
        measured: list[tuple[int, float, Prompt]] = []
        for name, guest in self._given.items():
            forms = [form for form in (guest, self._crossed.get(name)) if form and form.content_hash in known]
            scored = [
                (score.items, score.accuracy, form) for form in forms if (score := self._ledger.full_score(form)).items
            ]
            measured += sorted(scored, key=_by_examples)[-1:]
        if not measured:
            return Fate(0)
        examples, accuracy, best = max(measured, key=_by_examples)
        blocks = [block for block in self._ledger.all_blocks if self._ledger.result(best, block)]
        production = self._ledger.score(self._plan.seeds[0], blocks)
        return Fate(len(measured), accuracy, production.accuracy if production.items else None, examples)

    def _waiting(self, taken: tuple[Prompt, ...]) -> list[Prompt]:
        """Return the guests whose instruction no prompt with demonstrations has had yet, the most promising first."""
        shown = {prompt.instruction for prompt in self._ledger.prompts if prompt.demonstrations}
        guests = {**self._given, **{prompt.content_hash: prompt for prompt in taken}}
        waiting = [
            guest for name, guest in guests.items() if name not in self._crossed and guest.instruction not in shown
        ]
        return sorted(waiting, key=lambda guest: -(self._ledger.lead(guest, self._plan.seeds[0]) or 0.0))

    def _attributed(self, unit: asks.Unit) -> asks.Unit:
        parents = self._parents.get(unit.prompt.content_hash)
        if parents is None or unit.operator != _IMMIGRANT:
            return unit
        return unit.model_copy(update={"operator": _CROSSED, "parents": parents})


def _by_examples(entry: tuple[int, float, Prompt]) -> tuple[int, float]:
    """Return what ranks a guest: what is measured on most is known best, and a high score on one block often luck."""
    return entry[:2]
