"""Which examples can be read in a text."""

import pytest

from promptbreeder.usecases.quoting import SEVERAL, WITHIN, quoted

LONG = "Where's my parcel, No. 12?"
NOUNS = tuple(f"noun{number}" for number in range(SEVERAL))


@pytest.mark.parametrize(
    "written",
    [LONG, "where s MY parcel no 12", "(Where\u2019s *my*\nparcel -- No_12)", "Whe\u00adre's my parcel\u200b, No. 12?"],
)
def test_a_long_input_is_known_by_its_words(written: str) -> None:
    """Letter case, marks, white space and what cannot be seen make no difference."""
    assert quoted(f"If it says {written} answer delivery.", [LONG, "Where is my other parcel?"]) == {LONG}


def test_a_long_input_without_words_is_known_as_it_stands() -> None:
    """Brackets are all that some tasks are about."""
    brackets = "( [ { < > } ] ) ( )"
    assert quoted(f"Close what is open: {brackets} is closed.", [brackets, "[ ] [ ] [ ] [ ]"]) == {brackets}


@pytest.mark.parametrize(
    "line", ["{} => billing", "{}: B", "If it says {}, the right answer would be billing.", "({})"]
)
def test_short_inputs_are_known_where_several_stand_together(line: str) -> None:
    """In a table, in sentences, or in a list; up to one less may be chance."""
    lines = [line.format(noun.upper()) for noun in NOUNS]
    assert quoted("\n".join(lines), NOUNS) == set(NOUNS)
    assert quoted("\n".join(lines[1:]), NOUNS) == frozenset()


def test_short_inputs_that_stand_apart_are_chance() -> None:
    """A long text has many words; and one of them that comes again is one."""
    apart = (f" {'word ' * (WITHIN // (SEVERAL - 1))}").join(NOUNS)
    assert quoted(apart, NOUNS) == frozenset()
    assert quoted(f"{NOUNS[0]} " * 20, NOUNS) == frozenset()
    assert quoted(f"{apart} {' '.join(NOUNS)}", NOUNS) == set(NOUNS)


def test_a_short_input_is_whole_words() -> None:
    """Its letters within other words are none of it; an input of two words stands there as both, in their order."""
    assert quoted("this is his thesis", ["is", "his", "the", "si", "hi", "s i"]) == frozenset()
    pairs = [f"a {number}" for number in range(SEVERAL)]
    assert quoted(" ".join(pairs), pairs) == set(pairs)
    assert quoted(" ".join(pair[::-1] for pair in pairs).removesuffix(" a"), pairs) == frozenset()


def test_short_inputs_without_words_stand_between_white_space() -> None:
    """Smileys are looked up like words; the marks of an ordinary sentence are not."""
    smileys = (":)", ":(", ";)", "\U0001f600", "\u2764\ufe0f")
    assert quoted("\n".join(f"{smiley} => mood" for smiley in smileys), smileys) == set(smileys)
    assert quoted("First: read; then, if you can, answer (shortly). Why?", [":", ";", ",", "(", ")", ".", "?"]) == set()
