"""What a run brings: a version with its evidence, or an honest reason why there is none; within its budget."""

import itertools
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from promptbreeder.errors import Conflict, InvalidInput, ModelCrashed
from promptbreeder.models.base import Generate, Limits
from promptbreeder.models.scripted import ScriptedModel
from promptbreeder.prompt import Decoding, Prompt
from promptbreeder.requests import BUDGET_TOKENS, Actor, EvolveRequest, SkillDefinition
from promptbreeder.results import PromptView, RunReport
from promptbreeder.service import Service
from promptbreeder.usecases.planning import TOKENS_PER_CALL

pytestmark = pytest.mark.anyio
_NUMBERS = itertools.count()
EXAMPLES = Path(__file__).parents[2] / "examples"
GUEST = "Name the one queue that this customer's ticket should go to."
MORE_GUESTS = tuple(f"Say which of the queues takes care of this, as clerk {number} would." for number in range(5))


async def test_a_finished_run_makes_a_version_with_its_evidence(
    database: Path, open_service: Callable[..., Service], evolve: Callable[..., Any]
) -> None:
    """The winner is a version of its own, beside production, and its gate accuracy needs no new measurement."""
    model = ScriptedModel()
    async with open_service(database, model) as service:
        report = await evolve(service)
        assert report.status == "finished"
        assert report.version == 2
        assert report.best is not None
        assert report.best.search_score > (report.baseline or 0)
        asked = len(model.requests)
        evolved = (await service.skills())[0]
        view = await service.prompt("tickets", 2)
        fitness = (await service.fitness("tickets", 2)).version
        lineage = await service.lineage(report.run_id)
    assert (evolved.production, evolved.versions, evolved.run) == (1, 2, None)
    assert (view.origin, view.parents, view.run_id) == ("evolved", (1,), report.run_id)
    assert lineage
    assert fitness is not None
    assert fitness.gate is not None
    assert f"gate accuracy {fitness.production_gate} -> {fitness.gate}" in report.verdict
    # Only free decoding, which the run did not need, is measured now.
    assert all(isinstance(request, Generate) for request in model.requests[asked:])


async def test_a_run_that_finds_nothing_better_makes_no_version(
    database: Path, open_service: Callable[..., Service], evolve: Callable[..., Any]
) -> None:
    """Where no prompt changes the answers there is no winner, and the report says so."""
    async with open_service(database, _always("billing")) as service:
        report = await evolve(service)
    assert report.status == "finished"
    assert report.version is None
    assert report.verdict.startswith("No improvement found")


async def test_a_lucky_candidate_that_fails_at_the_gate_makes_no_version(
    database: Path, open_service: Callable[..., Service], evolve: Callable[..., Any]
) -> None:
    """What was won by looking at the search split does not count; the report gives both numbers."""
    with closing(sqlite3.connect(database)) as db:
        known = dict(db.execute("SELECT input, expected FROM examples WHERE split != 'gate'"))

    class Overfitted(ScriptedModel):
        async def choose(self, requests: Any) -> Any:  # noqa: ANN401  as the base class
            block = await super().choose(requests)
            answers = []
            for request, choice in zip(requests, block.answers, strict=True):
                item = next((text for text in known if text in request.messages[-1].content), "")
                right = known.get(item, "billing")
                scores = tuple(0.0 if option == right else -9.0 for option in request.options)
                answers.append(type(choice)(scores, choice.prompt_tokens))
            return type(block)(tuple(answers), block.prefix_tokens)

    async with open_service(database, Overfitted(lambda _: "billing")) as service:
        report = await evolve(service)
    assert report.status == "finished"
    assert report.version is None
    assert report.best is not None
    assert report.best.search_score > (report.baseline or 0)
    assert "did not hold on the gate split: gate accuracy" in report.verdict


def _always(label: str) -> ScriptedModel:
    """Return a model that gives one answer to everything, whatever it is shown."""

    class Stubborn(ScriptedModel):
        async def choose(self, requests: Any) -> Any:  # noqa: ANN401  as the base class
            block = await super().choose(requests)
            scores = tuple(0.0 if option == label else -1.0 for option in requests[0].options)
            return type(block)(
                tuple(type(answer)(scores, answer.prompt_tokens) for answer in block.answers), block.prefix_tokens
            )

    return Stubborn(lambda _: label)


@given(budget=st.integers(BUDGET_TOKENS[0], 14_000), seed=st.integers(0, 3))
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_no_run_spends_more_than_its_budget(  # noqa: PLR0917  fixtures
    budget: int,
    seed: int,
    copy_of: Callable[[str], Path],
    open_service: Callable[..., Service],
    evolve: Callable[..., Any],
    entries: Callable[[Path], list[dict[str, Any]]],
) -> None:
    """Whatever the budget, tokens and calls stay within it, the run ends by itself, and says what it found."""
    path, model = copy_of(f"budget-{next(_NUMBERS)}"), ScriptedModel()
    async with open_service(path, model) as service:
        report = await evolve(service, budget_tokens=budget, seed=seed, generations=20)
    used = [entry["usage"] for entry in entries(path)]
    assert report.status == "finished"
    assert report.verdict
    assert sum(usage["prompt_tokens"] + usage["completion_tokens"] for usage in used) == report.tokens <= budget
    assert len(model.requests) <= sum(usage["calls"] for usage in used) <= budget // TOKENS_PER_CALL
    spent = next((n for n, entry in enumerate(entries(path)) if entry["exhausted"]), None)
    # Once the search's share is spent the strategy is asked no further: only what decides the winner is measured.
    assert spent is None or {entry["kind"] for entry in entries(path)[spent + 1 :]} <= {"measure", "gate"}


@pytest.fixture
async def routing(tmp_path: Path, open_service: Callable[..., Service], actor: Actor) -> Callable[..., Any]:
    """Return a function that evolves the example skill with 360 long messages, where a block costs a lot."""
    definition = SkillDefinition.parse(json.loads((EXAMPLES / "ticket-route.json").read_text(encoding="utf-8")))

    async def evolved(budget_tokens: int) -> tuple[RunReport, PromptView]:
        async with open_service(tmp_path / f"{budget_tokens}.db", ScriptedModel()) as service:
            await service.define_skill(definition, actor)
            request = EvolveRequest.parse({"skill": definition.name, "budget_tokens": budget_tokens})
            report = await service.evolve(request, actor, wait_seconds=60)
            return report, await service.prompt(definition.name, report.version)

    return evolved


@pytest.mark.parametrize("budget", [21_000, 30_000])
async def test_what_is_kept_for_the_gate_brings_a_challenger_where_there_is_none(
    routing: Callable[..., Any], budget: int
) -> None:
    """A search that was cut off before any candidate was measured in full still ends with a version, within budget."""
    report, made = await routing(budget)
    assert (report.version, report.tokens <= budget) == (2, True)
    assert "Version 2 is better" in report.verdict
    assert "First population; " in str(report)
    assert made.operator == "first population"


async def test_a_budget_too_small_for_any_candidate_is_not_called_a_search_without_improvement(
    routing: Callable[..., Any],
) -> None:
    """Nothing was shown, so nothing is claimed, and what to do is said."""
    report, _ = await routing(7_000)
    assert report.version is None
    assert report.verdict.startswith(
        "No candidate was measured on the whole search split; give it a larger budget, about "
    )


@pytest.mark.parametrize("gate", ["none", "of outcomes"])
async def test_a_winner_that_no_gate_example_can_judge_is_kept_until_one_can(  # noqa: PLR0917  fixtures
    gate: str,
    tmp_path: Path,
    open_service: Callable[..., Service],
    evolve: Callable[..., Any],
    ticket_skill: Callable[..., SkillDefinition],
    tickets: Callable[..., list[dict[str, str]]],
    actor: Actor,
) -> None:
    """Where all examples came by outcomes of production, or none is in the gate, another run would end no better.

    Catches a winner that is thrown away for a budget that no larger one would change.
    """
    seen = tickets(60)
    fixed = [{**each, "split": "train" if n % 2 else "search"} for n, each in enumerate(seen)] if gate == "none" else []
    async with open_service(tmp_path / "ungated.db") as service:
        await service.define_skill(ticket_skill(examples=fixed), actor)
        for each in [] if fixed else seen:
            call = await service.run_skill("tickets", each["input"])
            await service.record_outcome(call.call_id, actor, expected=each["expected"])
        report = await evolve(service)
        assert report.version == 2
        assert "Version 2 was ahead (" in report.verdict
        assert "no gate example can judge it (" in report.verdict
        assert "budget ended before" not in report.verdict
        assert report.retry == {}
        assert "add about 50 examples with define_skill, then get_fitness('tickets', 2)" in report.next_step
        assert "compare_prompts('tickets', b=2)" in report.next_step
        judged = (await service.fitness("tickets", 2)).version
        assert judged is not None
        assert judged.verdict.startswith("Insufficient examples")
        fresh = [{**each, "split": "gate"} for each in tickets(30, start=60)]
        await service.define_skill(ticket_skill(examples=fresh), actor)
        judged = (await service.fitness("tickets", 2)).version
        assert judged is not None
        assert judged.verdict.startswith("Ready: ")


async def test_candidates_enter_a_paused_run_once(
    database: Path,
    open_service: Callable[..., Service],
    evolve: Callable[..., Any],
    entries: Callable[[Path], list[dict[str, Any]]],
) -> None:
    """What is handed in is measured, and a second stop right after its arrival does not bring it twice."""
    guest = Prompt(instruction=GUEST, decoding=Decoding.CALIBRATED)
    async with open_service(database, ScriptedModel(fail_at={4: ModelCrashed("gone")})) as service:
        run = await evolve(service, generations=4)

    async def resumed(model: ScriptedModel, **changes: Any) -> str:  # noqa: ANN401
        async with open_service(database, model) as service:
            status: str = (await evolve(service, run_id=run.run_id, **changes)).status
            return status

    status, candidates = "paused", {"candidates": [GUEST, GUEST]}
    for _ in range(60):
        # Two calls at a time, so that it stops again soon after the arrival.
        status = await resumed(ScriptedModel(fail_at={3: ModelCrashed("gone")}), **candidates)
        candidates = {}
        if status == "finished":
            break
    assert status == "finished"
    arrived = [prompt for entry in entries(database) for prompt in entry["answer"].get("prompts", ())]
    # As they were handed in, and one that has got demonstrations.
    assert [prompt["instruction"] for prompt in arrived if not prompt["demonstrations"]] == [GUEST, GUEST]
    assert [prompt["instruction"] for prompt in arrived if prompt["demonstrations"]] == [GUEST]
    assert guest.content_hash in {result["prompt"] for entry in entries(database) for result in entry["results"]}
    with closing(sqlite3.connect(database)) as db:
        assert db.execute("SELECT count(*), count(consumed_at) FROM immigrants").fetchone() == (2, 2)


async def test_every_candidate_given_at_the_start_is_measured(
    database: Path,
    open_service: Callable[..., Service],
    evolve: Callable[..., Any],
    entries: Callable[[Path], list[dict[str, Any]]],
) -> None:
    """More candidates than the population has room for come in with the first generations instead of being dropped."""
    async with open_service(database) as service:
        await evolve(service, population=3, candidates=list(MORE_GUESTS))
    measured = {result["prompt"] for entry in entries(database) for result in entry["results"]}
    for text in MORE_GUESTS:
        assert Prompt(instruction=text, decoding=Decoding.CALIBRATED).content_hash in measured


async def test_a_candidate_that_holds_a_gate_input_is_refused(
    database: Path, open_service: Callable[..., Service], evolve: Callable[..., Any]
) -> None:
    """The gate split must stay unseen: at the start and when handed in later, whatever the case and spacing."""
    with closing(sqlite3.connect(database)) as db:
        (leak,) = db.execute("SELECT input FROM examples WHERE split = 'gate' LIMIT 1").fetchone()
    candidate = f"Say billing to: {leak.upper().replace(' ', '  ')}"
    async with open_service(database, ScriptedModel(fail_at={4: ModelCrashed("gone")})) as service:
        with pytest.raises(InvalidInput, match="gate split"):
            await evolve(service, candidates=[candidate])
        assert await service.runs("tickets") == ()
        run = await evolve(service)
        with pytest.raises(InvalidInput, match=r"gate split.* none of the candidates was taken"):
            await evolve(service, run_id=run.run_id, candidates=[GUEST, candidate])
    with closing(sqlite3.connect(database)) as db:
        assert db.execute("SELECT count(*) FROM immigrants").fetchone() == (0,)


async def test_a_short_gate_input_is_short_however_much_white_space_it_has(
    database: Path,
    open_service: Callable[..., Service],
    evolve: Callable[..., Any],
    ticket_skill: Callable[..., SkillDefinition],
    actor: Actor,
) -> None:
    """Two letters stand in nearly every text: a candidate quotes nothing by having them."""
    padded = {"input": f"hi{' ' * 20}", "expected": "billing", "split": "gate"}
    async with open_service(database) as service:
        await service.define_skill(ticket_skill(examples=[padded]), actor)
        assert (await evolve(service, candidates=["Say which queue this ticket goes to."])).status == "finished"


class _FreeOnly(ScriptedModel):
    """A model that cannot choose among labels, as an Ollama before 0.12.11."""

    @property
    def limits(self) -> Limits:
        """Free generation only."""
        return replace(super().limits, choose=False, exact_choice=False, likelihood=False)


@pytest.mark.parametrize("labels_came_later", [True, False])
async def test_a_candidate_handed_in_is_decoded_as_the_run_can(  # noqa: PLR0917  fixtures
    labels_came_later: Any,  # noqa: ANN401  a bool
    tmp_path: Path,
    open_service: Callable[..., Service],
    evolve: Callable[..., Any],
    ticket_skill: Callable[..., SkillDefinition],
    actor: Actor,
) -> None:
    """Whether the model cannot choose among the skill's labels, or the skill got them while the run was stopped.

    Catches a candidate whose way of decoding is taken from the skill of now: it fails the whole run.
    """
    path = tmp_path / "handed-in.db"
    first, then = (ScriptedModel, ScriptedModel) if labels_came_later else (_FreeOnly, _FreeOnly)
    unlabelled = ticket_skill(labels=[], metric="exact")
    async with open_service(path, first(fail_at={4: ModelCrashed("gone")})) as service:
        await service.define_skill(unlabelled if labels_came_later else ticket_skill(), actor)
        run = await evolve(service)
        if labels_came_later:
            await service.define_skill(ticket_skill(examples=[]), actor)
    async with open_service(path, then()) as service:
        assert (await evolve(service, run_id=run.run_id, candidates=[GUEST])).status == "finished"


async def test_no_gate_input_is_ever_shown_before_the_gate(
    database: Path, open_service: Callable[..., Service], evolve: Callable[..., Any]
) -> None:
    """Neither writer nor search reads a gate example; the gate comes last and is nobody's demonstration."""
    with closing(sqlite3.connect(database)) as db:
        gate = [row[0] for row in db.execute("SELECT input FROM examples WHERE split = 'gate'")]
    model = ScriptedModel()
    async with open_service(database, model) as service:
        await evolve(service)
    texts = [json.dumps(request.messages) for request in model.requests]
    seen = [any(text in shown for text in gate) for shown in texts]
    first = seen.index(True)
    assert all(seen[first:])
    assert sum(seen) == 2 * len(gate)


async def test_candidates_for_an_ended_run_are_an_error_that_says_so(
    database: Path, open_service: Callable[..., Service], evolve: Callable[..., Any]
) -> None:
    """They would be lost without a word otherwise."""
    async with open_service(database) as service:
        run = await evolve(service)
        with pytest.raises(
            Conflict, match=r"has ended \(finished\): it takes no candidates.*`promptbreeder-mcp evolve tickets` starts"
        ):
            await evolve(service, run_id=run.run_id, candidates=[GUEST])


async def test_a_writer_that_yields_garbage_ends_no_run_and_is_reported(
    database: Path, open_service: Callable[..., Service], evolve: Callable[..., Any]
) -> None:
    """Model-free operators go on, and the report names the two ways to better texts."""
    writer = ScriptedModel(lambda request: "billing" if request.sampling.seed % 2 else "", name="writer")
    async with open_service(database, writer=writer) as service:
        report = await evolve(service, strategy="promptbreeder", generations=4)
    assert report.status == "finished"
    assert report.version is not None
    assert writer.requests
    assert sum(report.rejected.values()) == len(writer.requests)
    assert "PROMPTBREEDER_WRITER" in report.verdict
    assert "evolve_prompt(candidates=[...]), or `evolve --candidate`" in report.verdict


async def test_a_dead_writer_pauses_the_run(
    database: Path, open_service: Callable[..., Service], evolve: Callable[..., Any]
) -> None:
    """A backend that is gone is no garbled text: nothing is made up in its place, and the run can go on later."""
    writer = ScriptedModel(name="writer", fail_at={1: ModelCrashed("the writer is gone")})
    async with open_service(database, writer=writer) as service:
        run = await evolve(service, strategy="promptbreeder")
        assert run.status == "paused"
        assert "the writer is gone" in run.verdict
        assert (await evolve(service, run_id=run.run_id)).status == "finished"


async def test_a_defect_ends_one_run_and_not_the_service(
    database: Path, open_service: Callable[..., Service], evolve: Callable[..., Any]
) -> None:
    """An unforeseen error is written into the run; the process and its other runs live on."""

    def broken(_: Generate) -> str:
        raise ZeroDivisionError

    writer = ScriptedModel(broken, name="writer")
    async with open_service(database, writer=writer) as service:
        report = await evolve(service, strategy="promptbreeder")
        assert report.status == "failed"
        assert "doctor" in report.verdict
        assert (await service.run_skill("tickets", "invoice and refund")).version == 1


async def test_a_version_keeps_the_search_score_it_was_chosen_by(
    copy_of: Callable[[str], Path], open_service: Callable[..., Service], evolve: Callable[..., Any]
) -> None:
    """get_fitness shows the optimistic score beside the honest one; a hand-written version has none."""
    async with open_service(copy_of("one")) as service:
        report = await evolve(service)
        evolved = (await service.fitness("tickets", report.version)).version
        written = (await service.fitness("tickets", 1)).version
    assert evolved is not None
    assert report.best is not None
    assert evolved.search_score == report.best.search_score
    assert written is not None
    assert written.search_score is None


async def test_candidates_that_come_too_late_are_said_and_not_dropped_in_silence(
    copy_of: Callable[[str], Path],
    open_service: Callable[..., Service],
    evolve: Callable[..., Any],
    held_model: Callable[[int], Any],
) -> None:
    """A candidate handed in while the gate is measured is in no population any more: the verdict tells."""
    counting = held_model(-1)
    async with open_service(copy_of("one"), counting) as service:
        await evolve(service)
    held = held_model(counting.calls)
    async with open_service(copy_of("two"), held) as service:
        report = await evolve(service, wait=0)
        await held.reached.wait()
        await evolve(service, run_id=report.run_id, candidates=["Name the queue of this ticket."], wait=0)
        held.release.set()
        ended = await service.get_run(report.run_id, wait_seconds=60)
    assert "1 of the candidates handed in could not be measured before the search ended" in ended.verdict


async def test_a_run_tells_how_far_likelihood_can_be_trusted(
    database: Path, open_service: Callable[..., Service], evolve: Callable[..., Any]
) -> None:
    """Checked on the skill's own prompts and shown; nothing is said where too few prompts have likelihoods."""
    async with open_service(database, ScriptedModel()) as service:
        told = await evolve(service, population=12)
        again = await service.get_run(told.run_id)
        few = await evolve(service, population=3, generations=1, seed=2)
    assert told.likelihood_agreement is not None
    assert told.likelihood_agreement == again.likelihood_agreement
    assert f"Likelihood ranks prompts like accuracy: {told.likelihood_agreement:+.2f}" in str(again)
    assert few.likelihood_agreement is None
    assert "Likelihood" not in str(few)


@pytest.mark.parametrize("stored_before_there_were_labels", ["no", "yes"])
async def test_labels_in_other_letters_are_the_same_labels_to_a_search(  # noqa: PLR0917  fixtures
    stored_before_there_were_labels: str,
    tmp_path: Path,
    open_service: Callable[..., Service],
    evolve: Callable[..., Any],
    entries: Callable[[Path], list[dict[str, Any]]],
    ticket_skill: Callable[..., SkillDefinition],
    tickets: Callable[..., list[dict[str, str]]],
    actor: Actor,
) -> None:
    """Demonstrations show labels as they are chosen among, and the search measures what it would with tidy examples.

    Catches demonstrations that teach words which no choice offers, and count one label as several.
    """
    tidy = tickets(90)
    untidy = [{**each, "expected": f" {each['expected'].upper()}"} for each in tidy]
    found = []
    for name, examples in (("tidy", tidy), ("untidy", untidy)):
        path = tmp_path / f"{name}.db"
        labelled = ticket_skill(examples=examples, metric="label")
        async with open_service(path) as service:
            if stored_before_there_were_labels == "yes":
                await service.define_skill(ticket_skill(examples=examples, labels=[], metric="exact"), actor)
                labelled = ticket_skill(examples=[], metric="label")
            await service.define_skill(labelled, actor)
            await evolve(service)
        found.append([(entry["ask_hash"], entry["results"]) for entry in entries(path)])
    assert found[0] == found[1]
