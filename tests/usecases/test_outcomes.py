"""Outcomes: each call has one, it feeds the window of production, and a corrected answer becomes an example."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from promptbreeder.errors import Conflict, InvalidInput, NotFound
from promptbreeder.evaluation.metrics import Metric, Verdict
from promptbreeder.requests import Actor, SkillDefinition
from promptbreeder.results import Answered, OutcomeReport
from promptbreeder.service import Service
from promptbreeder.skill import Example, Skill, Split
from promptbreeder.store.tables import Tables
from promptbreeder.usecases import drifting, outcomes
from promptbreeder.usecases.drifting import Standing

pytestmark = pytest.mark.anyio
NEW = "My parcel number {} is lost"


@pytest.fixture
async def call(service: Service) -> Answered:
    """Return an answer to an input that is no example; it is `billing`, and wrong."""
    return await service.run_skill("tickets", NEW.format(1))


async def input_for(service: Service, split: Split) -> str:
    """Return an input that the hash puts into a split."""
    skill = await service.skill("tickets")
    texts = (NEW.format(number) for number in range(1_000))
    return next(text for text in texts if skill.split_of(Example(input=text)) is split)


async def examples_of(service: Service) -> dict[str, tuple[str | None, str]]:
    """Return answers and splits of all examples, by input."""
    page = await service.examples("tickets", limit=1_000)
    return {line.input: (line.expected, line.split) for line in page.examples}


async def test_an_outcome_feeds_the_window_of_production(service: Service, call: Answered, actor: Actor) -> None:
    """The report says the window in fields and in words; twenty outcomes are the least."""
    report = await service.record_outcome(call.call_id, actor, correct=True)
    assert (report.correct, report.counted, report.version, report.example) == (True, True, 1, None)
    assert (report.drift.state, report.drift.right, report.drift.n) == ("not enough data", 1, 1)
    assert "Not enough data: 1 of at least 20 outcomes of version 1." in str(report)
    for _ in range(19):
        other = await service.run_skill("tickets", NEW.format(2))
        report = await service.record_outcome(other.call_id, actor, correct=True)
    assert (report.drift.state, report.drift.n, report.drift.probation) == ("ok", 20, True)
    assert "Ok: 20 of the last 20 answers of version 1 right." in str(report)


async def test_a_call_has_one_outcome_for_ever(
    service: Service, call: Answered, actor: Actor, stored: Callable[[], list[str]]
) -> None:
    """The detector has gone by it: another is refused, whatever it says, and nothing is stored."""
    await service.record_outcome(call.call_id, actor, correct=False)
    before = stored()
    again: tuple[dict[str, Any], ...] = ({"correct": False}, {"correct": True}, {"expected": "delivery"})
    for given in again:
        with pytest.raises(Conflict, match=r"has its outcome already \(wrong\)"):
            await service.record_outcome(call.call_id, actor, **given)
    assert stored() == before


@pytest.mark.parametrize("split", list(Split))
async def test_a_corrected_answer_becomes_an_example_where_its_hash_says(
    service: Service, actor: Actor, split: Split
) -> None:
    """The answer was wrong by the skill's metric; who said so is in the history, and no model is asked."""
    call = await service.run_skill("tickets", await input_for(service, split))
    report = await service.record_outcome(call.call_id, actor, expected="delivery", note="a courier matter")
    assert (report.correct, report.example, report.split) == (False, "added", split)
    assert list((await examples_of(service)).values())[-1] == ("delivery", split)
    line = (await service.history("tickets", limit=1))[0]
    assert f"the expected answer of call {call.call_id} became example 91 by test client 1" in line.sentence


async def test_an_answer_as_expected_is_right_and_an_example_all_the_same(
    service: Service, call: Answered, actor: Actor
) -> None:
    """Judged by the metric, which forgives case: examples of wrong answers only would make the gate too hard."""
    report = await service.record_outcome(call.call_id, actor, expected="Billing", correct=True)
    assert (report.correct, report.example) == (True, "added")


@pytest.mark.parametrize(
    "case",
    [
        ({}, "say whether the answer was right"),
        ({"expected": "sales"}, "not among the labels"),
        ({"expected": " "}, "expected answer is empty"),
        ({"expected": "delivery", "correct": True}, "'billing' is wrong where 'delivery' is expected"),
        ({"expected": "billing", "correct": False}, "correct=false says the opposite"),
        ({"expected": "technical" + " " * 900, "correct": True}, "where 'technical' is expected, and correct=true"),
        ({"expected": "x" * 16_001}, "at most 16000 characters"),
        ({"correct": True, "note": "x" * 2_001}, "the note has 2,001 characters"),
    ],
)
async def test_an_outcome_that_makes_no_sense_is_refused_whole(
    service: Service, call: Answered, actor: Actor, stored: Callable[[], list[str]], case: tuple[dict[str, Any], str]
) -> None:
    """The message says what to give; the call keeps waiting for its outcome."""
    (given, reason), before = case, stored()
    with pytest.raises(InvalidInput, match=reason):
        await service.record_outcome(call.call_id, actor, **given)
    assert stored() == before
    assert (await service.record_outcome(call.call_id, actor, correct=True)).drift.n == 1


async def test_judging_keeps_nobody_from_writing(
    service: Service, call: Answered, actor: Actor, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A metric may take its time over an answer; other processes share the database."""

    def slow_metric_of(_: Skill) -> Metric:
        with closing(sqlite3.connect(database, timeout=0)) as other:
            other.execute("BEGIN IMMEDIATE")
        return lambda answer, _: Verdict(1.0, parsed=True, answer=answer)

    monkeypatch.setattr(outcomes, "metric_of", slow_metric_of)
    assert (await service.record_outcome(call.call_id, actor, expected="billing")).correct is True


async def test_telling_how_a_version_stands_keeps_nobody_from_writing(
    service: Service, call: Answered, actor: Actor, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thousands of outcomes are gone through for it; what was reported is stored by then, and counts."""

    def slow_standing(db: Tables, name: str, now: float) -> Standing:
        with closing(sqlite3.connect(database, timeout=0)) as other:
            other.execute("BEGIN IMMEDIATE")
        return drifting.standing(db, name, now)

    monkeypatch.setattr(outcomes, "standing", slow_standing)
    report = await service.record_outcome(call.call_id, actor, correct=True)
    assert (report.counted, report.drift.right, report.drift.n) == (True, 1, 1)


async def test_an_outcome_of_a_skill_that_changed_meanwhile_is_refused(
    service: Service,
    call: Answered,
    actor: Actor,
    ticket_skill: Callable[..., SkillDefinition],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What was right by the old metric need not be by the new one; reported again, it is judged by that."""
    write = service._bench.store.write

    async def overtaken(work: Callable[[Tables], object]) -> object:
        monkeypatch.undo()
        await service.define_skill(ticket_skill(metric="contains", examples=[]), actor)
        return await write(work)

    monkeypatch.setattr(service._bench.store, "write", overtaken)
    with pytest.raises(Conflict, match="changed at this moment; report the outcome again"):
        await service.record_outcome(call.call_id, actor, expected="billing")
    assert (await service.record_outcome(call.call_id, actor, expected="billing")).correct is True


async def test_a_pattern_without_end_is_refused(service: Service, actor: Actor) -> None:
    """As an example it would take a second of every measurement, and be wrong each time."""
    definition = {"name": "words", "description": "Repeat.", "prompt": "Repeat.", "metric": "regex"}
    await service.define_skill(SkillDefinition.parse(definition), actor)
    call = await service.run_skill("words", "the quick brown fox jumps over the lazy dog")
    with pytest.raises(InvalidInput, match=r"takes more than a second.*Nothing was stored"):
        await service.record_outcome(call.call_id, actor, expected=r"^(\w+\s?)+$")
    assert (await service.record_outcome(call.call_id, actor, expected=r"\w")).correct is True


async def test_an_unknown_call_is_not_found(service: Service, actor: Actor) -> None:
    """The message says where ids come from, and quotes little of what was given."""
    with pytest.raises(NotFound, match=r"no call 'c-\d{38}'; run_skill answers"):
        await service.record_outcome(f"c-{'1' * 500}", actor, correct=True)


async def test_what_is_known_already_is_told_and_kept(service: Service, actor: Actor) -> None:
    """Duplicates, contradictions and retired examples are handled as everywhere: the stored one stays."""

    async def corrected(text: str, expected: str) -> OutcomeReport:
        call = await service.run_skill("tickets", text)
        return await service.record_outcome(call.call_id, actor, expected=expected)

    before = await examples_of(service)
    lines = (await service.examples("tickets", limit=3)).examples
    known, other, retired = lines[0], lines[1], lines[2]
    assert known.expected is not None
    assert (await corrected(known.input, known.expected)).example == "known"
    assert (await corrected(known.input.upper(), known.expected)).example == "known"
    wrong = "technical" if other.expected != "technical" else "billing"
    report = await corrected(other.input, wrong)
    assert (report.example, report.split) == ("contradicts", None)
    assert "another answer is stored, and was kept" in str(report)
    await service.retire_example("tickets", retired.id, actor)
    assert (await corrected(retired.input, "billing")).example == "retired"
    assert await examples_of(service) == {text: kept for text, kept in before.items() if text != retired.input}


@pytest.mark.parametrize("prompt", ["Ticket like '{}' go to delivery.", "{}"])
async def test_an_input_that_a_prompt_shows_never_enters_the_gate(
    service: Service, actor: Actor, ticket_skill: Callable[..., SkillDefinition], prompt: str
) -> None:
    """Whoever shows the executor an example must not be judged by it: it goes to the train split instead."""
    text = await input_for(service, Split.GATE)
    call = await service.run_skill("tickets", text)
    await service.define_skill(ticket_skill(prompt=prompt.format(text), examples=[]), actor)
    report = await service.record_outcome(call.call_id, actor, expected="delivery")
    assert (report.example, report.split) == ("added", Split.TRAIN)


async def test_a_version_that_is_not_in_production_does_not_count(service: Service, better: int, actor: Actor) -> None:
    """Its outcome is kept and said to be without effect; a version that comes back begins with nothing."""
    tried = await service.run_skill("tickets", NEW.format(1), better)
    report = await service.record_outcome(tried.call_id, actor, correct=True)
    assert (report.counted, report.version, report.drift.version, report.drift.n) == (False, better, 1, 0)
    assert "it does not count for version 1" in str(report)
    await service.promote("tickets", better, "why", actor)
    late = await service.run_skill("tickets", NEW.format(2))
    assert (await service.record_outcome(late.call_id, actor, correct=True)).drift.n == 1
    await service.rollback("tickets", "why", actor)
    await service.promote("tickets", better, "why", actor)
    again = await service.run_skill("tickets", NEW.format(3))
    assert (await service.record_outcome(again.call_id, actor, correct=True)).drift.n == 1


async def test_a_skill_of_taste_takes_outcomes_too(
    service: Service, actor: Actor, ticket_skill: Callable[..., SkillDefinition]
) -> None:
    """There is no metric: an answer is right when it is the expected one."""
    await service.define_skill(ticket_skill(name="greet", labels=None, metric="preference", examples=[]), actor)
    for number, (expected, right) in enumerate([("BILLING", True), ("Good day", False)]):
        call = await service.run_skill("greet", f"hello {number}")
        report = await service.record_outcome(call.call_id, actor, expected=expected)
        assert (report.correct, report.example) == (right, "added")


async def test_fitness_shows_the_drift_of_production_only(service: Service, better: int, actor: Actor) -> None:
    """A small field and a sentence; a candidate has no live answers that count."""
    for number in range(20):
        call = await service.run_skill("tickets", NEW.format(number))
        await service.record_outcome(call.call_id, actor, correct=number < 8)
    found = (await service.fitness("tickets")).version
    assert found is not None
    assert found.drift is not None
    assert (found.drift.state, found.drift.right, found.drift.n) == ("failing", 8, 20)
    assert "Live: Failing: 8 of the last 20 answers of version 1 right, significantly below 70 %" in str(found)
    candidate = (await service.fitness("tickets", better)).version
    assert candidate is not None
    assert candidate.drift is None
