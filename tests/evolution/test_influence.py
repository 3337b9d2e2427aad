"""What is learnt of the train examples as demonstrations."""

from random import Random
from statistics import correlation, fmean

from hypothesis import given
from hypothesis import strategies as st

from promptbreeder.evolution.influence import Influence, influence
from promptbreeder.prompt import Decoding, Demonstration, Prompt

POOL = tuple(f"example {number}" for number in range(60))


def _prompt(inputs: list[str], decoding: Decoding = Decoding.CALIBRATED) -> Prompt:
    shots = tuple(Demonstration(input=each, output="x") for each in inputs)
    return Prompt(instruction="Sort it.", demonstrations=shots, decoding=decoding)


def _planted(seed: int) -> dict[str, float]:
    rng = Random(seed)
    return {each: rng.gauss(0, 0.3) for each in POOL}


def _worth(planted: dict[str, float], count: int, seed: int) -> list[tuple[Prompt, float]]:
    """Return lists of eight, each worth the mean of what is planted in its examples, noise added."""
    rng = Random(seed)
    lists = [rng.sample(POOL, 8) for _ in range(count)]
    return [(_prompt(shown), fmean(planted[each] for each in shown) + rng.gauss(0, 0.1)) for shown in lists]


def _drawn(found: Influence, planted: dict[str, float], rng: Random) -> float:
    """Return the mean of what is planted in the eight that look best in one sample."""
    sampled = found.sampled(POOL, rng)
    return fmean(planted[each] for each in sorted(POOL, key=lambda each: -sampled[each])[:8])


def test_lists_drawn_by_influence_are_better_than_random_ones() -> None:
    """After sixty lists as noisy as their differences; more lists tell more."""
    gains: dict[int, list[float]] = {0: [], 60: [], 300: []}
    for seed in range(20):
        planted = _planted(seed)
        for count, found in gains.items():
            found.append(_drawn(influence(_worth(planted, count, seed)), planted, Random(seed + 1000)))
    none, some, many = (fmean(found) for found in gains.values())
    assert abs(none) < 0.1
    assert some > 0.15
    assert many > some + 0.1


def test_estimates_follow_what_is_planted() -> None:
    """And what was never shown is less certain than what was shown often."""
    planted = _planted(1)
    found = influence(_worth(planted, 120, 1))
    assert correlation([found.known[each].mean for each in POOL], [planted[each] for each in POOL]) > 0.7
    assert max(estimate.error for estimate in found.known.values()) < found.other.error


def test_what_else_differs_is_not_put_down_to_the_examples() -> None:
    """Lists of another length or under another decoding may be worth much more, whatever they show."""
    good, bad = POOL[:8], POOL[8:16]
    long = [(_prompt([*bad, *POOL[16:32]]), 0.9), (_prompt([*bad, *POOL[30:46]]), 0.9)]
    short = [(_prompt([*good[:4], *POOL[40:44]]), 0.3), (_prompt([*bad[:4], *POOL[40:44]]), 0.2)]
    free = [(_prompt([*bad[:4], *good[:4]], Decoding.FREE), 0.0)]
    found = influence([*long, *short, *free])
    assert min(found.known[each].mean for each in good[:4]) > max(found.known[each].mean for each in bad[:4])


@given(st.lists(st.floats(0, 1), max_size=4))
def test_without_lists_that_differ_nothing_is_known(values: list[float]) -> None:
    """No prompt, prompts without demonstrations, or one list alone."""
    worth = [(_prompt([]), value) for value in values]
    assert influence(worth) == influence([*worth, (_prompt([*POOL[:8]]), 0.4)]) == Influence()
