"""What one skill may teach another, and what never leaves it."""

from dataclasses import replace
from random import Random

import pytest

from promptbreeder.evolution.asks import Task
from promptbreeder.evolution.lessons import Lesson, Source, Standing, by_patterns, distinct, inherited
from promptbreeder.prompt import Decoding, Demonstration, Format, Prompt

OTHER = Prompt(
    instruction="Decide quickly. Answer with one of: red, blue.",
    demonstrations=(Demonstration(input="The sky at noon", output="blue"), Demonstration(input="A rose", output="red")),
    format=Format(place="user", output_name="Label", input_name="Colour of"),
    decoding=Decoding.CALIBRATED,
)
GOOD, POOR = Standing(2, 2, 0.2), Standing(1, 2, 0.4)


def _source(prompt: Prompt = OTHER, private: tuple[str, ...] = ("The sky at noon", "blue", "A rose", "red")) -> Source:
    return Source("colours", prompt, ("red", "blue"), private)


def test_form_decoding_and_instruction_are_inherited_and_nothing_of_the_data(task: Task) -> None:
    """The form goes on the own text first, then on the other's; labels, examples and odd field names are the own."""
    form, text = inherited(task.seeds[0], _source(), task, (), Random(1))
    assert (form.skill, form.instruction, text.instruction) == ("colours", False, True)
    assert form.prompt.instruction.startswith(task.seeds[0].instruction)
    assert text.prompt.instruction == "Decide quickly. Answer with one of: billing, delivery, technical."
    for lesson in (form, text):
        assert lesson.prompt.format == Format(place="user", output_name="Label")
        assert lesson.prompt.decoding is Decoding.CALIBRATED
        assert len(lesson.prompt.demonstrations) == 3
        rest = lesson.prompt.model_dump_json()
        assert not any(theirs in rest for theirs in ("sky", "rose", "red", "blue", "Colour"))
    assert str(form) == (
        "examples as turns, 1 a label + calibrated decoding + instruction in the user's turn "
        "+ answer asked for by name + label list last of 'colours'"
    )
    assert str(text).startswith("instruction + ")


@pytest.mark.parametrize(
    ("instruction", "private"),
    [
        ("Say red when it burns.", ()),
        ("Say RED when it burns.", ()),
        ("Like the sky  at noon, be clear.", ("The sky at noon",)),
        ("Clear as the invoice of May 2021.", ()),
    ],
)
def test_an_instruction_that_tells_of_labels_or_examples_stays_where_it_is(
    instruction: str, private: tuple[str, ...], task: Task
) -> None:
    """The other skill's labels and examples, and this one's gate examples."""
    source = _source(OTHER.but(instruction=instruction), private)
    lessons = inherited(task.seeds[0], source, task, ("The invoice of May 2021",), Random(1))
    assert [lesson.instruction for lesson in lessons] == [False]


def test_a_word_that_holds_a_label_does_not_name_it(task: Task) -> None:
    """`hundred` is not `red`."""
    source = _source(OTHER.but(instruction="Weigh a hundred things."))
    assert inherited(task.seeds[0], source, task, (), Random(1))[1].prompt.instruction.startswith("Weigh a hundred")


def test_an_article_names_no_label_of_one_letter(task: Task) -> None:
    """An instruction for a multiple-choice skill can hardly do without one."""
    source = replace(_source(OTHER.but(instruction="Give a letter.")), labels=("A", "B"))
    assert inherited(task.seeds[0], source, task, (), Random(1))[1].prompt.instruction.startswith("Give a letter")


def test_nothing_is_inherited_that_is_there_already_or_not_allowed(task: Task) -> None:
    """A plain prompt has nothing to teach but its text; a forbidden decoding stays behind."""
    (text,) = inherited(task.seeds[0], _source(Prompt(instruction="Think.")), task, (), Random(1))
    assert text.prompt == task.seeds[0].but(instruction="Think.")
    free = task.model_copy(update={"decodings": ("free",)})
    assert {lesson.prompt.decoding for lesson in inherited(task.seeds[0], _source(), free, (), Random(1))} == {
        Decoding.FREE
    }


def test_patterns_of_a_good_record_come_together_and_then_alone_the_best_first(task: Task) -> None:
    """One that won on half of the skills, or never gained, is not offered."""
    standings = {
        "label list last": Standing(1, 1, 0.1),
        "calibrated decoding": GOOD,
        "prompt repeated": POOR,
        "numbered steps": Standing(2, 2, 0.0),
    }
    lessons = by_patterns(task.seeds[0], standings, task, Random(1))
    assert [lesson.patterns for lesson in lessons] == [
        ("calibrated decoding", "label list last"),
        ("calibrated decoding",),
        ("label list last",),
    ]
    assert by_patterns(task.seeds[0], {"prompt repeated": POOR}, task, Random(1)) == ()


def test_lessons_are_new_each_once_and_not_too_many(task: Task) -> None:
    """What the run begins with anyway is no lesson."""
    seed = task.seeds[0]
    prompts = (seed, OTHER, OTHER, *(Prompt(instruction=text) for text in "abc"))
    lessons = [Lesson(prompt, (pattern,)) for prompt, pattern in zip(prompts, "zxyxvw", strict=True)]
    assert [lesson.patterns for lesson in distinct(lessons, (seed,), 2)] == [("x",), ("v",)]
    assert distinct(lessons, (seed,), 0) == ()
