"""Ledger: what has been measured of every candidate of a run, and which of them wins.

The runner, not the strategy, chooses the winner: by one rule, from candidates measured on the whole search split,
whatever ended the run.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from statistics import pstdev
from typing import Final, NamedTuple

from pydantic import BaseModel, ConfigDict

from promptbreeder.evaluation.fitness import latency_score, slowest_seconds, weighted_fitness
from promptbreeder.evolution.asks import Score
from promptbreeder.evolution.effects import AGREES, agreement, worth
from promptbreeder.evolution.population import length
from promptbreeder.models.base import Rates
from promptbreeder.prompt import Prompt
from promptbreeder.runs.plan import Plan
from promptbreeder.runs.race import best_still_possible, is_shown_worse

_ROUNDING: Final = 1e-9
"""Exactly one item less must not hang on the last bit."""


class BlockResult(BaseModel):
    """One prompt on one block of the search split; journaled, so that a replay knows it without asking the model."""

    model_config = ConfigDict(frozen=True)

    prompt: str
    """Content hash."""
    block: int
    scores: tuple[float, ...]
    """Correctness, item by item."""
    unparsable: int
    seconds: float
    """Latency of one item, mean over the block."""
    likelihood: float | None = None
    """Mean log-probability of the expected label, in nats; None where answers are not chosen among labels."""


@dataclass
class Candidate:
    """A prompt and its results, by block."""

    prompt: Prompt
    results: dict[int, BlockResult] = field(default_factory=dict)


class Ledger:
    """All candidates of a run."""

    def __init__(self, plan: Plan, blocks: int) -> None:
        """Begin empty; `blocks` is the number of search blocks."""
        self._plan = plan
        self._blocks = blocks
        self._candidates: dict[str, Candidate] = {}

    @property
    def rates(self) -> Rates:
        """The model's speed when the run began."""
        return Rates(self._plan.read_rate, self._plan.write_rate)

    @property
    def slowest_seconds(self) -> float:
        """What an answer that could not be had counts as having taken: its speed must be no merit."""
        return slowest_seconds(self._plan.skill.settings.latency_limit_seconds)

    @property
    def all_blocks(self) -> tuple[int, ...]:
        """Indices of all search blocks."""
        return tuple(range(self._blocks))

    @property
    def prompts(self) -> tuple[Prompt, ...]:
        """All that are known, in the order in which they were entered."""
        return tuple(candidate.prompt for candidate in self._candidates.values())

    def enter(self, prompts: Iterable[Prompt]) -> None:
        """Make prompts known, in order; results are recorded only for known ones."""
        for prompt in prompts:
            self._candidates.setdefault(prompt.content_hash, Candidate(prompt))

    def record(self, results: Iterable[BlockResult]) -> None:
        """Add results; the same block again changes nothing, since a block is measured once."""
        for result in results:
            self._candidates[result.prompt].results.setdefault(result.block, result)

    def result(self, prompt: Prompt, block: int) -> BlockResult | None:
        """Return what is known of `prompt` on `block`."""
        candidate = self._candidates.get(prompt.content_hash)
        return None if candidate is None else candidate.results.get(block)

    def score(self, prompt: Prompt, blocks: Sequence[int]) -> Score:
        """Return the score over those of `blocks` that were measured."""
        candidate = self._candidates[prompt.content_hash]
        measured = [candidate.results[block] for block in blocks if block in candidate.results]
        items = [score for result in measured for score in result.scores]
        if not items:
            return Score(fitness=0.0, accuracy=0.0, items=0, complete=False)
        accuracy = sum(items) / len(items)
        seconds = sum(result.seconds * len(result.scores) for result in measured) / len(items)
        settings = self._plan.skill.settings
        speed = latency_score(seconds, settings.latency_limit_seconds)
        return Score(
            fitness=weighted_fitness(settings, accuracy, speed, self._plan.preference),
            accuracy=accuracy,
            items=len(items),
            complete=len(measured) == len(blocks),
            unparsable=sum(result.unparsable for result in measured),
            likelihood=_likelihood(measured),
        )

    def full_score(self, prompt: Prompt) -> Score:
        """Return the score over the whole search split."""
        return self.score(prompt, self.all_blocks)

    def is_fitter(self, prompt: str, other: str) -> bool | None:
        """Tell whether `prompt` is fitter than `other`, both by content hash, on the blocks that both are measured on.

        None where there is no such block.
        """
        mine, theirs = self._candidates.get(prompt), self._candidates.get(other)
        if mine is None or theirs is None:
            return None
        shared = [block for block in mine.results if block in theirs.results]
        if not shared:
            return None
        return self.score(mine.prompt, shared).fitness > self.score(theirs.prompt, shared).fitness

    def lead(self, prompt: Prompt, over: Prompt) -> float | None:
        """Return by how much `prompt` is more accurate than `over` on the blocks that both are measured on.

        None where there is no such block.
        """
        candidates = (self._candidates.get(each.content_hash) for each in (prompt, over))
        mine, theirs = (candidate.results if candidate else {} for candidate in candidates)
        shared = [block for block in mine if block in theirs]
        if not shared:
            return None
        return self.score(prompt, shared).accuracy - self.score(over, shared).accuracy

    def finalists(self, count: int) -> tuple[Prompt, ...]:
        """Return the most promising candidates that are not measured in full and may still win, best first."""
        estimates = worth(self._by_block())
        names = sorted(estimates, key=lambda name: -estimates[name])
        prompts, bar = (self._candidates[name].prompt for name in names), self._bar()
        open_ = (p for p in prompts if not self.full_score(p).complete and not self._is_below(bar, p))
        return tuple(islice(open_, count))

    def knows_only(self, prompt: Prompt) -> bool:
        """Tell whether `prompt` is measured in full and no other on a single block."""
        measured = [name for name, candidate in self._candidates.items() if candidate.results]
        return measured == [prompt.content_hash] and self.full_score(prompt).complete

    def has_challenger(self) -> bool:
        """Tell whether any candidate but the incumbent is measured in full."""
        return any(prompt != self._plan.seeds[0] for prompt, _ in self._complete())

    def agreement(self) -> float | None:
        """Return how far likelihood ranks this skill's prompts as accuracy does; see `effects.agreement`."""
        return agreement(self._by_block())

    def has_lost(self, prompt: Prompt) -> bool:
        """Tell whether measuring `prompt` further is idle.

        It is shown to be worse than the best candidate measured in full; or, even if all that it is not measured on yet
        were right, it would come more than one item behind the fittest, or no more than one before the incumbent. (A
        winner may be further behind, by one standard error, where likelihood decides; that is not waited for.) The
        incumbent never loses: all others are judged against it.
        """
        return self._is_below(self._bar(), prompt)

    def _bar(self) -> "_Bar | None":
        """Return what has to be beaten; None where nothing is measured in full yet."""
        complete = self._complete()
        if not complete:
            return None
        leader, best = self._chosen(complete)
        own = next((score.fitness for prompt, score in complete if prompt == self._plan.seeds[0]), -math.inf)
        return _Bar(leader, best, max(score.fitness for _, score in complete), own)

    def _is_below(self, bar: "_Bar | None", prompt: Prompt) -> bool:
        mine = self.full_score(prompt)
        if bar is None or mine.complete or prompt == self._plan.seeds[0]:
            return False
        best = bar.score
        if self._beside_accuracy(mine) <= self._beside_accuracy(best) + _ROUNDING:
            ours = self._candidates[prompt.content_hash].results
            theirs = self._candidates[bar.leader.content_hash].results
            pairs = [(ours[block].scores, theirs[block].scores) for block in ours]
            if is_shown_worse([s for own, _ in pairs for s in own], [s for _, other in pairs for s in other]):
                return True
        possible, one_item = self._best_possible(mine, best.items).fitness, self._one_item(best)
        return possible < bar.fittest - one_item - _ROUNDING or possible <= bar.incumbent + one_item + _ROUNDING

    def all_have_lost(self) -> bool:
        """Tell whether there are candidates beside the incumbent, and all of them have lost."""
        others = [each.prompt for each in self._candidates.values() if each.prompt != self._plan.seeds[0]]
        bar = self._bar()
        return bool(others) and all(self._is_below(bar, prompt) for prompt in others)

    def leaders(self, count: int) -> tuple[tuple[Prompt, Score], ...]:
        """Return the fittest of each text among the candidates measured in full, best first."""
        found: dict[str, tuple[Prompt, Score]] = {}
        for candidate in self._candidates.values():
            score, text = self.full_score(candidate.prompt), candidate.prompt.instruction
            if score.complete and (text not in found or found[text][1].fitness < score.fitness):
                found[text] = candidate.prompt, score
        best = sorted(found.values(), key=lambda entry: (-entry[1].fitness, entry[0].content_hash))
        return tuple(best[:count])

    def winner(self) -> tuple[Prompt, Score] | None:
        """Return the best candidate measured in full, or None.

        The incumbent wins wherever it is within one item of the best: a change needs a reason. Otherwise the candidates
        within one item, or one standard error of the difference, are as good as the best. Of these the one wins under
        which the right answers are likeliest, where likelihood ranks this skill's prompts as accuracy does: it is the
        less noisy of the two. Where it does not, or where answers are written freely, it is the shortest text among
        those within one item, because noise in the fitness otherwise breeds gibberish.
        """
        complete = self._complete()
        return self._chosen(complete) if complete else None

    def _complete(self) -> list[tuple[Prompt, Score]]:
        scored = ((candidate.prompt, self.full_score(candidate.prompt)) for candidate in self._candidates.values())
        return [(prompt, score) for prompt, score in scored if score.complete]

    def _chosen(self, complete: Sequence[tuple[Prompt, Score]]) -> tuple[Prompt, Score]:
        best, score = max(complete, key=lambda entry: (entry[1].fitness, entry[0].content_hash))
        close = [entry for entry in complete if entry[1].fitness >= score.fitness - self._one_item(score) - _ROUNDING]
        for entry in close:
            if entry[0] == self._plan.seeds[0]:
                return entry
        if score.likelihood is not None and (self.agreement() or 0.0) >= AGREES:
            alike = [(prompt, own) for prompt, own in complete if self._is_as_good(prompt, own, best, score)]
            return max(alike, key=lambda entry: (_likelihood_of(entry[1]), -length(entry[0]), entry[0].content_hash))
        return min(close, key=lambda entry: (length(entry[0]), -entry[1].fitness, entry[0].content_hash))

    def _one_item(self, score: Score) -> float:
        """Return what one item adds to the fitness of a complete `score`."""
        return self._plan.skill.settings.weights.accuracy / score.items

    def _is_as_good(self, prompt: Prompt, score: Score, best: Prompt, best_score: Score) -> bool:
        """Tell whether neither one item nor one standard error of the difference separates `prompt` from the best."""
        if _likelihood_of(score) == -math.inf:
            return False
        mine, theirs = (
            [item for block in self.all_blocks for item in self._candidates[each.content_hash].results[block].scores]
            for each in (prompt, best)
        )
        error = pstdev(a - b for a, b in zip(mine, theirs, strict=True)) / math.sqrt(len(mine))
        margin = max(self._plan.skill.settings.weights.accuracy * error, self._one_item(best_score))
        return score.fitness >= best_score.fitness - margin - _ROUNDING

    def _best_possible(self, score: Score, total: int) -> Score:
        accuracy = best_still_possible(score.accuracy, score.items, total)
        fitness = weighted_fitness(self._plan.skill.settings, accuracy, 1.0, self._plan.preference)
        return score.model_copy(update={"accuracy": accuracy, "fitness": fitness, "items": total, "complete": True})

    def _beside_accuracy(self, score: Score) -> float:
        return score.fitness - self._plan.skill.settings.weights.accuracy * score.accuracy

    def _by_block(self) -> dict[str, dict[int, Score]]:
        return {
            name: {block: self.score(candidate.prompt, (block,)) for block in candidate.results}
            for name, candidate in self._candidates.items()
            if candidate.results
        }


class _Bar(NamedTuple):
    """What a candidate has to beat."""

    leader: Prompt
    """The winner as it stands."""
    score: Score
    """The leader's."""
    fittest: float
    """Greatest fitness measured in full."""
    incumbent: float
    """Fitness of the incumbent; minus infinity where it is not measured in full."""


def _likelihood_of(score: Score) -> float:
    return -math.inf if score.likelihood is None else score.likelihood


def _likelihood(results: Sequence[BlockResult]) -> float | None:
    known = [(result.likelihood, len(result.scores)) for result in results if result.likelihood is not None]
    items = sum(count for _, count in known)
    return sum(likelihood * count for likelihood, count in known) / items if items else None
