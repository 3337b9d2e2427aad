"""What the train examples say without a model."""

import pytest

from promptbreeder.evolution.asks import Task
from promptbreeder.evolution.facts import forms, telling_words, usual_characters, usual_range, usual_words
from promptbreeder.skill import Example


def _task(*expected: str) -> Task:
    train = tuple(Example(input=f"item {number}", expected=answer) for number, answer in enumerate(expected))
    return Task(description="Do it.", seeds=(), train=train, blocks=1, block_size=16)


@pytest.mark.parametrize(
    ("expected", "said"),
    [
        (("12", "-3", "4.5"), ("The answer is a number in digits.",)),
        (("red apple", "pear"), ("The answer is in lower case.",)),
        (("DE", "US"), ("The answer is in capitals.",)),
        (
            ("green-tea-cup", "tea"),
            ("The answer is in lower case.", "The answer has no spaces."),
        ),
        (
            ("green-tea", "red-cup"),
            (
                "The answer is in lower case.",
                "The answer has no spaces.",
                "The words of the answer are joined by hyphens.",
            ),
        ),
        (("Big_Cup", "Red_Tea"), ("The words of the answer are joined by underscores.",)),
        (("Tea, cup", "Milk, jar"), ("The answer is a list with commas.",)),
        (('{"A": 1}', '{"B": 2}'), ("The answer is a JSON object.",)),
        (("Tea", "Cup"), ()),
        (("tea",), ()),
        ((), ()),
    ],
)
def test_forms_hold_for_the_expected_answers(expected: tuple[str, ...], said: tuple[str, ...]) -> None:
    """What is said of the form is true of the examples; a single one shows no form."""
    assert forms(_task(*expected)) == said


def test_usual_lengths_leave_out_the_odd_ones() -> None:
    """One essay among twenty short answers does not make long answers usual."""
    assert usual_range([3] * 10 + [4] * 9 + [400]) == (3, 4)
    assert usual_range([]) == (0, 0)
    assert usual_words(_task("a b", "a b c", "a")) == (1, 3)
    assert usual_characters(_task("ab", "abcd")) == (2, 4)
    assert usual_words(_task()) == (0, 0)


def test_telling_words_stand_in_one_label_and_not_in_the_others(task: Task) -> None:
    """Words that are everywhere tell nothing, and neither does one that was seen once."""
    assert telling_words(task, 3) == {label: (label,) for label in task.labels}
    assert telling_words(task, 0) == dict.fromkeys(task.labels, ())
    train = (
        Example(input="refund refund, please", expected="billing"),
        Example(input="the refund is late", expected="billing"),
        Example(input="the parcel is late", expected="delivery"),
        Example(input="a parcel, please", expected="delivery"),
    )
    told = telling_words(task.model_copy(update={"train": train}), 4)
    assert told == {"billing": ("refund",), "delivery": ("parcel",), "technical": ()}
