"""Sentences about form and length."""

from typing import Any

import pytest

from promptbreeder.evolution.asks import Task
from promptbreeder.evolution.operators.constraints import (
    FREE_CONSTRAINTS,
    LABEL_CONSTRAINTS,
    form_constraints,
    length_constraint,
    terser,
    verbosity_changes,
    with_sentence,
    without_constraints,
)


def test_form_constraints_fit_the_task(task: Task) -> None:
    """No word of labels where there are none, none of one word where a label has two."""
    assert form_constraints(task) == LABEL_CONSTRAINTS
    assert form_constraints(task.model_copy(update={"labels": ("bug fix", "sales")})) == LABEL_CONSTRAINTS[1:]
    assert form_constraints(task.model_copy(update={"labels": ()})) == FREE_CONSTRAINTS


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"low": 2, "high": 4}, "Answer with 2 to 4 words."),
        ({"low": 3, "high": 3}, "Answer with exactly 3 words."),
        ({"low": 1, "high": 1}, "Answer with one word only."),
        ({"low": 1, "high": 5, "bound": "at most"}, "Answer with at most 5 words."),
        ({"low": 12, "high": 30, "bound": "at least", "unit": "characters"}, "Answer with at least 12 characters."),
        ({"low": 1, "high": 1, "bound": "at least"}, "Answer with at least 1 word."),
    ],
)
def test_length_constraints_read_well_and_can_be_taken_out_again(given: dict[str, Any], sentence: str) -> None:
    """A range, an exact number, or a bound; changing a constraint never leaves two that contradict each other."""
    assert length_constraint(**given) == sentence
    assert without_constraints(f"Sort it. {sentence} Do not explain.") == "Sort it."


def test_a_sentence_goes_to_the_end_or_before_a_template() -> None:
    """A template's end belongs to the item; a list is followed by a line of its own."""
    assert with_sentence("Sort it.", "Hurry.") == "Sort it. Hurry."
    assert with_sentence("", "Hurry.") == "Hurry."
    assert with_sentence("Steps:\n- read", "Hurry.") == "Steps:\n- read\nHurry."
    assert with_sentence("Ticket: {{input}}\nQueue:", "Hurry.") == "Hurry.\nTicket: {{input}}\nQueue:"


def test_terser_drops_courtesy_only() -> None:
    """What the task is stays."""
    assert terser("Please, read the ticket very carefully and name its queue.") == (
        "Read the ticket and name its queue."
    )


def test_verbosity_changes_say_the_same_under_other_constraints(task: Task) -> None:
    """Each is named for what it does; what would change nothing is left out."""
    changes = verbosity_changes("Please name the queue. Do not explain.", task)
    assert dict.fromkeys(name for name, _ in changes) == dict.fromkeys(
        ("no constraint", "terser", "fuller", "constraint")
    )
    found = [text for _, text in changes]
    assert found[:3] == [
        "Please name the queue.",
        "Name the queue. Do not explain.",
        "Route a support ticket to its queue. Please name the queue. Do not explain.",
    ]
    assert found[3:] == [f"Please name the queue. {sentence}" for sentence in LABEL_CONSTRAINTS[:2]]
    described = [name for name, _ in verbosity_changes(task.description, task)]
    assert described == ["constraint"] * 3
