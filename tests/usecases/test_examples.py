"""Examples are looked through, corrected, retired and deleted, and what was measured on them follows."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from promptbreeder.errors import Conflict, InvalidInput, NotFound
from promptbreeder.models.scripted import ScriptedModel
from promptbreeder.requests import Actor, EvolveRequest, SkillDefinition
from promptbreeder.results import ExampleLine, VersionFitness
from promptbreeder.service import Service
from promptbreeder.skill import Example, input_hash
from promptbreeder.store import calls

pytestmark = pytest.mark.anyio


async def gate_examples(service: Service) -> tuple[ExampleLine, ...]:
    """Return the ticket skill's gate examples."""
    return (await service.examples("tickets", split="gate", limit=1_000)).examples


async def fitness(service: Service, version: int) -> VersionFitness:
    """Return what is known of a version of the ticket skill."""
    found = (await service.fitness("tickets", version)).version
    assert found is not None
    return found


async def test_pages_hold_every_example_once_and_say_how_to_go_on(service: Service) -> None:
    """With its id, split, answer and whole input."""
    found: list[ExampleLine] = []
    page = await service.examples("tickets", after=0, limit=40)
    found += page.examples
    while page.next_after is not None:
        page = await service.examples("tickets", after=page.next_after, limit=40)
        found += page.examples
    assert [line.id for line in found] == sorted({line.id for line in found})
    exported: Any = (await service.export("tickets"))["examples"]
    assert [(e.input, e.expected, e.split) for e in found] == [
        (e["input"], e["expected"], e["split"]) for e in exported
    ]
    gate = await gate_examples(service)
    assert {line.split for line in gate} == {"gate"}
    assert page.counts.gate == len(gate)


async def test_a_corrected_gate_example_is_measured_anew_under_its_new_answer(
    service: Service, better: int, actor: Actor
) -> None:
    """A version that is always right is wrong on the one example whose answer was made wrong."""
    before = await fitness(service, better)
    assert before.gate is not None
    assert before.gate.accuracy == 1.0
    first = (await gate_examples(service))[0]
    wrong = next(label for label in ("billing", "delivery") if label != first.expected)
    change = await service.correct_example("tickets", first.id, wrong, actor)
    assert (change.change, change.split, change.measured_versions) == ("corrected", "gate", (1, better))
    assert f"example {change.became} is in its place" in str(change)
    assert "Measurements of versions 1, 2 no longer count it" in str(change)
    # Before anything is measured again the old answer has stopped counting.
    line = next(line for line in await service.skills() if line.skill == "tickets")
    assert line.gate is not None
    assert line.gate.n == before.gate.n - 1
    after = await fitness(service, better)
    assert after.gate is not None
    assert after.gate.n == before.gate.n
    assert after.gate.accuracy == pytest.approx(1 - 1 / before.gate.n)


@pytest.mark.parametrize("how", ["retire", "delete"])
async def test_what_is_out_of_use_stops_counting_and_nothing_is_measured_again(
    database: Path,
    open_service: Callable[..., Service],
    ticket_skill: Callable[..., SkillDefinition],
    actor: Actor,
    *,
    how: str,
) -> None:
    """The scores of all other examples still hold; the mean cost of an item stays what it was."""
    model = ScriptedModel()
    async with open_service(database, model) as service:
        await service.define_skill(ticket_skill(prompt="Another prompt.", examples=[]), actor)
        before = await fitness(service, 2)
        calls = model.calls
        first = (await gate_examples(service))[0]
        change = await getattr(service, f"{how}_example")("tickets", first.id, actor)
        after = await fitness(service, 2)
        assert model.calls == calls
    assert change.measured_versions == (1, 2)
    assert before.gate is not None
    assert after.gate is not None
    assert (after.gate.n, change.counts.gate) == (before.gate.n - 1, before.gate.n - 1)
    assert after.parts is not None
    assert before.parts is not None
    assert after.parts.latency_seconds == pytest.approx(before.parts.latency_seconds, rel=0.02)


async def test_a_gate_that_lost_too_many_examples_is_no_evidence_any_more(
    service: Service, better: int, actor: Actor
) -> None:
    """What was ahead on 36 examples yesterday is not promoted on the 19 that are left."""
    await service.fitness("tickets", better)
    for line in (await gate_examples(service))[19:]:
        await service.retire_example("tickets", line.id, actor)
    with pytest.raises(Conflict, match="Insufficient examples: 20 gate examples are the least"):
        await service.promote("tickets", better, "it was good", actor)


async def test_the_history_tells_who_changed_what_until_it_is_deleted(service: Service, actor: Actor) -> None:
    """Before and after of a correction are shown; once deleted, neither answer is anywhere in the history."""
    line = next(e for e in (await service.examples("tickets")).examples if e.expected == "billing")
    change = await service.correct_example("tickets", line.id, "technical", actor)
    assert change.became is not None
    (event,) = await service.history("tickets", limit=1)
    assert (event.kind, event.actor, event.client) == ("correct", "human", "test client 1")
    assert f"example {line.id} corrected by test client 1, 'billing' -> 'technical'" in event.sentence
    await service.delete_example("tickets", change.became, actor)
    deleted, corrected, *_ = await service.history("tickets")
    assert deleted.sentence == f"'tickets': example {change.became} deleted by test client 1."
    assert "technical" not in corrected.sentence + corrected.reason
    assert all(finding.ok for finding in await service.doctor())


async def test_deleting_removes_the_content_from_the_file(
    service: Service, actor: Actor, database: Path, ticket_skill: Callable[..., SkillDefinition]
) -> None:
    """Also from pages of the file that are free: a search for the text finds nothing."""
    private = "card number 4929 1111 of Mrs Example"
    await service.define_skill(ticket_skill(examples=[{"input": private * 40, "expected": "billing"}]), actor)
    number = (await service.examples("tickets", limit=1_000)).examples[-1].id

    def is_there() -> bool:
        return private.encode() in database.read_bytes()

    assert is_there()
    await service.delete_example("tickets", number, actor)
    assert not is_there()
    with pytest.raises(NotFound, match="was deleted"):
        await service.delete_example("tickets", number, actor)


async def test_deleting_reaches_what_was_asked_and_answered(
    tmp_path: Path, open_service: Callable[..., Service], actor: Actor
) -> None:
    """However it was written, also in replies kept for reuse; other calls stay, and nothing that is gone is drawn."""
    private, other = 'Mrs Example\'s "card" is 4929 1111', "Mr Other pays cash"
    database = tmp_path / "echo.db"
    echo = ScriptedModel(lambda request: request.messages[-1].content)
    definition = {"name": "echo", "description": "Repeat.", "prompt": "Repeat.", "variant": "Say it again."}
    async with open_service(database, echo) as service:
        await service.define_skill(SkillDefinition.parse(definition), actor)
        asked = [await service.run_skill("echo", text) for text in (private, f"  {private.upper()}", private, other)]
        assert private in asked[0].answer
        await service.record_outcome(asked[0].call_id, actor, expected="a card number")
        await service.delete_example("echo", 1, actor)
        for gone in ("4929 1111", "Mrs Example", "MRS EXAMPLE", "a card number"):
            assert gone.encode() not in database.read_bytes()
        assert {(await service.compare("echo")).input for _ in range(8)} == {other}
        with pytest.raises(Conflict, match=r"was deleted with its example.*say whether it was right"):
            await service.record_outcome(asked[1].call_id, actor, expected="a card number")
        assert (await service.record_outcome(asked[1].call_id, actor, correct=True)).drift.n == 2
        assert (await service.record_outcome(asked[3].call_id, actor, expected=other)).correct is True


async def test_what_is_deleted_is_hashed_once_however_many_calls_there_are(
    service: Service, actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be long, and nobody can write meanwhile."""
    for number in range(5):
        await service.run_skill("tickets", f"Where is parcel {number}?")
    (line,) = (await service.examples("tickets", limit=1)).examples
    hashed = list[str]()

    def hash_of(salt: str, text: str) -> str:
        hashed.append(text)
        return input_hash(salt, text)

    monkeypatch.setattr(calls, "input_hash", hash_of)
    await service.delete_example("tickets", line.id, actor)
    assert len(hashed) == 6
    assert hashed.count(line.input) == 1


async def test_versions_that_show_a_changed_example_are_named(
    database: Path, open_service: Callable[..., Service], actor: Actor
) -> None:
    """They never change, so the user must know."""
    async with open_service(database) as service:
        request = EvolveRequest(skill="tickets", generations=2, population=6, budget_tokens=60_000)
        run = await service.evolve(request, actor, wait_seconds=60)
        assert run.version is not None
        shown = (await service.prompt("tickets", run.version)).messages
        lines = (await service.examples("tickets", split="train", limit=1_000)).examples
        line = next(line for line in lines if any(line.input in turn.content for turn in shown))
        change = await service.retire_example("tickets", line.id, actor)
        assert change.shown_in_versions == (run.version,)
        assert f"Version {run.version} still shows it" in str(change)


@pytest.mark.parametrize(
    ("expected", "reason"),
    [("nobody", "not among the labels"), ("", "no `expected` answer"), ("x" * 16_001, "at most 16000 characters")],
)
async def test_a_correction_must_fit_the_skill(
    service: Service, actor: Actor, stored: Callable[[], list[str]], expected: str, reason: str
) -> None:
    """As an example that is added must; nothing changes otherwise."""
    (line,) = (await service.examples("tickets", limit=1)).examples
    before = stored()
    with pytest.raises(InvalidInput, match=reason):
        await service.correct_example("tickets", line.id, expected, actor)
    assert stored() == before


@pytest.mark.parametrize("how", ["retire", "delete"])
async def test_examples_and_skills_that_do_not_exist_are_not_found(service: Service, actor: Actor, how: str) -> None:
    """And an example of another skill is none of this one's."""
    change = getattr(service, f"{how}_example")
    with pytest.raises(NotFound, match="has no example 9999"):
        await change("tickets", 9_999, actor)
    with pytest.raises(NotFound, match="no skill named 'nobody'"):
        await change("nobody", 1, actor)


@pytest.mark.parametrize("wrong", [{"limit": 0}, {"limit": 20_000}, {"split": "test"}])
async def test_a_page_that_cannot_be_is_refused(service: Service, wrong: dict[str, Any]) -> None:
    """With what can be."""
    with pytest.raises(InvalidInput, match=r"1 to 10,000|train, search, gate"):
        await service.examples("tickets", **wrong)


async def test_examples_are_added_to_a_skill_without_touching_its_prompts(
    service: Service, better: int, actor: Actor, tickets: Callable[..., list[Any]]
) -> None:
    """Production may be an evolved prompt that no text alone could give again."""
    await service.promote("tickets", better, "good", actor)
    given = [Example.model_validate(ticket) for ticket in tickets(5, start=88)]
    report = await service.add_examples("tickets", given, actor)
    assert (report.outcome, report.added, report.duplicates) == ("extended", 3, 2)
    assert (report.version, report.variant, report.production) == (better, None, better)
    assert len(await service.versions("tickets")) == 2
    assert (await service.add_examples("tickets", given, actor)).outcome == "unchanged"
    (event,) = await service.history("tickets", limit=1)
    assert event.reason == "3 examples added"


async def test_examples_that_do_not_fit_are_added_neither_in_part(
    service: Service, actor: Actor, stored: Callable[[], list[str]]
) -> None:
    """All or none."""
    before = stored()
    given = [Example(input="fits", expected="billing"), Example(input="does not", expected="nobody")]
    with pytest.raises(InvalidInput, match=r"'nobody', but it is not among the labels .* the example \('does not'\)"):
        await service.add_examples("tickets", given, actor)
    assert stored() == before


async def test_two_variants_are_two_versions_of_which_the_first_is_in_production(
    service: Service, actor: Actor, ticket_skill: Callable[..., SkillDefinition]
) -> None:
    """Both hand-written, told with number and URI, ready to be compared."""
    report = await service.define_skill(ticket_skill(name="pair", variant="And the other?"), actor)
    assert (report.outcome, report.version, report.variant, report.production) == ("created", 1, 2, 1)
    assert report.uris == ("prompt://pair/versions/1", "prompt://pair/versions/2")
    assert "compare_prompts(skill='pair', a=1, b=2)" in report.next_step
    assert [view.origin for view in await service.versions("pair")] == ["human", "human"]
    duel = await service.compare("pair")
    assert duel.skill == "pair"
    later = await service.define_skill(ticket_skill(variant="A variant of later."), actor)
    assert (later.outcome, later.version, later.variant) == ("extended", 1, 2)


@pytest.mark.parametrize("same", ["Which queue?", " Which\nqueue? "])
async def test_a_variant_that_is_the_same_text_is_refused(
    service: Service, actor: Actor, ticket_skill: Callable[..., SkillDefinition], same: str
) -> None:
    """There would be nothing to compare."""
    with pytest.raises(InvalidInput, match="the same text"):
        await service.define_skill(ticket_skill(name="pair", prompt="Which queue?", variant=same), actor)
    assert [line.skill for line in await service.skills()] == ["tickets"]


async def test_a_skill_that_must_be_new_is_not_extended(
    service: Service, actor: Actor, ticket_skill: Callable[..., SkillDefinition], stored: Callable[[], list[str]]
) -> None:
    """Whoever means to create one does not add a version to another's by accident."""
    before = stored()
    with pytest.raises(Conflict, match="there is a skill 'tickets' already"):
        await service.define_skill(ticket_skill(prompt="New."), actor, must_be_new=True)
    assert stored() == before


async def test_a_label_in_other_letters_is_stored_as_the_skill_writes_it(
    service: Service, ticket_skill: Callable[..., SkillDefinition], actor: Actor
) -> None:
    """Given with the skill or corrected; and it contradicts no example that has the label already."""
    text = "Ticket 0: invoice, invoice"
    changed = await service.define_skill(ticket_skill(examples=[{"input": text, "expected": " BILLING"}]), actor)
    assert (changed.duplicates, changed.contradictions) == (1, 0)
    await service.define_skill(ticket_skill(examples=[{"input": "Brand new", "expected": "Delivery "}]), actor)
    listed = (await service.examples("tickets", limit=200)).examples
    new = next(line for line in listed if line.input == "Brand new")
    assert new.expected == "delivery"
    became = (await service.correct_example("tickets", new.id, "TECHNICAL", actor)).became
    corrected = next(line for line in (await service.examples("tickets", limit=200)).examples if line.id == became)
    assert corrected.expected == "technical"
