"""The five mutations for small models: what each says, from facts and templates."""

import re
from collections.abc import Callable
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from promptbreeder.evolution.asks import Task, Trial
from promptbreeder.evolution.diagnosis import diagnose
from promptbreeder.evolution.operators.neighbours import FAMILIES
from promptbreeder.evolution.operators.remedies import (
    REMEDIES,
    Case,
    add_examples,
    add_structure,
    change_constraints,
    merge,
    refine,
)
from promptbreeder.prompt import Decoding, Prompt
from promptbreeder.skill import Example

RNG = Random(1)
META = re.compile(r"\b(?:prompt|instruction|mutat|failure|improve|rewrite|rephrase|current|success)\w*", re.IGNORECASE)


def _case(task: Task, text: str, *answers: str, working: str = "") -> Case:
    trials = [
        Trial(item=item, working=working or answer, answer=answer, right=answer == task.train[item].expected)
        for item, answer in enumerate(answers)
    ]
    return Case(Prompt(instruction=text), task, diagnose(task, trials))


def _free(task: Task, *expected: str) -> Task:
    train = tuple(Example(input=f"item {n}", expected=answer) for n, answer in enumerate(expected))
    return task.model_copy(update={"labels": (), "decodings": ("free",), "train": train})


def _text(change: Callable[[Case, Random], Prompt | None], case: Case) -> str:
    changed = change(case, RNG)
    return "" if changed is None else changed.instruction


def test_structure_spells_out_the_steps_and_all_labels(task: Task) -> None:
    """Every label is named, with the words that tell of it."""
    assert _text(add_structure, _case(task, "Sort it.", "billing")) == (
        "Sort it.\n1. Read to the end.\n2. Choose what fits best:\n- billing: billing\n- delivery: delivery\n"
        "- technical: technical\n3. Write that one only."
    )


def test_structure_of_a_free_task_gives_length_and_form(task: Task) -> None:
    """What is true of the expected answers."""
    case = _case(_free(task, "red apple", "pear"), "Name it.", "x")
    assert _text(add_structure, case) == (
        "Name it.\n1. Read to the end.\n2. Write the answer only.\n- Answer with 1 to 2 words.\n"
        "- The answer is in lower case."
    )


def test_structure_grows_no_longer_than_allowed(task: Task) -> None:
    """Fewer words a label first, then none, then nothing."""
    sized = [
        _text(add_structure, _case(task.model_copy(update={"max_instruction_characters": most}), "Sort it.", "billing"))
        for most in (150, 120, 60)
    ]
    assert "- billing: billing" in sized[0]
    assert "- billing\n- delivery\n" in sized[1]
    assert not sized[2]


def test_refining_tells_apart_what_was_confused_most(task: Task) -> None:
    """By the words that tell of either; without such words by name; never twice."""
    case = _case(task, "Sort it.", "billing", "billing", "technical")
    refined = "Sort it. Words like delivery point to delivery, words like billing to billing."
    assert _text(refine, case) == refined
    assert not _text(refine, Case(Prompt(instruction=refined), task, case.found))
    bare = task.model_copy(update={"train": tuple(Example(input=e.input[:9], expected=e.expected) for e in task.train)})
    assert _text(refine, _case(bare, "Sort it.", "delivery")) == "Sort it. Take care to tell billing from delivery."


def test_refining_a_free_task_adds_one_fact_of_form_after_the_other(task: Task) -> None:
    """Until all is said."""
    free = _free(task, "red-apple", "big-pear")
    text, said = "Name it.", []
    while new := _text(refine, _case(free, text, "x")):
        said.append(new.removeprefix(text).strip())
        text = new
    assert said == [
        "Answer with one word only.",
        "The answer is in lower case.",
        "The answer has no spaces.",
        "The words of the answer are joined by hyphens.",
    ]


def test_examples_make_few_shot_of_zero_shot_with_the_wrong_ones_first(task: Task) -> None:
    """One of each label, those that were answered wrongly; a prompt that has examples already is left alone."""
    case = _case(task, "Sort it.", "delivery", "billing", "billing")
    changed = add_examples(case, Random(3))
    assert changed is not None
    assert changed.instruction == "Sort it."
    assert sorted(shot.input for shot in changed.demonstrations) == [example.input for example in task.train[:3]]
    assert add_examples(Case(changed, task, case.found), RNG) is None
    assert add_examples(_case(task.model_copy(update={"train": ()}), "Sort it."), RNG) is None


@pytest.mark.parametrize(
    ("expected", "given", "sentence"),
    [
        (("a red apple", "a pear"), "a red apple " * 5, "Answer with at most 3 words."),
        (("apple", "pear"), "an apple that somebody has left here", "Answer with one word only."),
        (("a red apple on the wooden table", "two pears in the kitchen"), "apple", "Answer with at least 5 words."),
        (("golden-gate-bridge.jpg", "old-red-bridge-at-dawn.jpg"), "a.jpg", "Answer with at least 22 characters."),
    ],
)
def test_constraints_follow_the_length_of_the_expected_answers(
    task: Task, expected: tuple[str, ...], given: str, sentence: str
) -> None:
    """Too long asks for less, too short for more, in place of what was said about length before."""
    case = _case(_free(task, *expected), "Name it. Answer with exactly 9 words. Do not explain.", given, given)
    assert REMEDIES["change constraints"].when(case)
    assert _text(change_constraints, case) == f"Name it. {sentence}"


def test_unparsable_answers_get_their_form_said(task: Task) -> None:
    """Labels are listed; a number is asked for as a number."""
    case = _case(task, "Sort it.", "", "", working="I cannot say.")
    assert _text(change_constraints, case) == (
        "Sort it. Answer with exactly one of these and nothing else: billing, delivery, technical."
    )
    number = _case(_free(task, "12", "7"), "Count it.", "", "", working="two")
    assert _text(change_constraints, number) == "Count it. The answer is a number in digits."


def test_merging_joins_what_either_says_once() -> None:
    """The better prompt's layout stays; templates cannot be merged, and neither can what says the same."""
    left = Prompt(instruction="List the objects. Be brief.", decoding=Decoding.CALIBRATED)
    merged = merge(left, Prompt(instruction="Use bullet points. Be brief!"))
    assert merged is not None
    assert merged.instruction == "List the objects. Be brief. Use bullet points."
    assert merged.decoding == "calibrated"
    assert merge(left, Prompt(instruction="be brief. list the objects.")) is None
    assert merge(left, Prompt(instruction="Sort {{input}}.")) is None
    assert merge(Prompt(instruction=""), left) is None


@given(
    text=st.sampled_from(("Sort it.", "", "Ticket: {{input}}\nQueue:", "Read. Please sort it, and hurry. " * 4)),
    answers=st.lists(st.sampled_from(("billing", "delivery", "technical", "")), max_size=9),
    labelled=st.booleans(),
    seed=st.integers(0, 99),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_edit_says_a_word_about_prompts_or_breaks_a_template(
    task: Task, text: str, answers: list[str], seed: int, *, labelled: bool
) -> None:
    """Whatever fails, only sentences to the executor come out, and the item keeps its one place."""
    given = task if labelled else _free(task, "red apple", "pear", "plum", *["fig"] * 6)
    case = _case(given, text, *answers)
    made = [remedy.change(case, Random(seed)) for remedy in REMEDIES.values()]
    made += [v.prompt for family in FAMILIES.values() for v in family(case.prompt, given, Random(seed), 4)]
    for prompt in made:
        if prompt is not None:
            assert not META.search(prompt.instruction)
            assert prompt.instruction.count("{{input}}") == text.count("{{input}}")
            assert not labelled or prompt.decoding in given.decodings
