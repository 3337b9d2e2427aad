"""The promotion gate: what two paired measurements allow one to say."""

import pytest

from promptbreeder.lifecycle.gate import accuracy_of, compare


def test_measurements_of_different_examples_are_not_compared() -> None:
    """Pairs that do not match are a defect and must not make a verdict."""
    with pytest.raises(ValueError, match="shorter"):
        compare([1.0] * 21, [1.0] * 20)


def test_accuracy_counts_graded_scores_and_has_none_without_items() -> None:
    """Half right is half an item; nothing measured is not zero."""
    known = accuracy_of([1.0, 0.5, 0.0, 0.5])
    assert known is not None
    assert (known.accuracy, known.n) == (0.5, 4)
    assert known.low < 0.5 < known.high
    assert accuracy_of([]) is None
