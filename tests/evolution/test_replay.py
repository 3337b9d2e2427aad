"""Resume is replay: same seed and same answers, same asks."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from promptbreeder.evolution.asks import Task
from promptbreeder.evolution.profiles import PAPER_SMALL, SMOLLM2
from promptbreeder.evolution.strategies.promptbreeder import promptbreeder

_DIGEST = """
import hashlib, importlib.util, sys
from dataclasses import replace
from random import Random
spec = importlib.util.spec_from_file_location("played", sys.argv[1])
played = importlib.util.module_from_spec(spec)
spec.loader.exec_module(played)
from promptbreeder.evolution.asks import Task
from promptbreeder.evolution.profiles import PAPER_SMALL, SMOLLM2
from promptbreeder.evolution.strategies import choose
from promptbreeder.evolution.strategies.promptbreeder import promptbreeder
task = Task.model_validate_json(sys.stdin.read())
digest = hashlib.sha256()
for profile in (replace(SMOLLM2, generations=4), replace(PAPER_SMALL, generations=2)):
    world = played.Outside(task, writer=played.inventive, fitness=lambda p, b: int(p.content_hash[:3], 16) % (7 + b))
    world.drive(promptbreeder(task, Random(21), profile))
    for ask in world.asks:
        digest.update(ask.model_dump_json().encode())
from importlib.util import find_spec
for name in ("evoprompt-ga", "evoprompt-de", "opro", *(["mipro"] if find_spec("optuna") else [])):
    world = played.Outside(task, writer=played.inventive, fitness=lambda p, b: int(p.content_hash[:3], 16) % (7 + b))
    world.drive(choose(name, None, generations=4, population=None, seed_with="promptbreeder").begin(task, Random(3)))
    for ask in world.asks:
        digest.update(ask.model_dump_json().encode())
print(digest.hexdigest())
"""


@given(seed=st.integers(0, 2**32), stop=st.integers(0, 60), noise=st.randoms(use_true_random=False))
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_stopped_run_goes_on_from_its_journal_as_if_never_stopped(  # noqa: PLR0917  fixtures
    seed: int, stop: int, noise: Random, task: Task, outside: Callable[..., Any], writer: Callable[..., str]
) -> None:
    """The journaled answers bring a new generator to the very ask at which the old one was stopped."""
    profile = replace(SMOLLM2, generations=3) if seed % 2 else replace(PAPER_SMALL, generations=1)
    garbage = ("", "billing", "I'm sorry")
    world = outside(
        task,
        writer=lambda draft: noise.choice((*garbage, writer(draft))),
        fitness=lambda _, __: noise.random(),
        right=lambda _: noise.random() < 0.5,
    )
    world.drive(promptbreeder(task, Random(seed), profile))
    replayed = promptbreeder(task, Random(seed), profile)
    answer = None
    for ask, journaled in list(zip(world.asks, world.answers, strict=True))[: stop + 1]:
        assert (next(replayed) if answer is None else replayed.send(answer)) == ask
        answer = type(journaled).model_validate_json(journaled.model_dump_json())
    replayed.close()


def test_asks_do_not_depend_on_the_hash_seed(task: Task) -> None:
    """Another process orders sets and hashes differently; the search must not notice."""

    def digest(hash_seed: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", _DIGEST, str(Path(__file__).with_name("conftest.py"))],
            input=task.model_dump_json(),
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    assert digest("1") == digest("2") != ""
