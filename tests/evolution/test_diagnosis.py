"""The triggers: when each of the five mutations for small models is called for."""

import pytest

from promptbreeder.evolution.asks import Task, Trial
from promptbreeder.evolution.diagnosis import (
    Diagnosis,
    are_complementary,
    diagnose,
    is_badly_bounded,
    is_misunderstood,
    is_nearly_good,
    is_vague,
)
from promptbreeder.prompt import Prompt
from promptbreeder.skill import Example

LONG = "Well, let me think about that for a while before I give you my answer, which is this"


def _labelled(task: Task, *answers: str) -> Diagnosis:
    """Return the diagnosis of answers to the first train examples; their labels go round in the order of the task."""
    trials = [
        Trial(item=item, working=answer or LONG, answer=answer, right=answer == task.train[item].expected)
        for item, answer in enumerate(answers)
    ]
    return diagnose(task, trials)


def _free(*pairs: tuple[str, str], unparsable: bool = False) -> Diagnosis:
    train = tuple(Example(input=f"item {n}", expected=expected) for n, (expected, _) in enumerate(pairs))
    task = Task(description="Do it.", seeds=(), train=train, blocks=1, block_size=16)
    return diagnose(
        task,
        [
            Trial(item=n, working=given, answer="" if unparsable else given, right=given == expected)
            for n, (expected, given) in enumerate(pairs)
        ],
    )


def test_a_diagnosis_counts_what_was_answered(task: Task) -> None:
    """Wrong, unparsable and too long, and what was taken for what, the most frequent first."""
    found = _labelled(task, "billing", "billing", "billing", "technical", "billing", "")
    assert found.attempts == 6
    assert found.wrong == (1, 2, 3, 4, 5)
    assert found.accuracy == pytest.approx(1 / 6)
    assert (found.unparsable, found.too_long, found.too_short) == (1, 1, 0)
    assert found.confusions == (("delivery", "billing"), ("billing", "technical"), ("technical", "billing"))
    assert found.favourite == pytest.approx(4 / 6 - 2 / 6)


def test_a_pattern_is_taken_for_no_label(task: Task) -> None:
    """What was taken for what would be told to the executor, patterns and all."""
    patterns = tuple(Example(input=e.input, expected=f"^{e.expected}.*$") for e in task.train)
    found = _labelled(task.model_copy(update={"train": patterns, "expects_patterns": True}), "billing", "technical")
    assert (len(found.wrong), found.confusions) == (2, ())


def test_nothing_attempted_calls_for_nothing(task: Task) -> None:
    """No trials, no triggers."""
    found = diagnose(task, [])
    assert found.accuracy == 1
    assert not is_vague(Prompt(instruction="Sort."), task, found)
    assert not is_nearly_good(found)
    assert not is_misunderstood(found)
    assert not is_badly_bounded(found)


@pytest.mark.parametrize(
    ("expected", "given", "too_long", "too_short"),
    [
        ("a red apple", "a red apple and a long story of where it grew", True, False),
        ("a red apple on a wooden table", "an apple", False, True),
        ("golden-gate-bridge-sunset.jpg", "image.jpg", False, True),
        ("a red apple", "a green pear", False, False),
        ("no", "maybe", False, False),
        ("no", "no, since a", False, False),
        ("", LONG, True, False),
    ],
)
def test_length_is_measured_against_the_expected_answer(
    expected: str, given: str, *, too_long: bool, too_short: bool
) -> None:
    """Twice as long or half as long, with a few characters that are always allowed."""
    found = _free((expected, given))
    assert (bool(found.too_long), bool(found.too_short)) == (too_long, too_short)
    assert is_badly_bounded(found) == (too_long or too_short)


def test_right_answers_are_never_too_long() -> None:
    """A metric that finds the answer in a long reply has no quarrel with its length."""
    train = (Example(input="a", expected="yes"),)
    task = Task(description="Do it.", seeds=(), train=train, blocks=1, block_size=16)
    found = diagnose(task, [Trial(item=0, working=f"{LONG}: yes", answer="yes", right=True)])
    assert not is_badly_bounded(found)


def test_a_label_in_a_long_reply_is_wrong_but_not_too_long(task: Task) -> None:
    """Its form was understood."""
    found = diagnose(task, [Trial(item=0, working=f"{LONG}: delivery", answer="delivery", right=False)])
    assert (found.too_long, found.unparsable) == (0, 0)


def test_rare_faults_of_form_are_the_examples_own(task: Task) -> None:
    """One unparsable answer in six is not often, two in six are."""
    right = ("billing", "delivery", "technical", "billing")
    assert not is_badly_bounded(_labelled(task, *right, "delivery", ""))
    assert is_badly_bounded(_labelled(task, *right, "", ""))


def test_structure_is_added_where_much_fails_under_a_short_or_generic_instruction(task: Task) -> None:
    """Not where all goes well, and not where the instruction already says what there is to look for."""
    failing = _labelled(task, "billing", "billing", "billing")
    good = _labelled(task, "billing", "delivery", "technical")
    short = Prompt(instruction="Sort billing, delivery, technical.")
    generic = Prompt(instruction="Sort it. " * 20)
    specific = Prompt(instruction=f"{short.instruction} {'Look for what the customer wants from us. ' * 3}")
    assert is_vague(short, task, failing)
    assert is_vague(generic, task, failing)
    assert not is_vague(specific, task, failing)
    assert not is_vague(short, task, good)


def test_refining_is_for_what_is_good_but_not_perfect(task: Task) -> None:
    """Half right at least, something wrong."""
    assert is_nearly_good(_labelled(task, "billing", "delivery", "billing"))
    assert not is_nearly_good(_labelled(task, "billing", "billing", "billing"))
    assert not is_nearly_good(_labelled(task, "billing", "delivery"))


def test_examples_are_for_a_task_that_was_not_understood(task: Task) -> None:
    """Mostly wrong, often without a label, or one label for everything; a single slip is no misunderstanding."""
    assert is_misunderstood(_labelled(task, "technical", "technical", "technical"))
    assert is_misunderstood(_labelled(task, "billing", "delivery", "technical", ""))
    biased = task.model_copy(update={"train": tuple(task.train[i] for i in (0, 3, 6, 1, 4))})
    assert is_misunderstood(_labelled(biased, *["billing"] * 5))
    assert not is_misunderstood(_labelled(task, "billing", "delivery", "technical", "billing", "billing"))
    assert not is_misunderstood(_labelled(task, "billing", "delivery", "technical"))


def test_prompts_are_merged_where_each_is_right_alone_on_some() -> None:
    """Twice at least on either side, on the same examples."""

    def trials(*right: int) -> list[Trial]:
        return [Trial(item=n, working="a", answer="a", right=n in right) for n in range(6)]

    assert are_complementary(trials(0, 1, 2), trials(2, 3, 4))
    assert not are_complementary(trials(0, 1, 2), trials(1, 2, 3))
    assert not are_complementary(trials(0, 1, 2, 3, 4), trials(0, 1))
    assert not are_complementary(trials(0, 1)[:2], trials(2, 3)[2:])
