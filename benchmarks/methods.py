"""The rows of the comparison: each method from a laboratory and a seed to its test scores."""

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import baselines  # these beside this file
from laboratory import Begin, Found, Laboratory, Scores

from promptbreeder.evaluation.meter import Usage
from promptbreeder.evidence.intervals import wilson
from promptbreeder.evolution.strategies import STRATEGIES, choose
from promptbreeder.prompt import Decoding, Prompt

Row = dict[str, Any]
Method = Callable[[Laboratory, int], Awaitable[Row]]
_NOTHING = Usage()


@dataclass(frozen=True, slots=True)
class Entry:
    """One method; without chance the same row holds for every seed."""

    run: Method
    has_seeds: bool
    needs_labels: bool = False


async def _searched(lab: Laboratory, seed: int, *, begin: Begin) -> Row:
    found = await lab.search(begin, seed)
    return _row(await lab.tested(found.prompt), found.prompt.decoding, found)


async def _strategy(lab: Laboratory, seed: int, *, name: str) -> Row:
    chosen = choose(name, None, generations=None, population=None)
    return await _searched(lab, seed, begin=chosen.begin)


async def _seed_prompt(lab: Laboratory, seed: int) -> Row:
    del seed
    prompt = lab.task.seed_prompt
    return _row(await lab.tested(prompt), prompt.decoding, Found(prompt, None, _NOTHING, 0.0))


async def _hand_written(lab: Laboratory, seed: int) -> Row:
    """Take the prompt of those beside the file that is best on the development lines."""
    found = await lab.search(baselines.each_in_full, seed, lab.task.hand_written)
    return _row(await lab.tested(found.prompt), found.prompt.decoding, found)


async def _nearest(lab: Laboratory, seed: int) -> Row:
    del seed
    prompt_for = partial(baselines.with_nearest, lab.task)
    best = max(lab.decodings, key=list(Decoding).index)
    return {**_row(await lab.tested_each(prompt_for), best, Found(prompt_for(""), None, _NOTHING, 0.0)), "prompt": None}


async def _without_model(lab: Laboratory, seed: int, *, answer: Callable[[Any], list[str]]) -> Row:
    del seed
    began = time.monotonic()
    answers = answer(lab.task)
    scores = tuple(lab.score(a, e.expected or "") for a, e in zip(answers, lab.task.test, strict=True))
    found = Found(Prompt(instruction=""), None, _NOTHING, time.monotonic() - began)
    return {**_row({Decoding.FREE: scores}, Decoding.FREE, found), "prompt": None, "decoding": None, "by_decoding": {}}


def _row(scores: Mapping[Decoding, Scores], decoding: Decoding, found: Found) -> Row:
    own = scores[decoding]
    interval = wilson(sum(own), len(own))
    return {
        "test_acc": round(sum(own) / len(own), 4),
        "interval": [round(interval.low, 4), round(interval.high, 4)],
        "test_lines": len(own),
        "search_acc": found.search_acc,
        "decoding": decoding.value,
        "by_decoding": {name.value: round(sum(each) / len(each), 4) for name, each in scores.items()},
        "calls": found.usage.calls,
        "tokens": found.usage.tokens,
        "computed_tokens": found.usage.computed_tokens,
        "seconds": round(found.seconds, 1),
        "prompt": found.prompt.model_dump(mode="json"),
    }


METHODS: dict[str, Entry] = {
    "majority class": Entry(partial(_without_model, answer=baselines.majority), has_seeds=False),
    "TF-IDF + logistic regression": Entry(
        partial(_without_model, answer=baselines.tfidf_logistic), has_seeds=False, needs_labels=True
    ),
    "seed prompt": Entry(_seed_prompt, has_seeds=False),
    "best hand-written prompt": Entry(_hand_written, has_seeds=False),
    "nearest demonstrations": Entry(_nearest, has_seeds=False),
    "random demonstrations": Entry(partial(_searched, begin=baselines.random_demonstrations), has_seeds=True),
    "random demonstrations, calibrated": Entry(
        partial(_searched, begin=baselines.random_demonstrations_calibrated), has_seeds=True, needs_labels=True
    ),
    "best of n": Entry(partial(_searched, begin=baselines.best_of_n), has_seeds=True),
    **{name: Entry(partial(_strategy, name=name), has_seeds=True) for name in STRATEGIES},
}
