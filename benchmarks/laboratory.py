"""One task on one model: search for a prompt within a budget on train and development lines, then judge it once.

The search is the product's own driver without its gate: nothing of a test line can reach it. Accuracy alone counts as
fitness, for all alike.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Self

from in_memory import ForgetfulJournal, Replies, plan_of  # these beside this file
from task_files import Task

from promptbreeder.evaluation.cached import CachedModel
from promptbreeder.evaluation.calibration import frequencies, prior_for
from promptbreeder.evaluation.evaluator import Evaluator
from promptbreeder.evaluation.meter import Meter, Usage
from promptbreeder.evaluation.metrics import metric_of
from promptbreeder.evolution.asks import Strategy
from promptbreeder.evolution.asks import Task as SearchTask
from promptbreeder.models.base import Model
from promptbreeder.prompt import Decoding, Prompt
from promptbreeder.runs.affordable import list_characters
from promptbreeder.runs.answering import Answering, Material
from promptbreeder.runs.blocks import BLOCK_SIZE, in_blocks
from promptbreeder.runs.driver import Driver
from promptbreeder.runs.ledger import Ledger
from promptbreeder.runs.outcome import Progress
from promptbreeder.skill import Example

Begin = Callable[[SearchTask, Random], Strategy]
Scores = tuple[float, ...]
"""Correctness of each line."""
PromptFor = Callable[[str], Prompt]
"""From an input to the prompt that it is answered under."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a search ended in, and what it cost."""

    prompt: Prompt
    usage: Usage
    seconds: float


class Laboratory:
    """A task, an executor and a writer, a budget, and the lines on which what is found is judged."""

    def __init__(self, task: Task, executor: Model, writer: Model, budget: int, *, final: bool) -> None:
        """Work with open models. Only where it is `final` is a test line read; else the development lines judge."""
        self.task = task
        self.budget = budget
        self.peers_python: Path | None = None
        """Interpreter of the environment in which other libraries are installed."""
        self.judged = task.test if final else task.development
        self.executor, self.writer = executor, writer
        self.decodings = task.skill.decodings if executor.limits.choose else (Decoding.FREE,)
        self.skill = task.skill.model_copy(
            update={"settings": task.skill.settings.model_copy(update={"allowed_decoding": self.decodings})}
        )
        self._metric = metric_of(self.skill)
        self._search = in_blocks(task.development)
        self.cached = CachedModel(executor, Replies())
        self._evaluator = self._evaluating(self.cached)

    @classmethod
    async def opened(cls, task: Task, executor: Model, writer: Model, budget: int, *, final: bool) -> Self:
        """Return a laboratory whose models are open."""
        await executor.open()
        await writer.open()
        return cls(task, executor, writer, budget, final=final)

    async def search(self, begin: Begin, seed: int, seeds: tuple[Prompt, ...] = ()) -> Found:
        """Let a strategy search within the budget; it begins with `seeds`, or else with the task's seed prompt.

        Each search has a cache of its own, so that none is quicker for what another has asked before.
        """
        seeds = seeds or (self.task.seed_prompt,)
        plan = plan_of(
            self.skill,
            seeds,
            self.task.train,
            self.task.development,
            seed=seed,
            token_limit=self.budget,
            fingerprints=(self.executor.fingerprint, self.writer.fingerprint),
            rates=await self.executor.rates(),
        )
        ledger, meter = Ledger(plan, len(self._search)), Meter()
        cached = CachedModel(self.executor, Replies())
        began = time.monotonic()
        driver = Driver(
            plan,
            answering=Answering(
                evaluator=self._evaluating(cached),
                writer=cached if self.writer is self.executor else CachedModel(self.writer, Replies()),
                metric=self._metric,
                material=Material(train=self.task.train, search=self._search, gate=()),
                ledger=ledger,
                meter=meter,
            ),
            ledger=ledger,
            meter=meter,
            journal=ForgetfulJournal(),
            clock=lambda: time.monotonic() - began,
            tell=_silent,
        )
        outcome = await driver.run(begin(self.known(seeds), Random(seed)))
        return Found(
            prompt=outcome.winner or seeds[0],
            usage=meter.used,
            seconds=time.monotonic() - began,
        )

    def known(self, seeds: tuple[Prompt, ...]) -> SearchTask:
        """Return what a strategy may know."""
        return SearchTask(
            description=self.skill.description,
            seeds=seeds,
            labels=self.skill.labels,
            decodings=tuple(decoding.value for decoding in self.decodings),
            train=self.task.train,
            blocks=len(self._search),
            block_size=BLOCK_SIZE,
            list_characters=list_characters(self.budget, shares_prefix=self.executor.limits.shares_prefix),
        )

    async def scores(self, prompt: Prompt, lines: Sequence[Example]) -> Scores:
        """Return the scores of `prompt` on `lines`; calibration takes the development inputs."""
        prior = await self._evaluator.prior(prompt, Meter()) if prompt.decoding is Decoding.CALIBRATED else None
        answers: list[str] = []
        for block in in_blocks(lines):
            answered = await self._evaluator.answer(prompt, [e.input for e in block], Meter(), prior=prior)
            answers += [answer.text for answer in answered]
        return self.score(answers, lines)

    async def scores_of_each(self, prompt_for: PromptFor, decoding: Decoding, lines: Sequence[Example]) -> Scores:
        """Return the same where every input has a prompt of its own."""
        prior = await self._prior_of_each(prompt_for) if decoding is Decoding.CALIBRATED else None
        answers: list[str] = []
        for example in lines:
            prompt = prompt_for(example.input).but(decoding=decoding)
            (answer,) = await self._evaluator.answer(prompt, [example.input], Meter(), prior=prior)
            answers.append(answer.text)
        return self.score(answers, lines)

    def _evaluating(self, model: CachedModel) -> Evaluator:
        return Evaluator(
            model,
            labels=self.skill.labels,
            max_answer_tokens=self.skill.answer_tokens,
            calibration=in_blocks([example.input for example in self.task.development]),
            known=self.task.answers,
        )

    async def _prior_of_each(self, prompt_for: PromptFor) -> tuple[float, ...]:
        rows = []
        for example in self.task.development:
            prompt = prompt_for(example.input).but(decoding=Decoding.CONSTRAINED)
            (answer,) = await self._evaluator.answer(prompt, [example.input], Meter())
            rows += [answer.logprobs] if answer.logprobs else []
        return prior_for(rows, frequencies(self.skill.labels, self.task.answers))

    def score(self, answers: Sequence[str], lines: Sequence[Example]) -> Scores:
        """Judge answers, as the search does."""
        return tuple(self._metric(a, e.expected or "").score for a, e in zip(answers, lines, strict=True))


async def _silent(_: Progress) -> None:
    pass
