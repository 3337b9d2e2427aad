"""Patterns: recognised in a winner of one skill, put on the prompt of another."""

from random import Random

import pytest

from promptbreeder.evolution.asks import Task
from promptbreeder.evolution.patterns import PATTERNS, recognised, with_patterns
from promptbreeder.prompt import Decoding, Demonstration, Format, Prompt
from promptbreeder.skill import Example

FREE_TEXT = ("examples as turns, 2 in all", "examples as turns, 4 in all", "examples as turns, 8 in all")


@pytest.mark.parametrize("name", [name for name in PATTERNS if name not in FREE_TEXT])
def test_what_was_applied_is_recognised_and_applied_once(name: str, task: Task) -> None:
    """A pattern that its own library does not find again would never get a record."""
    seed = task.seeds[0]
    assert name not in recognised(seed, task)
    made = PATTERNS[name].apply(seed, task, Random(1))
    assert made != seed
    assert name in recognised(made, task)
    assert PATTERNS[name].apply(made, task, Random(1)) == made


@pytest.mark.parametrize("name", FREE_TEXT)
def test_without_labels_examples_are_counted_in_all(name: str, task: Task) -> None:
    """Of each label makes no sense there; and the other way round."""
    free = task.model_copy(update={"labels": (), "decodings": ("free",)})
    made = PATTERNS[name].apply(task.seeds[0], free, Random(1))
    assert recognised(made, free) == (name,)
    assert PATTERNS[name].apply(task.seeds[0], task, Random(1)) == task.seeds[0]


def test_examples_are_of_the_task_at_hand_and_as_many_of_each_label(task: Task) -> None:
    """The number is carried over, the examples never."""
    made = PATTERNS["examples as turns, 2 a label"].apply(task.seeds[0], task, Random(1))
    assert sorted(shot.output for shot in made.demonstrations) == sorted(2 * task.labels)
    known = [example.input for example in task.train]
    assert all(shot.input in known for shot in made.demonstrations)


def test_lists_that_an_edit_made_uneven_go_under_the_nearest_number(task: Task) -> None:
    """Seven examples of three labels are about two a label; as text they are no turns."""
    shots = tuple(Demonstration(input=str(number), output=task.labels[number % 3]) for number in range(7))
    prompt = task.seeds[0].but(demonstrations=shots)
    assert recognised(prompt, task) == ("examples as turns, 2 a label",)
    assert recognised(prompt.but(format=Format(demonstrations="inline")), task) == ()


def test_of_one_kind_the_first_named_is_taken_and_all_are_still_there_together(task: Task) -> None:
    """One way of decoding, one number of examples; said twice and labels last do not undo one another."""
    names = (
        "prompt repeated",
        "constrained decoding",
        "calibrated decoding",
        "label list last",
        "examples as turns, 1 a label",
        "examples as turns, 5 a label",
        "no such pattern",
    )
    made, kept = with_patterns(task.seeds[0], names, task, Random(1))
    assert kept == (
        "examples as turns, 1 a label",
        "constrained decoding",
        "label list last",
        "prompt repeated",
    )
    assert recognised(made, task) == kept
    assert made.decoding is Decoding.CONSTRAINED


def test_what_does_not_fit_the_task_leaves_the_prompt_as_it_is(task: Task) -> None:
    """No decoding that the skill forbids, no text beyond its limit, no examples where there are none."""
    strict = task.model_copy(update={"decodings": ("free",), "max_instruction_characters": 45, "train": ()})
    unfit = [name for name in PATTERNS if PATTERNS[name].apply(task.seeds[0], strict, Random(1)) == task.seeds[0]]
    assert unfit == [
        *list(PATTERNS)[:9],
        "numbered steps",
        "nothing but the answer",
        "label list last",
        "prompt repeated",
    ]


def test_a_template_keeps_its_layout(task: Task) -> None:
    """Where the item stands in the text there is no place for a list after it, or for a field."""
    template = Prompt(instruction="Ticket: {{input}}\nQueue:")
    for name in ("label list last", "prompt repeated", "instruction in the user's turn", "answer asked for by name"):
        assert PATTERNS[name].apply(template, task, Random(1)) == template


def test_the_same_randomness_shows_the_same_examples(task: Task) -> None:
    """A plan is made once; but two runs with one seed are one run."""
    train = tuple(Example(input=f"text {n}", expected=task.labels[n % 3]) for n in range(60))
    many = task.model_copy(update={"train": train})
    pattern = PATTERNS["examples as turns, 3 a label"]
    first, same, other = (pattern.apply(task.seeds[0], many, Random(seed)) for seed in (1, 1, 2))
    assert first == same != other
