"""Examples: kept once, split by content; corrected, retired and deleted without changing what was."""

import hashlib
import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from promptbreeder.errors import Conflict, InvalidInput, NotFound
from promptbreeder.skill import Example, Skill, Split
from promptbreeder.store import examples
from promptbreeder.store.examples import Added, Contradiction
from promptbreeder.store.tables import Tables


def _many(count: int, *, expected: str | None = "billing") -> list[Example]:
    return [Example(input=f"Ticket {number}", expected=expected) for number in range(count)]


def test_each_example_is_in_the_split_that_its_content_decides(stocked: Tables, skill: Skill) -> None:
    """The three splits share out all examples, and counts agree with what is there."""
    given = _many(60)
    assert examples.add(stocked, skill, given, now=1.0) == Added(60, 0, ())
    for split in Split:
        stored = examples.of_split(stocked, skill.name, split)
        assert {example.input for example in stored} == {e.input for e in given if skill.split_of(e) is split}
        assert {example.split for example in stored} == {split}
        assert examples.counts(stocked, skill.name)[split] == len(stored) > 0
    assert [example.input for example in examples.all_examples(stocked, skill.name)] == [e.input for e in given]


def test_a_split_does_not_depend_on_when_or_with_what_an_example_came(
    stocked: Tables, stock: Callable[..., None], skill: Skill
) -> None:
    """Nothing moves from the gate to where a writer sees it because more examples arrive, in whatever order."""
    other = skill.model_copy(update={"name": "other"})
    stock(stocked, "other")
    examples.add(stocked, skill, _many(40), now=1.0)
    for example in reversed(_many(40)):
        examples.add(stocked, other, [example], now=2.0)
    for split in Split:
        one, two = (examples.of_split(stocked, name, split) for name in (skill.name, "other"))
        assert [example.input for example in one] == [example.input for example in two]


def test_a_split_named_by_hand_is_kept(stocked: Tables, skill: Skill) -> None:
    """An imported benchmark brings its own."""
    examples.add(stocked, skill, [e.model_copy(update={"split": Split.TRAIN}) for e in _many(12)], now=1.0)
    assert examples.counts(stocked, skill.name) == {Split.TRAIN: 12}


def test_the_same_input_in_other_dress_is_a_duplicate(stocked: Tables, skill: Skill) -> None:
    """Case and white space do not make a new example that could land in another split; within a batch or later."""
    first = Example(input="Where is my parcel?", expected="delivery")
    again = [Example(input=text, expected="delivery") for text in ("where  is my PARCEL?", " Where is my parcel?\n")]
    assert examples.add(stocked, skill, [first, again[0]], now=1.0) == Added(1, 1, ())
    assert examples.add(stocked, skill, again, now=2.0) == Added(0, 2, ())
    assert [example.input for example in examples.all_examples(stocked, skill.name)] == [first.input]


def test_what_cannot_be_seen_makes_no_new_example(stocked: Tables, skill: Skill) -> None:
    """Within a batch or later."""
    plain, hidden = (Example(input=text, expected="delivery") for text in ("Parcel?", "\ufeffPar\u00adcel?\u200b"))
    assert examples.add(stocked, skill, [plain, hidden], now=1.0) == Added(1, 1, ())
    assert examples.add(stocked, skill, [hidden], now=2.0) == Added(0, 1, ())


def test_what_was_stored_when_hidden_characters_counted_is_known_and_stays(stocked: Tables, skill: Skill) -> None:
    """Each of two that were told apart keeps its id, split and answer; both texts given again are duplicates."""
    old = [Example(input=text, expected="delivery") for text in ("Parcel?", "Parcel?\u200b", "Courier?\u200b")]
    for number, example in enumerate(old):
        stocked.table("examples").insert(
            {
                "skill": skill.name,
                "input_hash": hashlib.sha256(f"{skill.salt}\0{example.input.casefold()}".encode()).hexdigest(),
                "input": example.input,
                "expected": "billing" if number == 1 else "delivery",
                "split": list(Split)[number].value,
                "created_at": 1.0,
            }
        )
    stored = examples.all_examples(stocked, skill.name)
    again = [*old[::2], Example(input="Courier?", expected="delivery")]
    assert examples.add(stocked, skill, again, now=2.0) == Added(0, 3, ())
    assert examples.all_examples(stocked, skill.name) == stored


@pytest.mark.parametrize(("kept", "given"), [("delivery", "billing"), ("delivery", None), (None, "delivery")])
def test_a_contradiction_is_told_and_the_stored_answer_kept(
    stocked: Tables, skill: Skill, kept: str | None, given: str | None
) -> None:
    """The truth that measurements were made with does not change under them."""
    examples.add(stocked, skill, [Example(input="Parcel?", expected=kept)], now=1.0)
    report = examples.add(stocked, skill, [Example(input="PARCEL?", expected=given)], now=2.0)
    assert report == Added(0, 1, (Contradiction("PARCEL?", kept, given),))
    (stored,) = examples.all_examples(stocked, skill.name)
    assert (stored.input, stored.expected) == ("Parcel?", kept)


def test_a_contradiction_within_one_batch_keeps_the_first(stocked: Tables, skill: Skill) -> None:
    """As if they had come one after the other."""
    both = [Example(input="Parcel?", expected=answer) for answer in ("delivery", "billing")]
    assert examples.add(stocked, skill, both, now=1.0) == Added(
        1, 1, (Contradiction("Parcel?", "delivery", "billing"),)
    )
    assert [e.expected for e in examples.all_examples(stocked, skill.name)] == ["delivery"]


def test_skills_do_not_share_examples(stocked: Tables, stock: Callable[..., None], skill: Skill) -> None:
    """The same input may have another answer elsewhere."""
    stock(stocked, "other")
    other = skill.model_copy(update={"name": "other"})
    examples.add(stocked, skill, [Example(input="Parcel?", expected="delivery")], now=1.0)
    assert examples.add(stocked, other, [Example(input="Parcel?", expected="billing")], now=1.0) == Added(1, 0, ())
    assert examples.counts(stocked, "nobody") == {}


def test_retired_examples_are_left_out_but_found_by_id(stocked: Tables, skill: Skill) -> None:
    """Earlier measurements refer to them; new ones do not use them."""
    examples.add(stocked, skill, _many(5), now=1.0)
    before = examples.all_examples(stocked, skill.name)
    assert examples.retire(stocked, skill.name, before[2].id, now=2.0) == before[2]
    left = examples.all_examples(stocked, skill.name)
    assert left == before[:2] + before[3:]
    assert sum(examples.counts(stocked, skill.name).values()) == 4
    assert before[2] not in examples.of_split(stocked, skill.name, before[2].split)
    assert before[2].id not in examples.in_use(stocked, skill.name, before[2].split)
    assert examples.by_ids(stocked, [before[2].id]) == (before[2],)


def test_what_was_retired_does_not_come_back_by_being_given_again(stocked: Tables, skill: Skill) -> None:
    """Importing the same file once more must not undo what somebody decided."""
    examples.add(stocked, skill, _many(3), now=1.0)
    first, *rest = examples.all_examples(stocked, skill.name)
    examples.retire(stocked, skill.name, first.id, now=2.0)
    assert examples.add(stocked, skill, _many(3, expected="delivery")[:1], now=3.0) == Added(0, 1, (), retired=1)
    assert examples.all_examples(stocked, skill.name) == tuple(rest)


def test_a_correction_is_a_new_row_in_the_same_split_and_the_old_stays_as_it_was(stocked: Tables, skill: Skill) -> None:
    """A run that has frozen the old id still reads the old answer; a split set by hand is kept."""
    placed = {text: skill.split_of(Example(input=text)) for text in ("a", "b", "c", "d", "e")}
    text, split = next((text, split) for text, split in placed.items() if split is not Split.GATE)
    examples.add(stocked, skill, [Example(input=text, expected="billing", split=Split.GATE)], now=1.0)
    (old,) = examples.all_examples(stocked, skill.name)
    number = examples.correct(stocked, skill.name, old.id, "delivery", now=2.0)
    (new,) = examples.all_examples(stocked, skill.name)
    assert (new.id, new.input, new.expected, new.split) == (number, text, "delivery", Split.GATE)
    assert new.split is not split
    assert examples.by_ids(stocked, [old.id, new.id]) == (old, new)
    again = examples.add(stocked, skill, [Example(input=text, expected="billing")], now=3.0)
    assert again.contradictions == (Contradiction(text, "delivery", "billing"),)


def test_a_deleted_example_leaves_no_content_and_its_id_is_never_used_again(stocked: Tables, skill: Skill) -> None:
    """Also not what it replaced; and given again it is a new example."""
    secret = Example(input="My card is 1234", expected="billing")
    examples.add(stocked, skill, [secret], now=1.0)
    (old,) = examples.all_examples(stocked, skill.name)
    number = examples.correct(stocked, skill.name, old.id, "delivery", now=2.0)
    same = examples.same_input(stocked, skill.name, number)
    assert [example.id for example in same] == [old.id, number]
    other = examples.add(stocked, skill, [Example(input="another", expected="billing")], now=2.0)
    assert other.added == 1
    examples.delete(stocked, [example.id for example in same], now=3.0)
    assert [example.input for example in examples.all_examples(stocked, skill.name)] == ["another"]
    rows = list(stocked.query("SELECT * FROM examples ORDER BY id"))
    assert "1234" not in str(rows)
    assert [row["expected"] for row in rows] == [None, None, "billing"]
    # They still are one input: else deleting what was corrected would look like new ones.
    identity = examples.identities(stocked, skill.name)
    assert identity[old.id] == identity[number] != identity[rows[-1]["id"]]
    with pytest.raises(NotFound, match=f"deleted: examples {old.id}, {number}"):
        examples.by_ids(stocked, [old.id, number])
    assert examples.add(stocked, skill, [secret], now=4.0).added == 1
    back = max(example.id for example in examples.all_examples(stocked, skill.name))
    assert back > number


def test_only_an_example_in_use_can_be_changed(stocked: Tables, stock: Callable[..., None], skill: Skill) -> None:
    """Each refusal says where to look instead."""
    stock(stocked, "other")
    examples.add(stocked, skill, _many(3), now=1.0)
    corrected, retired, deleted = (example.id for example in examples.all_examples(stocked, skill.name))
    number = examples.correct(stocked, skill.name, corrected, "delivery", now=2.0)
    examples.retire(stocked, skill.name, retired, now=2.0)
    examples.delete(stocked, [deleted], now=2.0)
    for wrong, error, reason in (
        (corrected, Conflict, f"example {number} is in its place"),
        (retired, Conflict, "retired already"),
        (deleted, NotFound, "was deleted"),
        (999, NotFound, "has no example 999"),
    ):
        with pytest.raises(error, match=reason):
            examples.retire(stocked, skill.name, wrong, now=3.0)
        with pytest.raises(error, match=reason):
            examples.correct(stocked, skill.name, wrong, "technical", now=3.0)
    with pytest.raises(NotFound, match="'other' has no example"):
        examples.retire(stocked, "other", number, now=3.0)
    with pytest.raises(InvalidInput, match="expects 'delivery' already"):
        examples.correct(stocked, skill.name, number, "delivery", now=3.0)


def test_pages_follow_one_another_without_gap_or_repetition(stocked: Tables, skill: Skill) -> None:
    """By id, of one split or of all."""
    examples.add(stocked, skill, _many(30), now=1.0)
    for split in (None, Split.GATE):
        found: list[int] = []
        while page := examples.page(stocked, skill.name, split=split, after=found[-1] if found else 0, limit=4):
            found.extend(example.id for example in page)
        wanted = [e.id for e in examples.all_examples(stocked, skill.name) if split in {None, e.split}]
        assert found == wanted


def test_examples_are_found_by_id_in_the_order_asked_for(stocked: Tables, skill: Skill) -> None:
    """Scores are paired with examples by position."""
    examples.add(stocked, skill, _many(6), now=1.0)
    ids = [example.id for example in examples.all_examples(stocked, skill.name)]
    asked = [ids[4], ids[0], ids[5]]
    assert [example.id for example in examples.by_ids(stocked, asked)] == asked
    assert examples.by_ids(stocked, []) == ()


def test_adding_nothing_is_allowed(stocked: Tables, skill: Skill) -> None:
    """A skill may start without examples."""
    assert examples.add(stocked, skill, [], now=1.0) == Added(0, 0, ())


_TICKETS = st.lists(
    st.tuples(st.sampled_from(["a", "A", " a", "b", "B b", "b  b", "c"]), st.sampled_from(["x", "y", None])),
    max_size=8,
)


@given(st.lists(_TICKETS, max_size=4))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_batches_add_up_to_the_same_as_one_example_at_a_time(
    scratch: Callable[[], AbstractContextManager[Tables]],
    stock: Callable[..., None],
    skill: Skill,
    batches: list[list[tuple[str, str | None]]],
) -> None:
    """Every example given is either added or a duplicate, and the first answer to an input is the one that stays."""
    truth: dict[str, str | None] = {}
    with scratch() as db:
        stock(db)
        for batch in batches:
            given = [Example(input=text, expected=expected) for text, expected in batch]
            report = examples.add(db, skill, given, now=1.0)
            new, disputed = 0, 0
            for text, expected in batch:
                key = " ".join(text.lower().split())
                new += key not in truth
                disputed += truth.setdefault(key, expected) != expected
            assert (report.added, report.duplicates, len(report.contradictions)) == (new, len(batch) - new, disputed)
        stored = examples.all_examples(db, skill.name)
        assert {" ".join(e.input.lower().split()): e.expected for e in stored} == truth
        assert len(stored) == len(truth) == sum(examples.counts(db, skill.name).values())


def test_many_ids_need_no_more_variables_than_one(stocked: Tables, skill: Skill) -> None:
    """SQLite is built with limits of its own on them; a large gate must not reach one."""
    examples.add(stocked, skill, _many(60), now=1.0)
    known = examples.all_examples(stocked, skill.name)
    ids = [example.id for example in reversed(known)]
    limit = stocked.conn.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, 10)
    try:
        assert examples.by_ids(stocked, ids) == tuple(reversed(known))
        assert examples.answers(stocked, ids) == dict.fromkeys(ids, "billing")
    finally:
        stocked.conn.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, limit)
