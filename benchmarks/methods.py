"""The methods that are compared: each from a laboratory and a seed to the fields of its row."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

import baselines  # these beside this file
import hand_written
from laboratory import Begin, Found, Laboratory, PromptFor
from peer_runs import PEERS, TFIDF
from rows import OWN, Result, Row

from promptbreeder.evaluation.meter import Usage
from promptbreeder.evolution.strategies import STRATEGIES, choose
from promptbreeder.prompt import Decoding, Prompt

Method = Callable[[Laboratory, int], Awaitable[Row]]


@dataclass(frozen=True, slots=True)
class Entry:
    """One method; without chance the same row holds for every seed."""

    run: Method
    has_seeds: bool
    needs_labels: bool = False
    by_our_engine: bool = False
    """Its rows are made old by another version of our search engine: our strategies, and what is calibrated as they."""


async def _judged(lab: Laboratory, found: Found) -> Row:
    prompt = found.prompt
    scores = {each: await lab.scores(prompt.but(decoding=each), lab.judged) for each in lab.decodings}
    return Result(
        judged={each.value: own for each, own in scores.items()},
        decoding=prompt.decoding.value,
        development=await lab.scores(prompt, lab.task.development),
        usage=found.usage,
        seconds=found.seconds,
        prompt=prompt.model_dump(mode="json"),
    ).row()


async def _searched(lab: Laboratory, seed: int, *, begin: Begin) -> Row:
    return await _judged(lab, await lab.search(begin, seed))


async def _strategy(lab: Laboratory, seed: int, *, name: str) -> Row:
    chosen = choose(name, None, generations=None, population=None)
    return await _searched(lab, seed, begin=chosen.begin)


async def _fixed(lab: Laboratory, seed: int, *, prompt_of: Callable[[Laboratory], Prompt | None]) -> Row:
    del seed
    prompt = prompt_of(lab)
    if prompt is None:
        return {"does_not_apply": "there is none for this task in benchmarks/hand_written.py"}
    return await _judged(lab, Found(prompt, Usage(), 0.0))


async def _best_of_file(lab: Laboratory, seed: int) -> Row:
    """Take the prompt of those beside the task file that is best on the development lines."""
    if not lab.task.hand_written:
        return {"does_not_apply": "there are no prompts beside the task file"}
    return await _judged(lab, await lab.search(baselines.each_in_full, seed, lab.task.hand_written))


async def _nearest(lab: Laboratory, seed: int) -> Row:
    del seed
    prompt_for: PromptFor = partial(baselines.with_nearest, lab.task)
    best = max(lab.decodings, key=list(Decoding).index)
    scores = {each.value: await lab.scores_of_each(prompt_for, each, lab.judged) for each in lab.decodings}
    development = await lab.scores_of_each(prompt_for, best, lab.task.development)
    return Result(judged=scores, decoding=best.value, development=development).row()


async def _majority(lab: Laboratory, seed: int) -> Row:
    del seed
    judged, development = (
        lab.score(baselines.majority(lab.task, len(lines)), lines) for lines in (lab.judged, lab.task.development)
    )
    return Result(judged={OWN: judged}, development=development).row()


BASELINES: dict[str, Entry] = {
    "majority class": Entry(_majority, has_seeds=False),
    "seed prompt": Entry(partial(_fixed, prompt_of=lambda lab: lab.task.seed_prompt), has_seeds=False),
    "good hand-written prompt": Entry(
        partial(_fixed, prompt_of=lambda lab: hand_written.prompt_for(lab.task.name)), has_seeds=False
    ),
    "best prompt of the task's file": Entry(_best_of_file, has_seeds=False),
    "nearest demonstrations": Entry(_nearest, has_seeds=False),
    "random demonstrations": Entry(partial(_searched, begin=baselines.random_demonstrations), has_seeds=True),
    "random demonstrations, calibrated": Entry(
        partial(_searched, begin=baselines.random_demonstrations_calibrated),
        has_seeds=True,
        needs_labels=True,
        by_our_engine=True,
    ),
    "best of n": Entry(partial(_searched, begin=baselines.best_of_n), has_seeds=True),
}
OURS = {name: Entry(partial(_strategy, name=name), has_seeds=True, by_our_engine=True) for name in STRATEGIES}
THEIRS: dict[str, Entry] = {
    "TF-IDF + logistic regression": Entry(TFIDF.run, has_seeds=False, needs_labels=True),
    **{name: Entry(peer.run, has_seeds=True) for name, peer in PEERS.items()},
}
METHODS: dict[str, Entry] = {**BASELINES, **OURS, **THEIRS}
GROUPS = {"baselines": tuple(BASELINES), "ours": tuple(OURS), "peers": tuple(THEIRS)}
"""Names for many methods at once."""
