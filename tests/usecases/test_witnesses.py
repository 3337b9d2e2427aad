"""Examples that came from the answers of a version, or stand in its prompt, say nothing of it; of others they do."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from promptbreeder.errors import NotPromotable
from promptbreeder.models.scripted import ScriptedModel
from promptbreeder.prompt import Prompt
from promptbreeder.requests import Actor, EvolveRequest, SkillDefinition
from promptbreeder.results import Evidence, OutcomeReport
from promptbreeder.service import Service
from promptbreeder.skill import Example, Split

pytestmark = pytest.mark.anyio
Definition = Callable[..., SkillDefinition]
LABELS = ("billing", "delivery", "technical")
GATE = 10
"""Gate examples of each label: three versions that always say one label are equally good on them."""


def as_told(request: Any) -> str:  # noqa: ANN401  a Generate
    """Answer with the label that the instruction ends with, whatever the ticket."""
    return str(request.messages[0].content).rsplit(maxsplit=1)[-1]


@pytest.fixture
async def service(
    tmp_path: Path, open_service: Callable[..., Service], ticket_skill: Definition, actor: Actor
) -> AsyncIterator[Service]:
    """Return a service over a skill with a version for each label, the first one in production; all are as good."""
    gate = [
        {"input": f"Ticket {number}: {label}", "expected": label, "split": "gate"}
        for number in range(GATE)
        for label in LABELS
    ]
    async with open_service(tmp_path / "equal.db", ScriptedModel(as_told)) as opened:
        for label in LABELS:
            await opened.define_skill(ticket_skill(prompt=f"Always say {label}", examples=gate), actor)
        yield opened


@pytest.fixture
def outcomes(service: Service, actor: Actor) -> Callable[..., Any]:
    """Return a function that asks a version and records what was expected, `count` times; all go to the gate."""
    used = 0

    async def record(version: int, expected: str, count: int = 1) -> list[OutcomeReport]:
        nonlocal used
        skill = await service.skill("tickets")
        reports: list[OutcomeReport] = []
        while len(reports) < count:
            used += 1
            text = f"Something came up in case {used}"
            if skill.split_of(Example(input=text)) is Split.GATE:
                call = await service.run_skill("tickets", text, version)
                reports.append(await service.record_outcome(call.call_id, actor, expected=expected))
        return reports

    return record


async def evidence_of(service: Service, version: int) -> Evidence:
    """Return what speaks for a version beside production."""
    known = (await service.fitness("tickets", version)).version
    assert known is not None
    assert known.evidence is not None
    assert known.gate is not None
    assert known.production_gate is not None
    assert known.gate.n == known.production_gate.n
    return known.evidence


def weighed(evidence: Evidence) -> tuple[int | None, int | None, int]:
    """Return the examples that speak for a version, those that speak against it, and those left out."""
    return evidence.better, evidence.worse, evidence.left_out


async def test_complaints_about_production_do_not_make_an_equal_version_ready(
    service: Service, outcomes: Callable[..., Any], actor: Actor
) -> None:
    """However many there are: they were chosen because production fails on them. The refusal says how many."""
    await outcomes(1, "delivery", 20)
    found = await evidence_of(service, 2)
    assert weighed(found) == (GATE, GATE, 20)
    assert found.verdict == "more evidence needed"
    with pytest.raises(NotPromotable, match=r"on 30 gate examples .*; 20 left out: they came from answers of the ver"):
        await service.promote("tickets", 2, "they complain", actor)


async def test_right_answers_of_production_do_not_speak_for_it_either(
    service: Service, outcomes: Callable[..., Any]
) -> None:
    """Or whoever reports both would find every other version worse."""
    (report,) = await outcomes(1, "billing")
    assert report.correct
    assert weighed(await evidence_of(service, 2)) == (GATE, GATE, 1)


async def test_outcomes_of_the_candidate_are_left_out_too(service: Service, outcomes: Callable[..., Any]) -> None:
    """The rule has no sides; another candidate is judged by them."""
    await outcomes(2, "technical", 5)
    assert weighed(await evidence_of(service, 2)) == (GATE, GATE, 5)
    assert weighed(await evidence_of(service, 3)) == (GATE + 5, GATE, 0)


async def test_complaints_count_between_versions_that_come_later(
    service: Service, outcomes: Callable[..., Any], actor: Actor
) -> None:
    """Once what they are about is out of production, they are examples like any other; until it comes back."""
    await outcomes(1, "technical", 12)
    await service.promote("tickets", 2, "for a change", actor, force=True)
    later = await evidence_of(service, 3)
    assert weighed(later) == (GATE + 12, GATE, 0)
    assert weighed(await evidence_of(service, 1)) == (GATE, GATE, 12)
    await service.rollback("tickets", "for another", actor)
    assert weighed(await evidence_of(service, 3)) == (GATE, GATE, 12)


async def test_complaints_do_not_judge_what_was_made_from_the_version_they_are_about(
    service: Service, outcomes: Callable[..., Any], actor: Actor, evolved: Callable[..., Any]
) -> None:
    """It shares its mistakes, so any other version would look better; on whichever side of the comparison it is."""
    child = await evolved(service, Prompt(instruction="Do say billing"))
    await outcomes(1, "technical", 12)
    await service.promote("tickets", child, "for a change", actor, force=True)
    assert weighed(await evidence_of(service, 3)) == (GATE, GATE, 12)
    await service.promote("tickets", 2, "for another", actor, force=True)
    assert weighed(await evidence_of(service, child)) == (GATE, GATE, 12)
    assert weighed(await evidence_of(service, 3)) == (GATE + 12, GATE, 0)


async def test_a_complaint_whose_answer_is_corrected_is_still_one(
    service: Service, outcomes: Callable[..., Any], actor: Actor
) -> None:
    """Its input was chosen by production's answer all the same."""
    await outcomes(1, "technical")
    newest = (await service.examples("tickets", split="gate", limit=1_000)).examples[-1]
    await service.correct_example("tickets", newest.id, "delivery", actor)
    assert weighed(await evidence_of(service, 2)) == (GATE, GATE, 1)


async def test_an_example_that_was_known_before_its_outcome_counts(service: Service, actor: Actor) -> None:
    """It was drawn whatever the answer would be: so are fair examples got from live inputs."""
    drawn = Example(input="Ticket 99: a parcel", expected="delivery", split=Split.GATE)
    await service.add_examples("tickets", [drawn], actor)
    call = await service.run_skill("tickets", drawn.input)
    assert (await service.record_outcome(call.call_id, actor, expected="delivery")).example == "known"
    assert weighed(await evidence_of(service, 2)) == (GATE + 1, GATE, 0)


async def test_too_few_fair_examples_are_too_few(
    tmp_path: Path, open_service: Callable[..., Service], ticket_skill: Definition, actor: Actor
) -> None:
    """Twenty gate examples are the least, and complaints are not among them; nor where there are no others."""
    async with open_service(tmp_path / "bare.db", ScriptedModel(as_told)) as service:
        for label in LABELS[:2]:
            await service.define_skill(ticket_skill(prompt=f"Always say {label}", examples=[]), actor)
        for number in range(100):
            call = await service.run_skill("tickets", f"Something came up in case {number}")
            await service.record_outcome(call.call_id, actor, expected="delivery")
        gate = (await service.examples("tickets", split="gate")).counts.gate
        assert gate >= 20
        with pytest.raises(NotPromotable, match=rf"none of the gate split counts \({gate} left out: they came from"):
            await service.promote("tickets", 2, "they complain", actor)
        one = Example(input="Ticket 1: a parcel", expected="delivery", split=Split.GATE)
        await service.add_examples("tickets", [one], actor)
        with pytest.raises(NotPromotable, match=r"Insufficient examples: 20 gate examples are the least; .* on 1 gate"):
            await service.promote("tickets", 2, "they complain", actor)


async def test_a_new_gate_example_says_for_whom_it_counts(outcomes: Callable[..., Any]) -> None:
    """Whoever gives expected answers should know what they are good for."""
    (report,) = await outcomes(1, "delivery")
    assert (
        "It became an example in the gate split; it counts in comparisons without version 1 and versions made from it."
        in str(report)
    )


async def test_complaints_about_production_do_not_bring_the_version_before_back(
    service: Service, outcomes: Callable[..., Any], actor: Actor
) -> None:
    """They are why it is failing; whether the other does no worse is for examples that they did not choose."""
    fair = [Example(input=f"delivery {number}", expected="delivery", split=Split.GATE) for number in range(3)]
    await service.add_examples("tickets", fair, actor)
    await service.promote("tickets", 2, "three more are right", actor, force=True)
    await outcomes(2, "billing", 25)
    (check,) = (await service.monitor()).checks
    assert (check.state, check.action) == ("failing", "evolve")


async def test_a_re_check_on_another_model_leaves_the_versions_own_answers_out(
    tmp_path: Path, open_service: Callable[..., Service], service: Service, outcomes: Callable[..., Any]
) -> None:
    """Complaints about it on the model before would hide a fall; the report says how many."""
    await outcomes(1, "delivery", 4)
    await service.fitness("tickets")
    other = ScriptedModel(lambda _: "technical", name="other")
    async with open_service(tmp_path / "equal.db", other) as after:
        (check,) = (await after.monitor()).checks
    assert check.recheck is not None
    assert (check.recheck.before.n, check.recheck.left_out) == (3 * GATE, 4)
    assert "4 left out" in check.recheck.sentence


async def test_a_run_is_not_judged_by_complaints_about_its_production(
    database: Path, open_service: Callable[..., Service], actor: Actor
) -> None:
    """Its verdict names how many gate examples were left out, and its numbers are those of the evidence."""
    async with open_service(database) as service:
        before = (await service.examples("tickets", split="gate")).counts.gate
        for number in range(30):
            call = await service.run_skill("tickets", f"My case number {number} is lost")
            await service.record_outcome(call.call_id, actor, expected="delivery")
        left_out = (await service.examples("tickets", split="gate")).counts.gate - before
        assert left_out > 1
        request = EvolveRequest(skill="tickets", generations=2, population=6, budget_tokens=60_000)
        run = await service.evolve(request, actor, wait_seconds=300)
        assert run.version is not None
        assert f"n={before} -> " in run.verdict
        assert f"({left_out} left out: they came from answers of the versions compared" in run.verdict
        evidence = await evidence_of(service, run.version)
        assert evidence.left_out == left_out
        assert f"{evidence.better} better, {evidence.worse} worse" in run.verdict


MANNERS: dict[str, Callable[[str], str]] = {
    "letters": str.upper,
    "marks": lambda text: text.replace(":", " -"),
    "hidden characters": lambda text: text.replace("k", "k\u200b"),
}


@pytest.mark.parametrize("manner", MANNERS)
@pytest.mark.parametrize("side", ["candidate", "production"])
async def test_what_a_prompt_shows_judges_neither_it_nor_what_it_is_compared_with(  # noqa: PLR0917  fixtures
    tmp_path: Path, open_service: Callable[..., Service], ticket_skill: Definition, actor: Actor, side: str, manner: str
) -> None:
    """Whoever writes the answers of the gate into a prompt wins nothing by them; a definition says so at once."""
    gate = [{"input": f"Ticket {n}: {LABELS[n % 3]}", "expected": LABELS[n % 3], "split": "gate"} for n in range(30)]
    quoting = "\n".join(
        ["Sort these:", *(f"{MANNERS[manner](e['input'])} -> {e['expected']}" for e in gate[:6]), "billing"]
    )
    prompts = {"candidate": ("Always say delivery", quoting), "production": (quoting, "Always say delivery")}
    async with open_service(tmp_path / "quoting.db", ScriptedModel(as_told)) as service:
        reports = [
            await service.define_skill(ticket_skill(prompt=text, examples=gate), actor) for text in prompts[side]
        ]
        evidence = await evidence_of(service, 2)
    warned = [line for report in reports for line in report.warnings if "shows gate examples" in line]
    told = (
        f"version {prompts[side].index(quoting) + 1} shows gate examples, which should stay unseen: 6. They are left "
        "out where it is judged; define a prompt without them to be judged on all"
    )
    assert warned == [told]
    assert weighed(evidence) == (8, 8, 6)


@pytest.mark.parametrize(("listed", "left_out"), [(4, 0), (5, 5), (15, 15)])
async def test_short_examples_in_a_table_do_not_judge_it_and_a_few_by_chance_do(  # noqa: PLR0917  fixtures
    tmp_path: Path,
    open_service: Callable[..., Service],
    ticket_skill: Definition,
    actor: Actor,
    listed: int,
    left_out: int,
) -> None:
    """Four short words may stand in any instruction; a list of them with their answers is no instruction."""
    gate = [{"input": f"noun{n}!", "expected": LABELS[n % 3], "split": "gate"} for n in range(30)]
    table = "\n".join(["Look it up:", *(f"{e['input'].strip('!')} => {e['expected']}" for e in gate[:listed])])
    async with open_service(tmp_path / "short.db", ScriptedModel(as_told)) as service:
        await service.define_skill(ticket_skill(prompt="Always say delivery", examples=gate), actor)
        report = await service.define_skill(ticket_skill(prompt=f"{table}\nbilling", examples=[]), actor)
        evidence = await evidence_of(service, report.version)
    assert evidence.left_out == left_out
    warned = [line for line in report.warnings if f"which should stay unseen: {left_out}." in line]
    assert len(warned) == (left_out > 0)
