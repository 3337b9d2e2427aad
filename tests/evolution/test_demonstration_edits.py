"""Edits of the list of demonstrations, one at a time."""

from collections import Counter
from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from promptbreeder.evolution.asks import Task
from promptbreeder.evolution.operators.demonstrations import (
    added,
    draw,
    dropped,
    few_shot,
    permuted,
    replaced,
    usable,
)

unhurried = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@given(size=st.integers(1, 9), seed=st.integers(0, 99))
@unhurried
def test_each_edit_of_the_list_changes_what_it_says(task: Task, size: int, seed: int) -> None:
    """Permuting only permutes; adding and dropping keep the order of the others; replacing keeps the answers."""
    shots, new, rng = usable(task)[:size], usable(task)[10], Random(seed)
    assert Counter(permuted(shots, rng)) == Counter(shots)
    longer = added(shots, new, rng)
    assert tuple(shot for shot in longer if shot != new) == shots
    shorter = dropped(shots, rng)
    assert len(shorter) == size - 1
    assert [shot for shot in shots if shot in shorter] == list(shorter)
    other = replaced(shots, task, rng)
    assert Counter(shot.output for shot in other) == Counter(shot.output for shot in shots)
    assert len([shot for shot in other if shot not in shots]) == 1


def test_what_is_liked_comes_and_what_is_not_goes(task: Task) -> None:
    """Of each answer; a demonstration that is no train example counts for nothing either way."""
    liking = {shot.input: float(number) for number, shot in enumerate(usable(task))}
    best = usable(task)[-3:]
    assert Counter(draw(task, 3, Random(1), liking=liking)) == Counter(best)
    foreign = best[0].model_copy(update={"input": "Somebody's own example"})
    shots = (*usable(task)[9:12], foreign)
    assert foreign not in dropped(shots, Random(1), liking)
    other = replaced(usable(task)[9:12], task, Random(1), liking=liking)
    assert Counter(other) == Counter([*usable(task)[10:12], best[0]])


def test_replacing_without_another_example_keeps_the_list(task: Task) -> None:
    """All of a label are shown already, and nothing else was offered."""
    few = task.model_copy(update={"train": task.train[:3]})
    assert replaced(usable(few), few, Random(1)) == usable(few)


def test_few_shot_shows_what_was_wrong_first_and_stays_balanced(task: Task) -> None:
    """Four wrong ones of one label do not make a list of that label."""
    wrong = [shot for shot in usable(task) if shot.output == "billing"][:4]
    for seed in range(20):
        shots = few_shot(task, 6, Random(seed), first=wrong)
        assert Counter(shot.output for shot in shots) == dict.fromkeys(task.labels, 2)
        assert sum(shot in wrong for shot in shots) == 2
    assert few_shot(task.model_copy(update={"train": ()}), 6, Random(1)) == ()
