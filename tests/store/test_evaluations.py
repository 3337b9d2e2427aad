"""Evaluations: one for each version, split, decoding and model."""

import sqlite3
from dataclasses import replace

import pytest

from promptbreeder.prompt import Decoding
from promptbreeder.skill import Split
from promptbreeder.store import evaluations
from promptbreeder.store.evaluations import Evaluation
from promptbreeder.store.tables import Tables

_ONE = Evaluation(
    skill="ticket-route",
    version=1,
    split=Split.GATE,
    decoding=Decoding.CONSTRAINED,
    fingerprint="model-1",
    scores=(1.0, 0.0, 1 / 3),
    example_ids=(3, 1, 2),
    fresh_tokens=10,
    completion_tokens=3,
    unparsable=1,
    created_at=5.0,
    unparsable_ids=(1,),
)


def _latest(db: Tables, like: Evaluation, fingerprint: str | None = None) -> Evaluation | None:
    return evaluations.latest(db, like.skill, like.version, like.split, decoding=like.decoding, fingerprint=fingerprint)


def test_an_evaluation_comes_back_exactly(stocked: Tables) -> None:
    """Scores stay paired with their examples, to the last bit."""
    evaluations.put(stocked, _ONE)
    assert _latest(stocked, _ONE) == _ONE


def test_a_repeated_evaluation_takes_the_place_of_the_earlier(stocked: Tables) -> None:
    """Every part of it: scores of one measurement never stand beside the ids of another."""
    again = replace(
        _ONE, scores=(0.5,), example_ids=(9,), fresh_tokens=1, completion_tokens=2, unparsable=0, created_at=6.0
    )
    evaluations.put(stocked, _ONE)
    evaluations.put(stocked, again)
    assert _latest(stocked, _ONE) == again
    assert stocked.table("evaluations").count == 1


@pytest.mark.parametrize(
    "other",
    [
        replace(_ONE, version=2, scores=(0.0,)),
        replace(_ONE, split=Split.SEARCH, scores=(0.0,)),
        replace(_ONE, decoding=Decoding.FREE, scores=(0.0,)),
    ],
)
def test_measurements_of_something_else_are_not_mixed_up(stocked: Tables, other: Evaluation) -> None:
    """Another version, split or way of decoding is another evaluation."""
    evaluations.put(stocked, _ONE)
    assert _latest(stocked, other) is None
    evaluations.put(stocked, other)
    assert (_latest(stocked, _ONE), _latest(stocked, other)) == (_ONE, other)


def test_the_newest_is_found_on_any_model_or_on_the_one_that_is_named(stocked: Tables) -> None:
    """Measurements on different models are never compared."""
    newer = replace(_ONE, fingerprint="model-2", created_at=9.0)
    evaluations.put(stocked, newer)
    evaluations.put(stocked, _ONE)
    assert _latest(stocked, _ONE) == newer
    assert _latest(stocked, _ONE, "model-1") == _ONE
    assert _latest(stocked, _ONE, "model-3") is None


def test_an_evaluation_of_no_version_is_refused(stocked: Tables) -> None:
    """Evidence is about something that is there."""
    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
        evaluations.put(stocked, replace(_ONE, version=99))


def test_an_evaluation_on_fewer_examples_keeps_their_scores_and_the_mean_cost(stocked: Tables) -> None:
    """Evidence on an example that was corrected or retired is left out, and the rest still counts."""
    evaluations.put(stocked, _ONE)
    part = _ONE.on({1, 3, 99})
    assert (part.example_ids, part.scores) == ((3, 1), (1.0, 0.0))
    assert (part.fresh_tokens, part.completion_tokens) == (7, 2)
    assert _ONE.on({1, 2, 3}) == _ONE
    assert _ONE.on(()).scores == ()


def test_unparsable_answers_are_counted_on_the_examples_that_are_asked_for(stocked: Tables) -> None:
    """Neither does one on an example that is left out count, nor is a real one scaled away."""
    evaluations.put(stocked, _ONE)
    found = _latest(stocked, _ONE)
    assert found is not None
    assert [found.on(ids).unparsable for ids in ({2, 3}, {1}, {1, 99}, ())] == [0, 1, 1, 0]


def test_an_evaluation_from_before_they_were_kept_has_their_mean(stocked: Tables) -> None:
    """Which of its answers were unparsable is not known any more."""
    old = replace(_ONE, unparsable=2, unparsable_ids=None)
    evaluations.put(stocked, old)
    assert _latest(stocked, old) == old
    assert [old.on(ids).unparsable for ids in ({1, 2, 3}, {2, 3}, ())] == [2, 1, 0]


def test_two_evaluations_are_paired_by_example_and_not_by_position() -> None:
    """A correction between the two measurements must not pair scores of different examples."""
    other = replace(_ONE, example_ids=(2, 4, 3), scores=(0.25, 0.5, 0.75))
    assert evaluations.paired(_ONE, other) == ((1.0, 1 / 3), (0.75, 0.25))
    assert evaluations.paired(_ONE, replace(other, example_ids=(7, 8, 9))) == ((), ())


def test_the_versions_that_were_measured_on_an_example_are_known(stocked: Tables) -> None:
    """Each once, under whatever decoding and on whatever model."""
    evaluations.put(stocked, _ONE)
    evaluations.put(stocked, replace(_ONE, decoding=Decoding.FREE))
    evaluations.put(stocked, replace(_ONE, version=2, example_ids=(4, 5, 6)))
    assert evaluations.versions_measured_on(stocked, _ONE.skill, {1}) == (1,)
    assert evaluations.versions_measured_on(stocked, _ONE.skill, {3, 4}) == (1, 2)
    assert evaluations.versions_measured_on(stocked, _ONE.skill, {7}) == ()


def test_what_was_measured_on_the_model_before_is_found_whatever_the_clock_says(stocked: Tables) -> None:
    """Under the same rules only; and not again when the model before comes back."""

    def before(measured_on: str, judged: str = "x") -> str | None:
        found = evaluations.before(
            stocked,
            _ONE.skill,
            _ONE.version,
            _ONE.split,
            decoding=_ONE.decoding,
            judged=judged,
            measured_on=measured_on,
        )
        return None if found is None else found.fingerprint

    assert before("a judged=x") is None
    for model in ("a", "b", "c"):
        evaluations.put(stocked, replace(_ONE, fingerprint=f"{model} judged=x"))
    assert [before(f"{model} judged=x") for model in "abcd"] == [None, "a judged=x", "b judged=x", "c judged=x"]
    assert before("d judged=y", "y") is None
    evaluations.put(stocked, replace(_ONE, fingerprint="a judged=x", created_at=99.0))
    assert before("b judged=x") == "a judged=x"
