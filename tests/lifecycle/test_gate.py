"""The promotion gate: what two paired measurements allow one to say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptbreeder.lifecycle.gate import accuracy_of, judge, paired
from promptbreeder.skill import MIN_GATE_EXAMPLES

SCORES = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), max_size=60)


@given(pairs=SCORES)
def test_a_version_passes_exactly_if_it_is_not_below_production_on_enough_examples(
    pairs: list[tuple[float, float]],
) -> None:
    """Fitness, search scores and hopes have no say."""
    new, old = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    verdict = judge(new, old)
    assert verdict.passes == (len(pairs) >= MIN_GATE_EXAMPLES and paired(new, old).difference >= 0)
    assert verdict.sentence.endswith(".")


@pytest.mark.parametrize(
    ("new", "passes", "sentence"),
    [
        ([1, 1, 0, 0], True, "Ahead of production: +25.0 points on 40 gate examples (20 better, 10 worse)."),
        (
            [0, 1, 0, 0],
            True,
            "Not distinguishable from production: +0.0 points on 40 gate examples (10 better, 10 worse).",
        ),
        ([0, 0, 0, 0], False, "Below production: -25.0 points on 40 gate examples (0 better, 10 worse)."),
    ],
)
def test_the_verdict_gives_the_facts(new: list[float], *, passes: bool, sentence: str) -> None:
    """Difference, and on how many examples either is better: item by item, which totals do not tell."""
    assert judge([*new] * 10, [1, 0, 0, 0] * 10) == (
        passes,
        sentence.replace("20 better, 10 worse", "10 better, 0 worse"),
    )


@pytest.mark.parametrize(("n", "missing"), [(19, 3), (0, 50), (12, 20)])
def test_too_few_gate_examples_are_said_with_the_number_to_add(n: int, missing: int) -> None:
    """Four in ten new examples become gate examples."""
    verdict = judge([1.0] * n, [0.0] * n)
    assert not verdict.passes
    assert f"{n} gate examples, {MIN_GATE_EXAMPLES} are the least; about {missing} more examples" in verdict.sentence


def test_measurements_of_different_examples_are_not_compared() -> None:
    """Pairs that do not match are a defect and must not make a verdict."""
    with pytest.raises(ValueError, match="shorter"):
        judge([1.0] * 21, [1.0] * 20)


def test_accuracy_counts_graded_scores_and_has_none_without_items() -> None:
    """Half right is half an item; nothing measured is not zero."""
    known = accuracy_of([1.0, 0.5, 0.0, 0.5])
    assert known is not None
    assert (known.accuracy, known.n) == (0.5, 4)
    assert known.low < 0.5 < known.high
    assert accuracy_of([]) is None
