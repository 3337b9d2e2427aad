"""A/B tests: what the votes say after each vote, who is shown, and when a test is over."""

import itertools
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Literal

import pytest

from promptbreeder.errors import InvalidInput, NotPromotable
from promptbreeder.models.scripted import ScriptedModel
from promptbreeder.requests import Actor, EvolveRequest, SkillDefinition
from promptbreeder.results import VoteReport
from promptbreeder.service import Service

pytestmark = pytest.mark.anyio
RELAYING = Actor("assistant", "Claude 1")
Taste = Callable[..., SkillDefinition]
NUMBERS = itertools.count()
"""An input counts once."""


def echo(request: object) -> str:
    """Answer with the prompt: who voted for which is then plain."""
    return str(request.messages[0].content)  # type: ignore[attr-defined]  # a Generate


@pytest.fixture
def taste(ticket_skill: Callable[..., SkillDefinition]) -> Taste:
    """Return a maker of a skill that is judged by votes alone, with two prompts and one train example."""

    def make(**changes: object) -> SkillDefinition:
        fields: dict[str, object] = {
            "name": "tone",
            "prompt": "Old.",
            "variant": "New.",
            "metric": "preference",
            "labels": None,
            "examples": [{"input": "hello", "split": "train"}],
            "settings": {"show_probability": 0},
        }
        return ticket_skill(**{**fields, **changes})

    return make


@pytest.fixture
def tasteful(database: Path, open_service: Callable[..., Service]) -> Callable[..., Service]:
    """Return a maker of services whose model answers with its prompt, `hours` from now."""
    return lambda hours=0: open_service(database, ScriptedModel(echo), hours=hours)


async def cast(service: Service, votes: str, *, actor: Actor, b: int | None = None) -> VoteReport:
    """Vote once for each letter: + for the new version, - for production, 0 for a tie; return the last report."""
    report: VoteReport | None = None
    for letter in votes:
        duel = await service.compare("tone", text=f"hello {next(NUMBERS)}", b=b)
        report = await service.vote(duel.duel_id, _choice(duel.a, letter), actor)
    assert report is not None
    return report


def _choice(a: str, letter: str) -> Literal["A", "B", "tie"]:  # the answers are the prompts
    if letter == "0":
        return "tie"
    return "A" if (a == "Old.") == (letter == "-") else "B"


async def test_every_vote_tells_how_the_test_stands(
    tasteful: Callable[..., Service], taste: Taste, actor: Actor
) -> None:
    """Seven to none is the quickest win; before, the votes that are still needed are told, and who cast which."""
    async with tasteful() as service:
        await service.define_skill(taste(), actor)
        first = await cast(service, "+", actor=actor)
        assert (first.verdict, first.votes_needed, first.votes_left) == ("open", 6, 29)
        assert first.e_value == pytest.approx(1.5)
        sixth = await cast(service, "++++0+", actor=RELAYING)
        assert (sixth.verdict, sixth.votes_needed, sixth.votes_left) == ("open", 1, 23)
        assert (sixth.human.wins, sixth.relayed.wins, sixth.relayed.ties) == (1, 5, 1)
        won = await cast(service, "+", actor=actor)
        assert (won.verdict, won.wins, won.losses, won.ties, won.votes_needed) == ("win", 7, 0, 1, 0)
        assert won.e_value >= 20


@pytest.mark.parametrize(
    ("settings", "votes", "verdict"),
    [({}, "-" * 6, "lose"), ({"votes": 8}, "+-", "futile"), ({"votes": 7}, "0" * 7, "inconclusive")],
)
async def test_a_test_can_end_without_a_win(  # noqa: PLR0917  fixtures
    tasteful: Callable[..., Service],
    taste: Taste,
    actor: Actor,
    settings: dict[str, object],
    votes: str,
    verdict: str,
) -> None:
    """By the votes against it, by what the votes left could still bring, or by their number; ties are votes."""
    async with tasteful() as service:
        await service.define_skill(taste(settings=settings), actor)
        report = await cast(service, votes, actor=actor)
        assert report.verdict == verdict
        with pytest.raises(NotPromotable, match="Worse: production is preferred" if verdict == "lose" else "More evid"):
            await service.promote("tone", 2, "I like it", actor)


async def test_a_test_ends_after_its_days_and_can_be_resumed(
    tasteful: Callable[..., Service], taste: Taste, actor: Actor
) -> None:
    """Counted from the first vote; the votes are kept, and asking for more duels goes on with them."""
    async with tasteful() as service:
        await service.define_skill(taste(), actor)
        await cast(service, "+++", actor=actor)
    async with tasteful(hours=24 * 7 + 1) as later:
        known = (await later.fitness("tone", 2)).version
        assert known is not None
        assert known.evidence is not None
        assert known.evidence.votes.verdict == "inconclusive"
        resumed = await cast(later, "++++", actor=actor)
        assert (resumed.verdict, resumed.wins) == ("win", 7)


async def test_more_votes_allowed_reopen_a_test(tasteful: Callable[..., Service], taste: Taste, actor: Actor) -> None:
    """The setting is read at every vote."""
    async with tasteful() as service:
        await service.define_skill(taste(settings={"votes": 7}), actor)
        assert (await cast(service, "0" * 7, actor=actor)).verdict == "inconclusive"
        await service.define_skill(taste(settings={"votes": 40}), actor)
        assert (await cast(service, "+", actor=actor)).verdict == "open"


async def test_a_skill_of_taste_is_promoted_by_votes_alone(
    tasteful: Callable[..., Service], taste: Taste, actor: Actor
) -> None:
    """When they suffice and not before; the refusal says how many are missing."""
    async with tasteful() as service:
        await service.define_skill(taste(), actor)
        await cast(service, "++++++", actor=actor)
        with pytest.raises(NotPromotable, match=r"1 more vote won would do; votes 6 to 0"):
            await service.promote("tone", 2, "why", actor)
        await cast(service, "+", actor=actor)
        moved = await service.promote("tone", 2, "why", actor)
        assert moved.evidence.startswith("Ready: votes 7 to 0")
        assert not moved.forced
        known = (await service.fitness("tone", 2)).version
        assert known is not None
        assert (known.gate, known.verdict) == (None, "Judged by votes alone. In production.")


async def test_of_several_candidates_the_liked_one_is_shown_more_and_the_beaten_one_not_at_all(
    tasteful: Callable[..., Service], taste: Taste, actor: Actor
) -> None:
    """Thompson sampling among open tests; what production has beaten is out."""
    async with tasteful() as service:
        await service.define_skill(taste(), actor)
        for prompt in ("Third.", "Fourth."):
            await service.define_skill(taste(prompt=prompt, variant=None), actor)
        await cast(service, "------", actor=actor, b=2)
        await cast(service, "++++++", actor=actor, b=3)
        await cast(service, "--", actor=actor, b=4)
        shown: Counter[str] = Counter()
        for _ in range(40):
            duel = await service.compare("tone", text="hello")
            shown.update({duel.a, duel.b} - {"Old."})
    assert shown["New."] == 0
    assert shown["Third."] > 20


async def test_two_versions_outside_production_can_be_compared_too(
    tasteful: Callable[..., Service], taste: Taste, actor: Actor
) -> None:
    """The older is then the incumbent, and nothing is said of production."""
    async with tasteful() as service:
        await service.define_skill(taste(), actor)
        await service.define_skill(taste(prompt="Third.", variant=None), actor)
        report: VoteReport | None = None
        for number in range(6):
            duel = await service.compare("tone", text=f"hello {number}", a=3, b=2)
            report = await service.vote(duel.duel_id, "A" if duel.a == "New." else "B", actor)
        assert report is not None
        assert (report.candidate, report.incumbent, report.verdict) == (3, 2, "lose")
        assert report.sentence == "Version 2 is preferred: 0 won, 6 lost, 0 tied."
        evidence = (await service.fitness("tone", 3)).version
        assert evidence is not None
        assert evidence.evidence is not None
        assert evidence.evidence.votes.losses == 0


async def test_what_was_in_production_is_no_candidate_again_unless_it_is_named(
    tasteful: Callable[..., Service], taste: Taste, actor: Actor
) -> None:
    """It was rolled back for a reason."""
    async with tasteful() as service:
        await service.define_skill(taste(), actor)
        await service.promote("tone", 2, "try it", actor, force=True)
        await service.rollback("tone", "no", actor)
        with pytest.raises(InvalidInput, match="nothing to compare version 1 with"):
            await service.compare("tone", text="hello")
        assert (await service.compare("tone", text="hello", b=2)).duel_id


async def test_an_earlier_live_input_is_drawn_where_no_example_is_unused(
    tasteful: Callable[..., Service], taste: Taste, actor: Actor
) -> None:
    """First the examples, then what the skill was really asked; what is in the gate or the search split never."""
    gated = [{"input": "hello", "split": "train"}, {"input": "secret", "split": "gate"}]
    gated += [{"input": "searched", "split": "search"}]
    async with tasteful() as service:
        await service.define_skill(taste(examples=gated), actor)
        for text in ("from life", "Secret ", "searched"):
            await service.run_skill("tone", text)
        assert [(await service.compare("tone")).input for _ in range(2)] == ["hello", "from life"]
        assert (await service.compare("tone")).input == "hello"
        await service.define_skill(taste(name="bare", examples=[]), actor)
        with pytest.raises(InvalidInput, match=r"no train example and no earlier .* `vote --input TEXT`"):
            await service.compare("bare")


async def test_an_opinion_counts_once_however_often_it_is_cast(
    tasteful: Callable[..., Service], taste: Taste, actor: Actor
) -> None:
    """Answers are the same each time: seven votes on one input are one vote. Each later one is told that it is none."""
    async with tasteful() as service:
        await service.define_skill(taste(), actor)
        for number in range(7):
            duel = await service.compare("tone", text="Where is it?\u200b" if number else "where is  it?", b=2)
            report = await service.vote(duel.duel_id, _choice(duel.a, "+"), actor)
            assert (report.wins, report.votes_left) == (1, 29)
            assert (duel.notice or "").startswith("This input was judged") == bool(number)
            assert (report.notice or "").startswith("Kept, but it does not count") == bool(number)
        with pytest.raises(NotPromotable, match="6 more votes won in a row would do; votes 1 to 0"):
            await service.promote("tone", 2, "why", actor)
        known = (await service.fitness("tone", 2)).version
        assert known is not None
        assert known.votes == {"won": 1, "lost": 0}


async def test_the_first_vote_on_an_input_counts_whichever_it_is(
    tasteful: Callable[..., Service], taste: Taste, actor: Actor
) -> None:
    """Whoever changes their mind finds the tie, or the other choice, kept; two open duels count once."""
    async with tasteful() as service:
        await service.define_skill(taste(), actor)
        for text, letters in (("one", "0+"), ("two", "-+")):
            duels = [await service.compare("tone", text=text, b=2) for _ in letters]
            assert [duel.notice for duel in duels] == [None, None]
            reports = [
                await service.vote(duel.duel_id, _choice(duel.a, letter), actor)
                for duel, letter in zip(duels, letters, strict=True)
            ]
            assert [report.notice is None for report in reports] == [True, False]
        assert (reports[1].wins, reports[1].losses, reports[1].ties) == (0, 1, 1)


async def test_what_was_judged_is_not_drawn_again_for_the_same_two_versions(
    tasteful: Callable[..., Service], taste: Taste, actor: Actor
) -> None:
    """It is for two others; and where nothing is left, the refusal says what helps."""
    examples = [{"input": text, "split": "train"} for text in ("hello", "bye")]
    async with tasteful() as service:
        await service.define_skill(taste(examples=examples), actor)
        for _ in examples:
            duel = await service.compare("tone", b=2)
            await service.vote(duel.duel_id, "tie", actor)
        for b in (2, None):
            with pytest.raises(
                InvalidInput, match=r"left to draw for versions 1 and 2: each was judged .*Give another"
            ):
                await service.compare("tone", b=b)
        await service.define_skill(taste(prompt="Third.", variant=None), actor)
        drawn = [await service.compare("tone") for _ in examples]
        assert {duel.input for duel in drawn} == {"hello", "bye"}
        assert all({duel.a, duel.b} == {"Old.", "Third."} for duel in drawn), (
            "version 2 has nothing left to be shown on"
        )
        await service.run_skill("tone", "from life")
        assert (await service.compare("tone", b=2)).input == "from life"


async def test_votes_on_what_a_version_was_chosen_by_are_no_evidence(
    database: Path, open_service: Callable[..., Service], actor: Actor
) -> None:
    """On the search examples of its run a version that is no better wins, too; such votes are kept, and told."""
    async with open_service(database) as service:
        request = EvolveRequest(skill="tickets", generations=2, population=6, budget_tokens=60_000)
        run = await service.evolve(request, actor, wait_seconds=300)
        assert run.version is not None
        known = (await service.examples("tickets", split="search", limit=100)).examples
        for example in known[:7]:
            duel = await service.compare("tickets", text=example.input, b=run.version)
            assert (duel.notice or "").startswith("One of the two was chosen by its answer to this input")
            report = await service.vote(duel.duel_id, "A" if duel.a == example.expected else "B", actor)
            assert (report.notice or "").startswith("Kept, but it is no evidence")
            assert (report.wins, report.losses, report.e_value, report.votes_left) == (0, 0, 1, 30)
        duel = await service.compare("tickets", text="A ticket of now: parcel", b=run.version)
        report = await service.vote(duel.duel_id, "A" if duel.a == "delivery" else "B", actor)
        assert (duel.notice, report.notice, report.wins + report.losses) == (None, None, 1)
        found = (await service.fitness("tickets", run.version)).version
        assert found is not None
        assert found.evidence is not None
        assert found.evidence.gate_e is not None
        assert sum(found.votes.values()) == 8
        assert found.evidence.product == pytest.approx(found.evidence.gate_e * found.evidence.votes.e_value)
        assert "; 7 left out: on inputs that a version was chosen by or shows)" in found.verdict


async def test_votes_on_what_a_prompt_shows_are_no_evidence(service: Service, constrained: int, actor: Actor) -> None:
    """It was shown the answer; the same input tells two other versions apart."""
    duel = await service.compare("tickets", text="Parcel courier  doorstep", b=constrained)
    report = await service.vote(duel.duel_id, "tie", actor)
    assert (duel.notice or "").endswith("a vote on it will be no evidence.")
    assert (report.notice or "").startswith("Kept, but it is no evidence")
    assert report.ties == 0


async def test_votes_on_what_a_prompt_of_taste_shows_count(
    tasteful: Callable[..., Service], taste: Taste, actor: Actor
) -> None:
    """There is nothing else to judge it by, and no run has chosen it."""
    async with tasteful() as service:
        await service.define_skill(taste(variant="Say good morning, John."), actor)
        duel = await service.compare("tone", text="good morning, john", b=2)
        report = await service.vote(duel.duel_id, "tie", actor)
        assert (duel.notice, report.notice, report.ties) == (None, None, 1)


async def standing(service: Service) -> tuple[str, int, dict[str, int]]:
    """Return the verdict on version 2, the votes that it has won against production, and its record."""
    known = (await service.fitness("tone", 2)).version
    assert known is not None
    assert known.evidence is not None
    return known.evidence.verdict, known.evidence.votes.wins, known.votes


async def test_votes_are_about_the_model_and_the_rules_that_they_were_cast_on(
    database: Path, open_service: Callable[..., Service], taste: Taste, actor: Actor
) -> None:
    """Another model behind the same name gives other answers; with the first one its votes are back."""
    seven, none = ("ready", 7, {"won": 7, "lost": 0}), ("more evidence needed", 0, {"won": 0, "lost": 0})
    async with open_service(database, ScriptedModel(echo)) as service:
        await service.define_skill(taste(examples=[], settings={"show_probability": 1}), actor)
        await cast(service, "+++++++", actor=actor)
        last = f"hello {next(NUMBERS) - 1}"
        assert await standing(service) == seven
        assert (await service.run_skill("tone", "hello")).notice is None, "the test is won"
    async with open_service(database, ScriptedModel(echo, name="other")) as service:
        assert await standing(service) == none
        with pytest.raises(NotPromotable, match="votes 0 to 0"):
            await service.promote("tone", 2, "why", actor)
        notice = (await service.run_skill("tone", "hello")).notice
        assert "An A/B test is open: version 2 (0 votes)" in (notice or "")
        duel = await service.compare("tone", text=last)
        assert duel.notice is None, "judged on the model before"
        report = await service.vote(duel.duel_id, _choice(duel.a, "+"), actor)
        assert (report.wins, report.notice) == (1, None)
    async with open_service(database, ScriptedModel(echo)) as service:
        assert await standing(service) == seven
        duel = await service.compare("tone", text="one more", b=2)
        await service.define_skill(taste(examples=[], settings={"max_answer_tokens": 5}), actor)
        assert await standing(service) == none
        report = await service.vote(duel.duel_id, "A", actor)
        assert (report.notice or "").startswith("Kept, but it does not count: the skill's model or rules have changed")
        assert (report.wins, report.losses) == (0, 0)


async def test_a_vote_goes_by_the_model_that_is_in_use(
    database: Path, open_service: Callable[..., Service], taste: Taste, actor: Actor
) -> None:
    """Duels from before it was changed are told to count no more, as get_fitness has it; and back on it they do."""
    async with open_service(database, ScriptedModel(echo)) as service:
        await service.define_skill(taste(), actor)
        first, second = [await service.compare("tone", text=f"early {n}", b=2) for n in range(2)]
    async with open_service(database, ScriptedModel(echo, name="other")) as service:
        assert (await standing(service))[1] == 0
        report = await service.vote(first.duel_id, _choice(first.a, "+"), actor)
        assert (report.wins, (report.notice or "")[:28]) == (0, "Kept, but it does not count:")
        await cast(service, "+", actor=actor)
    async with open_service(database, ScriptedModel(echo)) as service:
        assert (await standing(service))[1] == 1
        report = await service.vote(second.duel_id, _choice(second.a, "+"), actor)
        assert (report.wins, report.notice) == (2, None)


class Updated(ScriptedModel):
    """The same weights under another build of what computes with them."""

    @property
    def fingerprint(self) -> str:
        """Of the other build."""
        return "build-2"

    @property
    def weights(self) -> str:
        """Those of before."""
        return super().fingerprint


async def test_votes_outlive_an_update_of_what_computes(
    database: Path, open_service: Callable[..., Service], taste: Taste, actor: Actor
) -> None:
    """Measurements are made anew by themselves then; nobody votes anew for it."""
    for model, votes, wins in ((ScriptedModel(echo), "+++", 3), (Updated(echo), "++", 5)):
        async with open_service(database, model) as service:
            await service.define_skill(taste(), actor)
            await cast(service, votes, actor=actor)
            assert (await standing(service))[1] == wins


async def test_where_the_model_cannot_be_had_votes_on_the_last_one_count(
    database: Path, open_service: Callable[..., Service], fixed_models: Callable[..., Any], taste: Taste, actor: Actor
) -> None:
    """What is judged by votes alone needs no model; but votes under other rules are no more about today's answers."""
    for name, votes in (("first", "+++"), ("second", "++")):
        async with open_service(database, ScriptedModel(echo, name=name)) as service:
            await service.define_skill(taste(), actor)
            await cast(service, votes, actor=actor)
    async with open_service(database, make_catalog=lambda: fixed_models({})) as service:
        assert await standing(service) == ("more evidence needed", 2, {"won": 2, "lost": 0})
        assert (await service.prompt("tone", offering=True)).version == 1
        await service.define_skill(taste(settings={"max_answer_tokens": 5}), actor)
        assert (await standing(service))[1] == 0


async def test_votes_from_before_their_model_was_kept_are_taken_for_votes_on_the_next_one(
    database: Path, open_service: Callable[..., Service], taste: Taste, actor: Actor
) -> None:
    """They count until the model is another than the one of the first duel since; on that they never count."""
    async with open_service(database, ScriptedModel(echo)) as service:
        await service.define_skill(taste(), actor)
        await cast(service, "+++", actor=actor)
    with closing(sqlite3.connect(database)) as db:
        db.execute("UPDATE duels SET answered_by = NULL")
        db.commit()
    for name, votes, wins in (("scripted", "++", 5), ("other", "+", 1), ("scripted", "", 5)):
        async with open_service(database, ScriptedModel(echo, name=name)) as service:
            for _ in votes:
                await cast(service, "+", actor=actor)
            assert (await standing(service))[1] == wins


@pytest.mark.parametrize("probability", [0, 1])
async def test_an_open_test_is_offered_as_often_as_the_skill_says(
    tasteful: Callable[..., Service], taste: Taste, actor: Actor, probability: int
) -> None:
    """By run_skill and by get_prompt when they show production; a version that was asked for is not disturbed."""
    async with tasteful() as service:
        await service.define_skill(taste(settings={"show_probability": probability}), actor)
        answered = await service.run_skill("tone", "hello")
        prompt = await service.prompt("tone", text="hello", offering=True)
        for notice in (answered.notice, prompt.notice):
            assert (notice is not None) == bool(probability)
            assert notice is None or "An A/B test is open: version 2 (0 votes) against production, version 1" in notice
            assert notice is None or "compare_prompts('tone', input=<the same input>)" in notice
        assert (await service.run_skill("tone", "hello", 2)).notice is None
        assert (await service.prompt("tone", 1, offering=True)).notice is None
        assert (await service.prompt("tone")).notice is None
        await cast(service, "-" * 6, actor=actor)
        assert (await service.run_skill("tone", "hello")).notice is None


async def test_what_an_offer_reads_does_not_grow_with_the_candidates(
    tasteful: Callable[..., Service], taste: Taste, actor: Actor
) -> None:
    """It comes with answers of production: votes are read once for all candidates, and only where an offer is drawn."""

    async def read(service: Service) -> list[str]:
        statements: list[str] = []
        connection = service._bench.store._open().reader.conn
        connection.set_trace_callback(statements.append)
        await service.prompt("tone", offering=True)
        connection.set_trace_callback(None)
        return statements

    async with tasteful() as service:
        await service.define_skill(taste(settings={"show_probability": 1}), actor)
        await cast(service, "+-", actor=actor, b=2)
        with_one = await read(service)
        assert sum("FROM votes" in statement for statement in with_one) == 1
        for number in range(5):
            await service.define_skill(taste(prompt=f"Other {number}.", variant=None), actor)
        await service.define_skill(taste(examples=[], variant=None, settings={"show_probability": 1}), actor)
        with_six = await read(service)
        assert len(with_six) == len(with_one)
        await service.define_skill(taste(examples=[], variant=None, settings={"show_probability": 0}), actor)
        assert not any("votes" in statement for statement in await read(service))
