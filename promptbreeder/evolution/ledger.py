"""Remembers every prompt's score on every block, so that nothing is asked twice and comparisons stay paired.

Blocks differ in difficulty, and with a tiny budget prompts are measured on different blocks. Two prompts are compared
on the blocks they share; a whole population is ranked by `estimates`, which takes the blocks' difficulty out.
"""

from collections.abc import Sequence

from promptbreeder.evolution.asking import Step, measure
from promptbreeder.evolution.asks import Answer, Ask, Measure, Measured, Score, Unit
from promptbreeder.evolution.effects import worth
from promptbreeder.evolution.influence import Influence, influence
from promptbreeder.prompt import Prompt


class Ledger:
    """Scores by content hash and block."""

    def __init__(self, blocks: int) -> None:
        self._blocks = blocks
        self._scores: dict[str, dict[int, Score]] = {}
        self._prompts: dict[str, Prompt] = {}
        self._lost: list[str] = []

    def measure(self, prompts: Sequence[Prompt], blocks: Sequence[int]) -> Step[None]:
        """See to it that `prompts` are measured on `blocks`; asks only for what is missing, one block at a time."""
        for block in blocks:
            lacking = {prompt.content_hash: prompt for prompt in prompts if block not in self.known(prompt)}
            if lacking:
                scores = yield from measure(tuple(lacking.values()), block)
                for prompt, score in zip(lacking.values(), scores, strict=True):
                    self._note(prompt, block, score)

    def race(self, prompts: Sequence[Prompt], most: int | None = None) -> Step[None]:
        """Measure `prompts`, one after the other, each on the next `most` blocks that it lacks (default: on all).

        One that has lost to the best prompt measured on everything is left where it stands, and not asked for again.
        """
        for prompt in prompts:
            for block in self.missing(prompt)[:most]:
                if not self.may_win(prompt):
                    break
                (score,) = yield from measure((prompt,), block, race=True)
                self._note(prompt, block, score)
                if not score.complete:
                    self._lost.append(prompt.content_hash)

    def overhear(self, ask: Ask, answer: Answer) -> None:
        """Note what another search was answered, where it had prompts measured on one block."""
        if isinstance(ask, Measure) and isinstance(answer, Measured) and len(ask.blocks) == 1:
            for prompt, score in zip(ask.prompts, answer.scores, strict=True):
                self._note(prompt, ask.blocks[0], score)

    def may_win(self, prompt: Prompt) -> bool:
        """Tell whether `prompt` has not lost a race."""
        return prompt.content_hash not in self._lost

    def known(self, prompt: Prompt) -> tuple[int, ...]:
        """Return the blocks that `prompt` is measured on, ascending."""
        return tuple(sorted(self._scores.get(prompt.content_hash, {})))

    def missing(self, prompt: Prompt) -> tuple[int, ...]:
        """Return the blocks that `prompt` is not measured on, ascending."""
        known = self.known(prompt)
        return tuple(block for block in range(self._blocks) if block not in known)

    def noted(self, unit: Unit) -> Unit:
        """Return `unit` with its score over all blocks known so far; complete as far as it was asked for."""
        scores = list(self._scores.get(unit.prompt.content_hash, {}).values())
        if not scores:
            return unit
        items = sum(score.items for score in scores)
        score = Score(
            fitness=_mean([score.fitness for score in scores], [score.items for score in scores]),
            accuracy=_mean([score.accuracy for score in scores], [score.items for score in scores]),
            items=items,
            complete=True,
            unparsable=sum(score.unparsable for score in scores),
        )
        return unit.model_copy(update={"score": score})

    def advantage(self, left: Prompt, right: Prompt) -> float:
        """Return how much fitter `left` is than `right` on the blocks that both are measured on."""
        mine, theirs = self._scores.get(left.content_hash, {}), self._scores.get(right.content_hash, {})
        shared = [block for block in mine if block in theirs]
        weights = [mine[block].items for block in shared]
        return _mean([mine[block].fitness - theirs[block].fitness for block in shared], weights)

    def estimates(self) -> dict[str, float]:
        """Return each prompt's fitness relative to the mean, as far as it can be told; see `effects.worth`."""
        return worth(self._scores)

    def influence(self) -> Influence:
        """Return what the train examples have done so far to the prompts that show them."""
        return influence([(self._prompts[content_hash], value) for content_hash, value in self.estimates().items()])

    def _note(self, prompt: Prompt, block: int, score: Score) -> None:
        if score.complete:
            self._prompts[prompt.content_hash] = prompt
            self._scores.setdefault(prompt.content_hash, {})[block] = score


def _mean(values: Sequence[float], weights: Sequence[int]) -> float:
    total = sum(weights)
    return sum(value * weight for value, weight in zip(values, weights, strict=True)) / total if total else 0.0
