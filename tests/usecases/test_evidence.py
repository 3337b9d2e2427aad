"""What get_fitness says of a version beside production, and what keeps it from being promoted."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Literal

import pytest

from promptbreeder.errors import InvalidInput, NotPromotable
from promptbreeder.evidence.evalues import e_value
from promptbreeder.models.scripted import ScriptedModel
from promptbreeder.requests import Actor, EvolveRequest, SkillDefinition
from promptbreeder.results import Evidence, VersionFitness
from promptbreeder.service import Service
from promptbreeder.skill import Example, Split

from .conftest import GOOD, first_word_or_billing

pytestmark = pytest.mark.anyio
Definition = Callable[..., SkillDefinition]


async def known_of(service: Service, version: int, skill: str = "tickets") -> tuple[VersionFitness, Evidence]:
    """Return what is known of a version that is not in production."""
    known = (await service.fitness(skill, version)).version
    assert known is not None
    assert known.evidence is not None
    return known, known.evidence


async def test_the_evidence_is_told_in_fields_and_in_a_sentence(service: Service, better: int) -> None:
    """Item by item against production, with E and McNemar's p, and the votes beside it."""
    known, evidence = await known_of(service, better)
    assert known.gate is not None
    assert known.production_gate is not None
    assert evidence.difference is not None
    assert evidence.difference == pytest.approx(known.gate.accuracy - known.production_gate.accuracy)
    assert (evidence.better, evidence.worse) == (round(known.gate.n * evidence.difference), 0)
    assert evidence.mcnemar_p == pytest.approx(2 * 0.5 ** (evidence.better or 0))
    assert evidence.verdict == "ready"
    assert evidence.gate_e == evidence.product > 20
    assert (evidence.votes.verdict, evidence.votes.e_value, evidence.gate_uses) == ("open", 1, 0)
    assert known.verdict.startswith(f"Ready: +{100 * evidence.difference:.1f} points on {known.gate.n} gate examples")
    assert (await service.fitness("tickets")).version is not None


async def test_production_has_no_evidence_against_itself(service: Service) -> None:
    """It is said to be in production, with its accuracy and what an answer takes."""
    known = (await service.fitness("tickets", 1)).version
    assert known is not None
    assert (known.verdict, known.evidence, known.production) == ("In production.", None, True)
    assert known.tokens is not None
    assert known.unparsable == 0


async def test_nothing_is_told_as_measured_where_no_gate_example_counts(
    service: Service, actor: Actor, ticket_skill: Definition, tickets: Callable[..., list[dict[str, str]]]
) -> None:
    """Neither costs nor fitness, of production and of another version, but why not; in the demo's table as well."""
    given = [{**example, "split": "search"} for example in tickets(20)]
    await service.define_skill(ticket_skill(name="gateless", examples=given, variant="Other words."), actor)
    said = ("In production. Not measured: no gate example counts.", "Insufficient examples: none is in the gate split")
    for version, verdict in enumerate(said, 1):
        found = await service.fitness("gateless", version)
        known = found.version
        assert known is not None
        assert (known.gate, known.parts, known.tokens, known.unparsable) == (None, None, None, None)
        assert known.verdict.startswith(verdict)
        assert not any(invented in str(found) for invented in ("tokens an answer", "Fitness 0", "latency score"))
    rows = await service.table("gateless", 2)
    assert {(row.accuracy, row.low, row.high, row.n, row.tokens) for row in rows} == {(None, None, None, 0, None)}
    assert rows[0].cells == ("your prompt as it is", "not measured: no gate example counts", "", "0", "")


async def test_votes_and_gate_multiply(service: Service, fair: int, actor: Actor, database: Path) -> None:
    """A gate that is a little ahead needs few votes; the verdict says how many, and they make it ready."""
    known, evidence = await known_of(service, fair)
    assert evidence.verdict == "more evidence needed"
    assert evidence.gate_e is not None
    assert 1 < evidence.gate_e < 20
    assert evidence.more_votes is not None
    assert f"{evidence.more_votes} more votes won in a row would do" in known.verdict
    assert evidence.more_gate_examples is not None
    assert f"({evidence.more_gate_examples} of them for the gate)" in known.verdict
    for number in range(evidence.more_votes):
        assert (await known_of(service, fair))[1].verdict == "more evidence needed"
        duel = await service.compare("tickets", text=f"charge {number}", b=fair)
        await service.vote(duel.duel_id, _choice_for(database, duel.duel_id, fair), actor)
    _, after = await known_of(service, fair)
    assert after.verdict == "ready"
    assert after.product == pytest.approx(evidence.gate_e * after.votes.e_value)
    assert not (await service.promote("tickets", fair, "it is better", actor)).forced


async def test_an_input_of_the_gate_is_evidence_once(service: Service, fair: int, actor: Actor, database: Path) -> None:
    """Votes on gate examples are votes, but the gate speaks for these already; also on what was voted on before."""
    gate = (await service.examples("tickets", split="gate", limit=100)).examples
    _, before = await known_of(service, fair)
    later = Example(input="One more: a charge", expected="billing", split=Split.GATE)
    for text in (*(line.input.upper() for line in gate[:7]), later.input, "parcel of no example"):
        duel = await service.compare("tickets", text=text, b=fair)
        await service.vote(duel.duel_id, _choice_for(database, duel.duel_id, fair), actor)
    known, evidence = await known_of(service, fair)
    assert (evidence.votes.wins, evidence.votes.verdict) == (9, "win")
    assert evidence.gate_e == before.gate_e
    assert evidence.product == pytest.approx((evidence.gate_e or 0) * float(e_value(2, 0)))
    assert "votes 9 to 0 (E 2.29; 7 on gate examples, which count there)" in known.verdict
    await service.add_examples("tickets", [later], actor)
    _, after = await known_of(service, fair)
    assert after.product == pytest.approx((after.gate_e or 0) * float(e_value(1, 0)))
    assert after.more_votes == (before.more_votes or 0) - 1


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"min_improvement": 0.9}, r"at least \+90.0 points are asked for"),
        ({"token_limit": 1}, r"an answer takes \d+ tokens where 1 is the limit"),
        ({"latency_limit_seconds": 1e-9}, "s where 1e-09 s is the limit"),
    ],
)
async def test_what_the_skill_asks_for_must_be_met(  # noqa: PLR0917  fixtures
    service: Service,
    better: int,
    actor: Actor,
    ticket_skill: Definition,
    settings: dict[str, object],
    reason: str,
) -> None:
    """However clear the evidence is; the refusal names what is broken."""
    await service.define_skill(ticket_skill(examples=[], settings=settings), actor)
    with pytest.raises(NotPromotable, match=reason):
        await service.promote("tickets", better, "why", actor)


async def test_the_least_accuracy_is_asked_for_where_the_skill_sets_it(
    service: Service, fair: int, actor: Actor, ticket_skill: Definition
) -> None:
    """Better than bad production is not good enough then."""
    await service.define_skill(ticket_skill(examples=[], settings={"min_accuracy": 0.85}), actor)
    with pytest.raises(NotPromotable, match=r"its accuracy is 0\.\d\d where 0.85 is asked for"):
        await service.promote("tickets", fair, "why", actor)


async def test_more_unparsable_answers_keep_a_version_out(
    database: Path, open_service: Callable[..., Service], actor: Actor, ticket_skill: Definition
) -> None:
    """A version that is right more often, but says nothing usable at times, breaks what reads its answers."""

    def answers(request: Any) -> str:  # noqa: ANN401  a Generate
        item = request.messages[-1].content
        if request.messages[0].content.startswith("Which"):
            return "technical"
        return "nothing" if "crash" in item else "delivery" if "parcel" in item or "courier" in item else "billing"

    async with open_service(database, ScriptedModel(answers)) as service:
        other = (await service.define_skill(ticket_skill(prompt="Guess.", examples=[]), actor)).version
        known, evidence = await known_of(service, other)
        assert evidence.verdict == "worse"
        assert f"{known.unparsable} answers are unparsable, 0 of production" in known.verdict


async def test_an_unparsable_answer_on_an_example_that_is_left_out_keeps_no_version_out(
    database: Path, open_service: Callable[..., Service], actor: Actor, ticket_skill: Definition
) -> None:
    """It is counted on the examples compared on, as everything is; a mean over all would blame it on those.

    Measured together with the rest before, by a comparison in which it did count.
    """

    def answers(request: Any) -> str:  # noqa: ANN401  a Generate
        good = request.messages[0].content == GOOD
        return "no idea" if good and "weird" in request.messages[-1].content else first_word_or_billing(request)

    async with open_service(database, ScriptedModel(answers)) as service:
        version = (await service.define_skill(ticket_skill(prompt=GOOD, examples=[]), actor)).version
        number, placed = 0, None
        while placed != "gate":
            number += 1
            call = await service.run_skill("tickets", f"weird {number}")
            placed = (await service.record_outcome(call.call_id, actor, expected="delivery")).split
        known, evidence = await known_of(service, version)
        assert (evidence.left_out, known.unparsable, evidence.verdict) == (1, 0, "ready")


async def test_an_unparsable_answer_of_a_run_is_counted_where_it_was(
    database: Path, open_service: Callable[..., Service], actor: Actor, ticket_skill: Definition
) -> None:
    """What a run measured at its end is evidence like any other: retiring most of the gate hides nothing of it."""
    strange = ""

    def answers(request: Any) -> str:  # noqa: ANN401  a Generate
        return "no idea" if request.messages[-1].content == strange else first_word_or_billing(request)

    async def unparsable(version: int) -> int | None:
        return (await known_of(service, version))[0].unparsable

    async with open_service(database, ScriptedModel(answers)) as service:
        await service.define_skill(ticket_skill(examples=[], settings={"allowed_decoding": ["free"]}), actor)
        first, *others = (await service.examples("tickets", split="gate", limit=100)).examples
        strange = first.input
        request = EvolveRequest(skill="tickets", candidates=(GOOD,), generations=1, population=4, budget_tokens=60_000)
        version = (await service.evolve(request, actor, wait_seconds=300)).version
        assert version is not None
        assert await unparsable(version) == 1
        for line in others[: 2 * len(others) // 3]:
            await service.retire_example("tickets", line.id, actor)
        assert await unparsable(version) == 1
        await service.retire_example("tickets", first.id, actor)
        assert await unparsable(version) == 0


async def test_graded_scores_are_bet_on(
    database: Path, open_service: Callable[..., Service], actor: Actor, ticket_skill: Definition
) -> None:
    """There is an E of the gate but no McNemar test, and the same threshold."""

    def half_right(request: Any) -> str:  # noqa: ANN401  a Generate
        return "one" if request.messages[0].content == "Old." else "one two three"

    async with open_service(database, ScriptedModel(half_right)) as service:
        texts = [{"input": f"t{number}", "expected": "one two four", "split": "gate"} for number in range(60)]
        graded = ticket_skill(name="graded", prompt="Old.", variant="New.", metric="f1", labels=None, examples=texts)
        await service.define_skill(graded, actor)
        _, evidence = await known_of(service, 2, "graded")
        assert (evidence.verdict, evidence.mcnemar_p, evidence.worse) == ("ready", None, 0)
        assert evidence.gate_e == evidence.product > 20


async def test_a_skill_without_gate_examples_has_insufficient_examples(
    service: Service, actor: Actor, ticket_skill: Definition
) -> None:
    """Also where there is none at all."""
    await service.define_skill(ticket_skill(name="bare", variant="Other.", examples=[]), actor)
    known, evidence = await known_of(service, 2, "bare")
    assert (evidence.verdict, evidence.better, evidence.more_gate_examples) == ("insufficient examples", None, 20)
    assert known.verdict == "Insufficient examples: none is in the gate split; about 50 are needed."


async def test_each_evolved_candidate_uses_the_gate_and_ten_wear_it_out(
    database: Path,
    open_service: Callable[..., Service],
    reader: ScriptedModel,
    actor: Actor,
    ticket_skill: Definition,
) -> None:
    """Then only votes or new examples speak for a version. Its own use does not count against a candidate."""
    async with open_service(database) as service:
        request = EvolveRequest(skill="tickets", generations=2, population=6, budget_tokens=60_000)
        run = await service.evolve(request, actor, wait_seconds=300)
        assert run.version is not None
        assert (await known_of(service, run.version))[1].gate_uses == 0
    _repeat_run(database, run.run_id, 9)
    async with open_service(database, reader) as service:
        right = ticket_skill(prompt="Answer with the word that the ticket begins with.", examples=[])
        better = (await service.define_skill(right, actor)).version
        known, evidence = await known_of(service, better)
        assert (evidence.gate_uses, evidence.verdict) == (10, "gate worn")
        assert "10 candidates were judged by these gate examples" in known.verdict
        assert (await known_of(service, run.version))[1].gate_uses == 0
        with pytest.raises(NotPromotable, match="Gate worn"):
            await service.promote("tickets", better, "why", actor)
        for number in range(40):
            call = await service.run_skill("tickets", f"My parcel number {number} is lost")
            await service.record_outcome(call.call_id, actor, expected="delivery")
        _, complained = await known_of(service, better)
        assert complained.left_out > 10
        assert (complained.gate_uses, complained.verdict) == (10, "gate worn"), "complaints renew nothing"
        fresh = [Example(input=f"invoice {number}", expected="billing", split=Split.GATE) for number in range(20)]
        await service.add_examples("tickets", fresh, actor)
        _, renewed = await known_of(service, better)
        assert (renewed.gate_uses, renewed.verdict) == (0, "ready")


async def test_a_clock_that_goes_back_does_not_renew_a_worn_gate(
    database: Path, open_service: Callable[..., Service], actor: Actor
) -> None:
    """Runs met the gate in the order of their rows, whatever the clock said.

    Catches an order by time: the newest candidate is then the first, and ready by luck.
    """
    request = EvolveRequest(skill="tickets", generations=2, population=6, budget_tokens=60_000)
    async with open_service(database, hours=24 * 30) as service:
        first = await service.evolve(request, actor, wait_seconds=300)
        assert first.version is not None
    _repeat_run(database, first.run_id, 9)
    async with open_service(database) as service:
        last = await service.evolve(request.model_copy(update={"seed": 2}), actor, wait_seconds=300)
        assert last.version is not None
        evidence = (await known_of(service, last.version))[1]
        assert (evidence.gate_uses, evidence.verdict) == (10, "gate worn")
        assert (await known_of(service, first.version))[1].gate_uses == 0


async def test_texts_that_somebody_wrote_use_the_gate_in_the_order_in_which_they_are_judged(
    service: Service, actor: Actor, ticket_skill: Definition
) -> None:
    """Whoever tries one text after the other searches the gate as a run would; what was judged keeps its verdict.

    Catches a count of evolved candidates alone: of a hundred useless texts some are ready by luck.
    """
    texts = [f"Text {number}." for number in range(10)]
    written = [(await service.define_skill(ticket_skill(prompt=text, examples=[]), actor)).version for text in texts]
    better = (await service.define_skill(ticket_skill(prompt=GOOD, examples=[]), actor)).version
    for uses, version in enumerate(reversed(written)):
        assert (await known_of(service, version))[1].gate_uses == uses
    known, evidence = await known_of(service, better)
    assert (evidence.gate_uses, evidence.verdict) == (10, "gate worn")
    assert "10 candidates were judged by these gate examples" in known.verdict
    assert (await known_of(service, written[-1]))[1].gate_uses == 0
    for version in written:
        await service.promote("tickets", version, "let us see", actor, force=True)
        await service.rollback("tickets", "no better", actor)
    assert (await known_of(service, better))[1].gate_uses == 10, "trying them renews nothing"


async def test_correcting_examples_does_not_renew_a_worn_gate(
    service: Service, actor: Actor, ticket_skill: Definition
) -> None:
    """Neither there nor back: the inputs are the ones that candidates were chosen by. A deleted example is another."""
    for number in range(10):
        await service.define_skill(ticket_skill(prompt=f"Text {number}.", examples=[]), actor)
        await known_of(service, 2 + number)
    better = (await service.define_skill(ticket_skill(prompt=GOOD, examples=[]), actor)).version
    assert (await known_of(service, better))[1].verdict == "gate worn"
    gate = (await service.examples("tickets", split="gate", limit=100)).examples
    for line in gate[: len(gate) // 4]:
        other = "billing" if line.expected == "delivery" else "delivery"
        changed = await service.correct_example("tickets", line.id, other, actor)
        assert changed.became is not None
        await service.correct_example("tickets", changed.became, line.expected or "", actor)
    evidence = (await known_of(service, better))[1]
    assert (evidence.gate_uses, evidence.verdict) == (10, "gate worn")
    await service.delete_example("tickets", gate[-1].id, actor)
    assert (await known_of(service, better))[1].gate_uses == 10
    fresh = [Example(input=f"invoice {number}", expected="billing", split=Split.GATE) for number in range(20)]
    await service.add_examples("tickets", fresh, actor)
    evidence = (await known_of(service, better))[1]
    assert (evidence.gate_uses, evidence.verdict) == (0, "ready")


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"min_improvement": -0.1}, "min_improvement: Input should be greater than or equal to 0"),
        ({"min_accuracy": 85}, "min_accuracy: Input should be less than or equal to 1"),
        ({"token_limit": 0}, "token_limit: Input should be greater than or equal to 1"),
        ({"votes": 6}, "votes: Input should be greater than or equal to 7"),
        ({"days": 0}, "days: Input should be greater than 0"),
        ({"show_probability": float("nan")}, "show_probability: Input should be"),
        ({"opt_in_auto_promote": "yes"}, "opt_in_auto_promote: Input should be a valid boolean"),
        ({"auto_promote": True}, "unknown: auto_promote; there are"),
    ],
)
async def test_settings_out_of_range_are_refused(
    ticket_skill: Definition, settings: dict[str, object], reason: str
) -> None:
    """Each by its name; nothing is stored."""
    with pytest.raises(InvalidInput, match=reason):
        ticket_skill(settings=settings)


async def test_a_skill_stored_before_these_settings_has_their_defaults(database: Path, service: Service) -> None:
    """It goes on as new ones do."""
    with closing(sqlite3.connect(database)) as db:
        (body,) = db.execute("SELECT body FROM skills").fetchone()
        old = json.loads(body)
        for name in ("min_improvement", "min_accuracy", "token_limit", "votes", "days", "show_probability"):
            del old["settings"][name]
        del old["settings"]["opt_in_auto_promote"]
        db.execute("UPDATE skills SET body = ?", [json.dumps(old)])
        db.commit()
    settings = (await service.skill("tickets")).settings
    assert (settings.min_improvement, settings.min_accuracy, settings.token_limit) == (0.05, None, None)
    assert (settings.votes, settings.days, settings.show_probability) == (30, 7, 0.5)
    assert settings.opt_in_auto_promote is False


def _choice_for(database: Path, duel_id: str, version: int) -> Literal["A", "B"]:
    with closing(sqlite3.connect(database)) as db:
        (a,) = db.execute("SELECT a_version FROM duels WHERE duel_id = ?", [duel_id]).fetchone()
    return "A" if a == version else "B"


def _repeat_run(database: Path, run_id: str, times: int) -> None:
    """Store a run again and again, each with its own id, as if it had met the gate so often."""
    with closing(sqlite3.connect(database)) as db:
        db.row_factory = sqlite3.Row
        for table, where in (("runs", "run_id = ?"), ("run_journal", "run_id = ? AND ask_kind = 'gate'")):
            (row,) = db.execute(f"SELECT * FROM {table} WHERE {where}", [run_id]).fetchall()  # noqa: S608
            for number in range(times):
                copy = {**row, "run_id": f"r-copy-{number}", "created_at": row["created_at"] + number + 1}
                db.execute(f"INSERT INTO {table} VALUES ({','.join('?' * len(copy))})", [*copy.values()])  # noqa: S608
        db.commit()
