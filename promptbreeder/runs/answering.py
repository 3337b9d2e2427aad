"""Answers a strategy's asks with real models: the only place where a run's model calls are made."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from statistics import fmean
from typing import Final

from promptbreeder.evaluation.cached import CachedModel, OverBudget
from promptbreeder.evaluation.evaluator import Answer, Evaluator
from promptbreeder.evaluation.fitness import latency_seconds
from promptbreeder.evaluation.meter import Meter
from promptbreeder.evaluation.metrics import Metric, Verdict
from promptbreeder.evolution import asks
from promptbreeder.evolution.diagnosis import ATTEMPTS, attemptable
from promptbreeder.evolution.strategies.seeded import SHARES
from promptbreeder.models.base import Generate, Sampling
from promptbreeder.prompt import Prompt
from promptbreeder.runs.blocks import BLOCK_SIZE
from promptbreeder.runs.journal import AnyAnswer, Gate, Gated, GateSide, Probe
from promptbreeder.runs.judging import verdicts
from promptbreeder.runs.ledger import BlockResult, Ledger
from promptbreeder.skill import Example

_DIGITS: Final = 6
"""Of a likelihood: what is beyond is noise, and would only lengthen the journal."""


@dataclass(frozen=True, slots=True)
class Material:
    """The examples that a plan names, read once."""

    train: tuple[Example, ...]
    search: tuple[tuple[Example, ...], ...]
    """In blocks."""
    gate: tuple[tuple[Example, ...], ...]
    """In blocks."""


class Answering:
    """Answers asks for one run."""

    def __init__(
        self,
        *,
        evaluator: Evaluator,
        writer: CachedModel,
        metric: Metric,
        material: Material,
        ledger: Ledger,
        meter: Meter,
    ) -> None:
        """Collaborators only; nothing is asked of a model yet."""
        self._evaluator = evaluator
        self._writer = writer
        self._metric = metric
        self._material = material
        self._ledger = ledger
        self._meter = meter

    async def answer(
        self, ask: asks.Write | asks.Attempt | asks.Measure | Probe | Gate | asks.Generation | asks.Handover
    ) -> tuple[AnyAnswer, tuple[BlockResult, ...], bool]:
        """Return the answer, what it measured, and whether the budget ended it."""
        match ask:
            case asks.Write():
                return await self.write(ask), (), False
            case asks.Attempt():
                attempted, exhausted = await self.attempt(ask)
                return attempted, (), exhausted
            case asks.Measure():
                return await self.measure(ask)
            case Probe():
                return await self.probe(ask), (), False
            case Gate():
                return await self.gate(ask), (), False
            case asks.Generation() | asks.Handover():
                return self._heard(ask), (), False

    def _heard(self, ask: asks.Generation | asks.Handover) -> AnyAnswer:
        if isinstance(ask, asks.Handover):
            return asks.HandedOver(now=ask.ended or SHARES * self._meter.share >= 1)
        return asks.Told()

    async def write(self, ask: asks.Write) -> asks.Written:
        """Ask the writer, in blocks; what the budget does not reach stays empty.

        That does not end a search: operators that need no writer go on with what is left.
        """
        texts: list[str] = []
        requests = [
            Generate(
                draft.messages,
                Sampling(
                    max_tokens=draft.max_tokens,
                    temperature=draft.temperature,
                    top_p=0.95,
                    seed=draft.seed,
                    stop=draft.stop,
                ),
                draft.opening,
            )
            for draft in ask.drafts
        ]
        with suppress(OverBudget):
            for start in range(0, len(requests), BLOCK_SIZE):
                block = await self._writer.generate(requests[start : start + BLOCK_SIZE], self._meter)
                texts.extend(reply.text for reply in block.answers)
        unsent = len(requests) - len(texts)
        return asks.Written(texts=(*texts, *[""] * unsent), unsent=unsent)

    async def attempt(self, ask: asks.Attempt) -> tuple[asks.Attempted, bool]:
        """Let the executor answer train examples; those that the budget did not reach are left out."""
        trials: list[asks.Trial] = []
        try:
            for start in range(0, len(ask.items), BLOCK_SIZE):
                chosen = ask.items[start : start + BLOCK_SIZE]
                examples = [self._material.train[item] for item in chosen]
                answers = await self._evaluator.answer(ask.prompt, [example.input for example in examples], self._meter)
                for item, answer, verdict in zip(chosen, answers, await self._verdicts(answers, examples), strict=True):
                    trials.append(
                        asks.Trial(
                            item=item,
                            working=answer.working or answer.text,
                            answer=verdict.answer,
                            right=verdict.score >= 1.0,
                        )
                    )
        except OverBudget:
            return asks.Attempted(trials=tuple(trials)), True
        return asks.Attempted(trials=tuple(trials)), False

    async def probe(self, ask: Probe) -> asks.Attempted:
        """Let the executor answer up to twelve train examples that `ask` has room for and its prompt does not show."""
        train = self._material.train
        items = attemptable(train, [ask.prompt])[:ATTEMPTS]
        while items and self._evaluator.expected_tokens(ask.prompt, [train[n].input for n in items]) > ask.tokens:
            items.pop()
        attempted, _ = await self.attempt(asks.Attempt(prompt=ask.prompt, items=tuple(items)))
        return attempted

    async def measure(self, ask: asks.Measure) -> tuple[asks.Measured, tuple[BlockResult, ...], bool]:
        """Measure prompts block by block, all on the same items; also return the new results.

        In a race a prompt that has lost is left where it stands (see `Ledger.has_lost`).
        """
        self._ledger.enter(ask.prompts)
        new: list[BlockResult] = []
        exhausted = False
        try:
            for block in ask.blocks:
                for prompt in ask.prompts:
                    if self._ledger.result(prompt, block) is not None or (ask.race and self._ledger.has_lost(prompt)):
                        continue
                    result = await self._measure_block(prompt, block)
                    self._ledger.record([result])
                    new.append(result)
        except OverBudget:
            exhausted = True
        scores = tuple(self._ledger.score(prompt, ask.blocks) for prompt in ask.prompts)
        return asks.Measured(scores=scores), tuple(new), exhausted

    async def gate(self, ask: Gate) -> Gated:
        """Measure both prompts on the gate split, block by block, as far as the budget goes for both."""
        sides: tuple[list[tuple[Answer, float, bool]], ...] = ([], [])
        prompts = (ask.incumbent, ask.challenger)
        priors: list[tuple[float, ...] | None] = [ask.incumbent_prior, None]
        try:
            for index, prompt in enumerate(prompts):
                if prompt.decoding == "calibrated" and priors[index] is None:
                    priors[index] = await self._evaluator.prior(prompt, self._meter)
            for examples in self._material.gate:
                both = [await self._judge(prompt, examples, priors[index]) for index, prompt in enumerate(prompts)]
                for side, judged in zip(sides, both, strict=True):
                    side.extend(judged)
        except OverBudget:
            pass  # Paired: a block that only one of the two has finished is dropped for both.
        incumbent, challenger = (
            GateSide(
                scores=tuple(score for _, score, _ in side),
                parsed=tuple(parsed for _, _, parsed in side),
                unparsable=sum(not parsed for _, _, parsed in side),
                fresh_tokens=sum(answer.fresh_tokens for answer, _, _ in side),
                completion_tokens=sum(answer.completion_tokens for answer, _, _ in side),
                prior=prior,
            )
            for side, prior in zip(sides, priors, strict=True)
        )
        return Gated(incumbent=incumbent, challenger=challenger)

    async def _measure_block(self, prompt: Prompt, block: int) -> BlockResult:
        judged = await self._judge(prompt, self._material.search[block], None)
        seconds = [self._seconds(answer) for answer, _, _ in judged]
        likely = [
            likelihood
            for example, (answer, _, _) in zip(self._material.search[block], judged, strict=True)
            if (likelihood := self._evaluator.likelihood(answer, example.expected or "")) is not None
        ]
        return BlockResult(
            prompt=prompt.content_hash,
            block=block,
            scores=tuple(score for _, score, _ in judged),
            unparsable=sum(not parsed for _, _, parsed in judged),
            seconds=sum(seconds) / len(seconds),
            # Of all items or none: what an answer that could not be had would have been is not known.
            likelihood=round(fmean(likely), _DIGITS) if len(likely) == len(judged) else None,
        )

    def _seconds(self, answer: Answer) -> float:
        """Return what an answer took; one that could not be had, as where a prompt is too long, is the slowest."""
        if answer.failure:
            return self._ledger.slowest_seconds
        return latency_seconds(answer.fresh_tokens, answer.completion_tokens, self._ledger.rates)

    async def _judge(
        self, prompt: Prompt, examples: Sequence[Example], prior: Sequence[float] | None
    ) -> list[tuple[Answer, float, bool]]:
        answers = await self._evaluator.answer(
            prompt, [example.input for example in examples], self._meter, prior=prior
        )
        return [
            (answer, 0.0 if answer.failure else verdict.score, verdict.parsed and not answer.failure)
            for answer, verdict in zip(answers, await self._verdicts(answers, examples), strict=True)
        ]

    async def _verdicts(self, answers: Sequence[Answer], examples: Sequence[Example]) -> list[Verdict]:
        return await verdicts(
            self._metric, [answer.text for answer in answers], [example.expected or "" for example in examples]
        )
