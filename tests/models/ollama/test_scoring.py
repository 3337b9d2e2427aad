"""Label scores from the twenty likeliest tokens that Ollama tells at each place."""

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptbreeder.models.ollama.answers import Answer
from promptbreeder.models.ollama.scoring import (
    Place,
    first_token_scores,
    forked_scores,
    places,
    quoted,
    suspects,
    tell_apart,
)


def place(taken: str, **tokens: float) -> Place:
    """Return a place with the probabilities given."""
    return Place(taken.encode(), tuple((name.encode(), math.log(value)) for name, value in tokens.items()))


QUOTE = Place(b'"', ((b'"', 0.0),))


def chosen(scores: Sequence[float], options: Sequence[str]) -> str:
    """Return the likeliest option."""
    return options[scores.index(max(scores))]


def test_a_label_has_the_probability_of_the_token_that_it_begins_with() -> None:
    """Longer labels are not punished: only the first token counts."""
    scores = first_token_scores(place("bill", bill=0.5, tech=0.25, I=0.25), ("billing", "technical"), {})
    assert scores == pytest.approx((math.log(0.5), math.log(0.25)))


def test_a_label_that_is_not_listed_has_the_floor() -> None:
    """It cannot be likelier than the last one listed, nor than all that is left over."""
    low = first_token_scores(place("a", a=0.6, b=0.3), ("a", "z"), {})
    assert low[1] == pytest.approx(math.log(0.1))
    high = first_token_scores(place("a", a=0.6, b=0.05), ("a", "z"), {})
    assert high[1] == pytest.approx(math.log(0.05))


def test_several_beginnings_of_one_label_count_together() -> None:
    """The same label may be cut into tokens in several ways."""
    (score, _) = first_token_scores(place("bill", bill=0.4, b=0.2, x=0.1), ("billing", "tech"), {})
    assert score == pytest.approx(math.log(0.6))


def test_a_beginning_of_two_labels_speaks_for_neither() -> None:
    """Else the shorter token would hide what tells them apart."""
    scores = first_token_scores(place("re", re=0.5, refund=0.3, ret=0.1), ("refund", "return"), {})
    assert scores == pytest.approx((math.log(0.3), math.log(0.1)))


def test_a_beginning_of_two_labels_speaks_for_the_one_that_the_model_begins_with_it() -> None:
    """SmolLM2 cuts s|ales and sh|ipping: its `s` means sales, though shipping begins so, too."""
    told, options = place("s", s=0.6, sh=0.3, x=0.1), ("sales", "shipping", "billing")
    scores = first_token_scores(told, options, {"sales": b"s", "shipping": b"sh"})
    assert scores[:2] == pytest.approx((math.log(0.6), math.log(0.3)))


@pytest.mark.parametrize(
    ("options", "asked", "firsts", "apart"),
    [
        (("yes", "no"), [], (), True),
        (("no", "not sure", "yes"), ["no", "not sure"], (b"no", b"not"), True),
        (("refund", "return"), ["refund", "return"], (b"re", b"re"), False),
        (("да", "no"), ["да"], ("да".encode(),), True),
        (("да", "no"), ["да"], ("\ufffd".encode(),), False),
        (("да", "no"), ["да"], (b"",), False),
    ],
)
def test_first_tokens_tell_labels_apart_where_they_are_legible_and_differ(
    options: tuple[str, ...], asked: list[str], firsts: tuple[bytes, ...], *, apart: bool
) -> None:
    """They are asked for where two labels begin alike, and where a token may end within a character."""
    assert suspects(options) == asked
    assert tell_apart(firsts) is apart


@pytest.mark.parametrize("illegible", ["", "\ufffd"])
def test_what_was_said_decides_where_its_tokens_cannot_be_read(illegible: str) -> None:
    """A token that ends within a character has no text, or a text that is not its own."""
    options = ("Положительный", "Отрицательный", "No")
    parts = (*(Place(illegible.encode(), ((illegible.encode(), -0.5), (b"No", -1.5))) for _ in "12"), place("p", p=1.0))
    scores = forked_scores((QUOTE, *parts), options, quoted(options[1]))
    assert chosen(scores, options) == options[1]


def test_a_token_that_goes_on_beyond_a_label_is_not_that_label() -> None:
    """`10` is no `1`."""
    scores = first_token_scores(place("10", **{"10": 0.7, "1": 0.1, "2": 0.2}), ("1", "2"), {})
    assert chosen(scores, ("1", "2")) == "2"


def test_labels_that_share_a_beginning_are_told_apart_where_they_part() -> None:
    """Each has the probability of its way up to there; the shared part is shared by both."""
    way = (QUOTE, place("re", re=0.8, bill=0.2), place("fund", fund=0.25, turn=0.75))
    options = ("refund", "return", "billing")
    scores = forked_scores(way, options, '"return"')
    assert scores == pytest.approx((math.log(0.8 * 0.25), math.log(0.8 * 0.75), math.log(0.2)))


def test_a_label_that_another_one_begins_with_ends_with_the_quotation_mark() -> None:
    """`red` and `red and blue` part where one ends."""
    parting = Place(b" and", ((b" and", math.log(0.4)), (b'"', math.log(0.6))))
    way = (QUOTE, place("red", red=1.0), parting)
    assert forked_scores(way, ("red", "red and blue"), '"red and blue"') == pytest.approx(
        (math.log(0.6), math.log(0.4))
    )


def test_bytes_of_a_token_count_before_its_text() -> None:
    """A token that ends within a character has a text that is not its own."""
    told = {"token": "\ufffd", "bytes": [240, 159], "logprob": -0.5, "top_logprobs": []}
    (found,) = places(Answer.model_validate({"logprobs": [told]}))
    assert found.taken == b"\xf0\x9f"
    assert first_token_scores(found, ("👍", "no"), {})[0] == -0.5


def test_an_empty_label_begins_with_the_end_of_the_turn() -> None:
    """To answer nothing is to end at once."""
    scores = first_token_scores(Place(b"x", ((b"<|im_end|>", -0.1), (b"no", -3.0))), ("", "no"), {})
    assert scores == pytest.approx((-0.1, -3.0))


TEXTS = st.text(alphabet="abc", min_size=1, max_size=4)


@given(
    options=st.lists(TEXTS, min_size=1, max_size=5, unique=True),
    tokens=st.dictionaries(TEXTS, st.floats(1e-6, 1.0), min_size=1, max_size=8),
)
def test_any_place_gives_every_label_a_finite_log_probability(options: list[str], tokens: dict[str, float]) -> None:
    """Whatever is listed, calibration can subtract a mean from each score."""
    total = sum(tokens.values())
    told = Place(b"a", tuple((name.encode(), math.log(value / total)) for name, value in tokens.items()))
    for scores in (first_token_scores(told, options, {}), forked_scores((told, told), options, quoted(options[0]))):
        assert len(scores) == len(options)
        assert all(math.isfinite(score) and score <= 0 for score in scores)
