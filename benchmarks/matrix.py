"""A matrix of prompts x items: was the answer right, and how likely was the right one. What racing is replayed on."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from in_memory import Replies  # beside this file
from task_files import Task

from promptbreeder.evaluation.cached import CachedModel
from promptbreeder.evaluation.evaluator import Evaluator
from promptbreeder.evaluation.meter import Meter
from promptbreeder.evaluation.metrics import metric_of
from promptbreeder.evolution.asks import Task as SearchTask
from promptbreeder.evolution.operators.demonstrations import draw, even_sizes
from promptbreeder.models.base import Model
from promptbreeder.prompt import Decoding, Prompt
from promptbreeder.runs.blocks import BLOCK_SIZE, in_blocks

MOST_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Matrix:
    """Rows are prompts, the first the incumbent; columns are items."""

    task: str
    model: str
    prompts: tuple[Prompt, ...]
    correct: tuple[tuple[float, ...], ...]
    likelihood: tuple[tuple[float | None, ...], ...]
    """Log-probability of the right label, in nats; None where answers are written freely."""

    @classmethod
    def load(cls, path: Path) -> "Matrix":
        """Read a matrix; the rows must be equally long."""
        data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        found = cls(
            task=data["task"],
            model=data["model"],
            prompts=tuple(Prompt.model_validate(prompt) for prompt in data["prompts"]),
            correct=tuple(map(tuple, data["correct"])),
            likelihood=tuple(map(tuple, data["likelihood"])),
        )
        rows = (*found.correct, *found.likelihood)
        if len({len(row) for row in rows}) != 1 or len(rows) != 2 * len(found.prompts):
            message = f"{path} is not a matrix: it needs a row of correct and of likelihood for each prompt"
            raise SystemExit(message)
        if len({prompt.content_hash for prompt in found.prompts}) != len(found.prompts):
            message = f"{path} has a prompt twice"
            raise SystemExit(message)
        return found

    def save(self, path: Path) -> None:
        """Write the matrix."""
        data = {
            "task": self.task,
            "model": self.model,
            "prompts": [prompt.model_dump(mode="json") for prompt in self.prompts],
            "correct": self.correct,
            "likelihood": self.likelihood,
        }
        path.write_text(json.dumps(data, ensure_ascii=False), encoding="utf-8")


async def measured(task: Task, model: Model, count: int) -> Matrix:
    """Measure `count` prompts of a task on all its development lines."""
    await model.open()
    evaluator = Evaluator(
        CachedModel(model, Replies()),
        labels=task.skill.labels,
        max_answer_tokens=task.skill.answer_tokens,
        calibration=in_blocks([example.input for example in task.development]),
        known=task.answers,
    )
    prompts = various(task, count)
    metric, correct, likelihood = metric_of(task.skill), [], []
    for number, prompt in enumerate(prompts, start=1):
        right: list[float] = []
        likely: list[float | None] = []
        for block in in_blocks(task.development):
            answers = await evaluator.answer(prompt, [example.input for example in block], Meter())
            right += [metric(a.text, e.expected or "").score for a, e in zip(answers, block, strict=True)]
            likely += [evaluator.likelihood(a, e.expected or "") for a, e in zip(answers, block, strict=True)]
        correct.append(tuple(right))
        likelihood.append(tuple(likely))
        print(f"{number}/{len(prompts)}: {sum(right) / len(right):.2f}", flush=True)
    return Matrix(task.name, model.fingerprint, prompts, tuple(correct), tuple(likelihood))


def synthetic(seed: int, count: int = 40, items: int = 100) -> Matrix:
    """Draw a matrix: prompts of various skill, items of various difficulty, and luck.

    Likelihood is drawn from the same margins, shifted by each prompt's own confidence, so that it agrees with accuracy
    in part. A third of the prompts answer freely.
    """
    rng = Random(seed)
    difficulty = [rng.gauss(0, 1.2) for _ in range(items)]
    decodings = (Decoding.FREE, Decoding.CONSTRAINED, Decoding.CALIBRATED)
    prompts, correct, likelihood = [], [], []
    for number in range(count):
        skill, confidence = rng.gauss(0.2, 0.6), rng.gauss(0, 0.6)
        margins = [2 * (skill - hard) + rng.gauss(0, 2) for hard in difficulty]
        prompts.append(Prompt(instruction=f"Prompt number {number}.", decoding=decodings[number % len(decodings)]))
        correct.append(tuple(float(margin > 0) for margin in margins))
        free = prompts[-1].decoding is Decoding.FREE
        likelihood.append(
            tuple(None if free else -math.log1p(math.exp(-margin / 2 - confidence)) for margin in margins)
        )
    return Matrix(f"synthetic, seed {seed}", "none", tuple(prompts), tuple(correct), tuple(likelihood))


def various(task: Task, count: int) -> tuple[Prompt, ...]:
    """Return `count` different prompts: the hand-written texts with various demonstrations and ways of decoding."""
    rng = Random(0)
    known = SearchTask(
        description=task.skill.description,
        seeds=(task.seed_prompt,),
        labels=task.skill.labels,
        train=task.train,
        blocks=1,
        block_size=BLOCK_SIZE,
    )
    texts = [prompt.instruction for prompt in task.hand_written] or [task.seed_prompt.instruction]
    sizes = [0, *even_sizes(known, MOST_SHOWN)]
    found = {task.seed_prompt.content_hash: task.seed_prompt}
    for number in range(20 * count):
        if len(found) == count:
            break
        prompt = Prompt(
            instruction=texts[number % len(texts)],
            demonstrations=draw(known, rng.choice(sizes), rng),
            decoding=rng.choice(task.skill.decodings),
        )
        found.setdefault(prompt.content_hash, prompt)
    return tuple(found.values())
