"""Ledger: what has been measured of every candidate of a run, and which of them wins.

The runner, not the strategy, chooses the winner: by one rule, from candidates measured on the whole search split,
whatever ended the run.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict

from promptbreeder.evaluation.fitness import latency_score, weighted_fitness
from promptbreeder.evolution.asks import Score
from promptbreeder.models.base import Rates
from promptbreeder.prompt import Prompt
from promptbreeder.runs.plan import Plan


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
    def all_blocks(self) -> tuple[int, ...]:
        """Indices of all search blocks."""
        return tuple(range(self._blocks))

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
        """Return the most promising candidates that are not measured in full, best first.

        Ranked by fitness with four imaginary items of mediocre fitness mixed in, so that a lucky first block does not
        outrank a good record.
        """
        settings = self._plan.skill.settings
        mediocre = weighted_fitness(settings, 0.5, 1.0, self._plan.preference)
        ranked = []
        for order, candidate in enumerate(self._candidates.values()):
            score = self.full_score(candidate.prompt)
            if score.items and not score.complete:
                shrunk = (score.fitness * score.items + mediocre * 4) / (score.items + 4)
                ranked.append((-shrunk, order, candidate.prompt))
        return tuple(prompt for _, _, prompt in sorted(ranked, key=lambda entry: entry[:2])[:count])

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

        Candidates within one item of the best cannot be told apart; the shortest text among them wins, because noise
        in the fitness otherwise breeds gibberish. The incumbent wins such a tie against everything: a change needs a
        reason.
        """
        complete = [
            (candidate.prompt, score)
            for candidate in self._candidates.values()
            if (score := self.full_score(candidate.prompt)).complete
        ]
        if not complete:
            return None
        best = max(score.fitness for _, score in complete)
        one_item = self._plan.skill.settings.weights.accuracy / complete[0][1].items
        close = [entry for entry in complete if entry[1].fitness >= best - one_item]
        incumbent = self._plan.seeds[0]
        for prompt, score in close:
            if prompt == incumbent:
                return prompt, score
        return min(close, key=lambda entry: (_length(entry[0]), -entry[1].fitness, entry[0].content_hash))


def _length(prompt: Prompt) -> int:
    shots = sum(len(shot.input) + len(shot.output) for shot in prompt.demonstrations)
    return len(prompt.instruction) + len(prompt.second_instruction) + shots
