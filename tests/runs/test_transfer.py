"""What one skill's run teaches the next skill's."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from promptbreeder.errors import InvalidInput, ModelCrashed
from promptbreeder.models.scripted import ScriptedModel
from promptbreeder.requests import Actor, EvolveRequest, SkillDefinition
from promptbreeder.results import RunReport
from promptbreeder.service import Service
from promptbreeder.skill import Example, Split

pytestmark = pytest.mark.anyio
WORDS = {
    "kitchen": ("kettle", "spoon", "recipe"),
    "garden": ("tulip", "hedge", "mower"),
    "cellar": ("bottle", "boiler", "fuse"),
    "attic": ("trunk", "beam", "cobweb"),
}
TEXT = "Say where in the house this belongs."
Evolve = Callable[..., Any]
Open = Callable[..., Service]


def _thing(number: int) -> dict[str, str]:
    room = list(WORDS)[number % 4]
    word, other = WORDS[room][number // 4 % 3], WORDS[room][number // 12 % 3]
    return {"input": f"Thing {number}: {word}, {other}", "expected": room}


@pytest.fixture
def house() -> Callable[..., SkillDefinition]:
    """Return a maker of a second skill, with labels and words of its own."""

    def make(**changes: object) -> SkillDefinition:
        fields = {
            "name": "house",
            "description": "Say to which room a thing belongs.",
            "prompt": TEXT,
            "labels": tuple(WORDS),
            "examples": [_thing(number) for number in range(160)],
            "salt": "salt",
            **changes,
        }
        return SkillDefinition.parse(fields)

    return make


@pytest.fixture
def evolve_house(actor: Actor) -> Evolve:
    """Return a function that evolves the second skill."""

    async def evolved(service: Service, *, wait: float = 60, **changes: object) -> RunReport:
        fields = {"skill": "house", "strategy": "auto", "generations": 4, "budget_tokens": 60_000, **changes}
        return await service.evolve(EvolveRequest.parse(fields), actor, wait_seconds=wait)

    return evolved


def _plan(path: Path) -> dict[str, Any]:
    """Return the newest run's plan."""
    with closing(sqlite3.connect(path)) as db:
        (config,) = db.execute("SELECT config FROM runs ORDER BY rowid DESC").fetchone()
    plan: dict[str, Any] = json.loads(config)["plan"]
    return plan


def _tokens_to(target: float, entries: list[dict[str, Any]]) -> int:
    """Return what a run had spent when a candidate measured on the whole search split first reached the target."""
    spent: int = 0
    items = sum(len(result["scores"]) for result in entries[0]["results"])
    scores: dict[str, list[float]] = {}
    for entry in entries:
        spent += entry["usage"]["prompt_tokens"] + entry["usage"]["completion_tokens"]
        for result in entry["results"]:
            known = scores.setdefault(result["prompt"], [])
            known += result["scores"]
            if len(known) == items and sum(known) >= target * items:
                return spent
    raise AssertionError(target)


@pytest.mark.parametrize("strategy", ["auto", "promptbreeder", "edits"])
async def test_a_second_skill_begins_with_what_won_on_the_first_and_is_there_sooner(  # noqa: PLR0917  fixtures
    strategy: str,
    copy_of: Callable[[str], Path],
    open_service: Open,
    actor: Actor,
    evolve: Evolve,
    house: Callable[..., SkillDefinition],
    evolve_house: Evolve,
    entries: Callable[[Path], list[dict[str, Any]]],
) -> None:
    """The same search with and without the other skill's run before it; the pattern carries the form, not the data."""
    alone, after = copy_of("alone"), copy_of("after")
    async with open_service(alone) as service:
        await service.define_skill(house(), actor)
        by_itself = await evolve_house(service, strategy=strategy)
        assert not by_itself.inherited
    async with open_service(after) as service:
        first = await evolve(service, strategy=strategy)
        offered = [line for line in await service.patterns() if line.offered]
        assert any(line.pattern.startswith("examples as turns") for line in offered)
        await service.define_skill(house(), actor)
        second = await evolve_house(service, strategy=strategy)
        fitness = (await service.fitness("house", second.version)).version
        told = (await service.history("house"))[0].sentence
    assert first.version == second.version == 2
    plan = _plan(after)
    shown = [shot["input"] for seed in plan["seeds"][1:] for shot in seed["demonstrations"]]
    assert shown
    assert all(text.startswith("Thing ") for text in shown)
    assert plan["priors"]
    assert _plan(alone)["lessons"] == []
    target = 0.8
    assert _tokens_to(target, entries(after)) < 0.7 * _tokens_to(target, entries(alone))
    assert second.inherited.startswith("First candidates from other skills: ")
    assert "examples as turns" in second.inherited
    assert "against production on the search examples it saw; version 2 " in second.inherited
    assert fitness is not None
    assert fitness.inherited == second.inherited
    assert second.inherited in told
    assert second.inherited in str(second)


async def test_a_replay_is_the_same_whatever_others_learnt_in_the_meantime(  # noqa: PLR0917  fixtures
    copy_of: Callable[[str], Path],
    open_service: Open,
    actor: Actor,
    evolve: Evolve,
    house: Callable[..., SkillDefinition],
    evolve_house: Evolve,
    journal: Callable[[Path], list[Any]],
) -> None:
    """Priors and first candidates are those that were known when the run began."""
    whole, stopped = copy_of("whole"), copy_of("stopped")
    for path in (whole, stopped):
        async with open_service(path) as service:
            await service.define_skill(house(), actor)
            await evolve(service, strategy="auto")
    async with open_service(whole) as service:
        assert (await evolve_house(service)).status == "finished"
    async with open_service(stopped, ScriptedModel(fail_at={25: ModelCrashed("gone")})) as service:
        run = await evolve_house(service)
    assert run.status == "paused"
    begun = _plan(stopped)
    async with open_service(stopped) as service:
        for name in ("cottage", "hut"):
            await service.define_skill(house(name=name, salt=name), actor)
            await evolve_house(service, skill=name)
        assert _plan(stopped)["priors"] != begun["priors"], "now more would be known"
        resumed = await evolve_house(service)
    assert (resumed.run_id, resumed.status) == (run.run_id, "finished")
    with closing(sqlite3.connect(stopped)) as db, db:
        # The newest run is the hut's; the journal compared is the house's.
        db.execute("PRAGMA foreign_keys = OFF")
        db.execute("DELETE FROM run_journal WHERE run_id != ?", [run.run_id])
        db.execute("DELETE FROM runs WHERE run_id != ?", [run.run_id])
    assert journal(stopped) == journal(whole)


async def test_the_form_of_a_named_skill_is_inherited_and_what_it_brought_is_told(  # noqa: PLR0917  fixtures
    database: Path,
    open_service: Open,
    actor: Actor,
    evolve: Evolve,
    house: Callable[..., SkillDefinition],
    evolve_house: Evolve,
) -> None:
    """Its production prompt, whatever made it; its examples and labels stay where they are."""
    async with open_service(database) as service:
        first = await evolve(service)
        await service.promote("tickets", first.version, "for the test", actor, force=True)
        report = await service.define_skill(house(inherit_from="tickets"), actor)
        assert report.outcome == "created"
        assert "it inherits from 'tickets'" in (await service.history("house"))[0].sentence
        second = await evolve_house(service)
        # A second run has its own production to begin with, and no more to inherit.
        third = await evolve_house(service, seed=2)
    assert " of 'tickets'" in second.inherited
    assert " of 'tickets'" not in third.inherited
    with closing(sqlite3.connect(database)) as db:
        (config,) = db.execute("SELECT config FROM runs WHERE run_id = ?", [second.run_id]).fetchone()
    lessons = [lesson for lesson in json.loads(config)["plan"]["lessons"] if lesson["skill"]]
    assert lessons
    told = json.dumps(lessons)
    assert not any(word in told for word in ("billing", "invoice", "Ticket"))


async def test_prompts_of_a_skill_that_quote_its_examples_stay_where_they_are(
    database: Path, open_service: Open, actor: Actor, house: Callable[..., SkillDefinition], evolve_house: Evolve
) -> None:
    """Also where the instruction itself holds them; the run says that there was nothing to take over."""
    quoting = house(name="old-house", prompt="Like Thing 3: trunk, cobweb, say where it goes.", examples=[])
    async with open_service(database) as service:
        await service.define_skill(quoting, actor)
        await service.define_skill(
            house(
                name="old-house",
                prompt=quoting.prompt,
                examples=[{"input": "Thing 3: trunk, cobweb", "expected": "attic"}],
            ),
            actor,
        )
        await service.define_skill(house(inherit_from="old-house"), actor)
        report = await evolve_house(service, generations=1)
    assert report.inherited == "Nothing of 'old-house' could be taken over."


async def test_a_prompt_that_quotes_a_complaint_is_not_inherited(
    database: Path, open_service: Open, actor: Actor, house: Callable[..., SkillDefinition], evolve_house: Evolve
) -> None:
    """It does not judge the version that it is about, but later ones, for which it must be unseen."""
    async with open_service(database) as service:
        await service.define_skill(house(name="old-house", examples=[]), actor)
        await service.define_skill(house(inherit_from="old-house"), actor)
        skill = await service.skill("house")
        texts = (f"Thing {number}: trunk, cobweb" for number in range(200, 300))
        text = next(text for text in texts if skill.split_of(Example(input=text)) is Split.GATE)
        quoting = house(name="old-house", prompt=f"Like {text}, say where it goes.", examples=[])
        told = await service.define_skill(quoting, actor)
        await service.promote("old-house", told.version, "for the test", actor, force=True)
        call = await service.run_skill("house", text)
        report = await service.record_outcome(call.call_id, actor, expected="attic")
        assert (report.example, report.split) == ("added", Split.GATE)
        assert (await evolve_house(service, generations=1)).inherited == "Nothing of 'old-house' could be taken over."


@pytest.mark.parametrize(
    ("source", "reason"),
    [("nobody", "inherit_from: no skill named 'nobody'; there are: tickets"), ("house", "names 'house' itself")],
)
async def test_inheriting_from_nobody_is_refused(  # noqa: PLR0917  fixtures
    source: str, reason: str, database: Path, open_service: Open, actor: Actor, house: Callable[..., SkillDefinition]
) -> None:
    """The message names the skills that there are, and nothing is stored."""
    async with open_service(database) as service:
        with pytest.raises(InvalidInput, match=reason):
            await service.define_skill(house(inherit_from=source), actor)
        assert [line.skill for line in await service.skills()] == ["tickets"]


async def test_to_inherit_after_the_first_run_is_too_late(  # noqa: PLR0917  fixtures
    database: Path,
    open_service: Open,
    actor: Actor,
    evolve: Evolve,
    ticket_skill: Callable[..., SkillDefinition],
    house: Callable[..., SkillDefinition],
) -> None:
    """It is said, and does no harm."""
    async with open_service(database) as service:
        await service.define_skill(house(), actor)
        await evolve(service)
        report = await service.define_skill(ticket_skill(inherit_from="house"), actor)
    assert report.warnings == ("inherit_from changes nothing any more: it is for the first run, and one has finished",)


async def test_a_pattern_that_was_offered_in_vain_loses_its_good_record(  # noqa: PLR0917  fixtures
    database: Path,
    open_service: Open,
    actor: Actor,
    evolve: Evolve,
    house: Callable[..., SkillDefinition],
    evolve_house: Evolve,
) -> None:
    """What helps on one skill and not on the next is not pressed on a third; its owner's record does not count."""
    async with open_service(database) as service:
        await evolve(service)
        won = {line.pattern: line for line in await service.patterns() if line.won}
        assert all((line.skills, line.offered) == (1, True) for line in won.values())

        await service.define_skill(house(), actor)
    stubborn = ScriptedModel(lambda _: "attic")
    stubborn.choose = _always_first  # type: ignore[method-assign]  # whatever it is shown
    async with open_service(database, stubborn) as service:
        second = await evolve_house(service)
        assert second.version is None
        assert "no version came of them" in second.inherited
        lines = {line.pattern: line for line in await service.patterns()}
        assert (await evolve_house(service, seed=2)).inherited == "", "what was tried here is known here"
    tried = [lines[name] for name in won if lines[name].skills == 2]
    assert tried
    assert all((line.won, line.offered) == (1, False) for line in tried)


async def _always_first(requests: Any) -> Any:  # noqa: ANN401  as the method that it stands in for
    from promptbreeder.models.base import Block, Choice  # noqa: PLC0415

    scores = tuple(-float(place) for place, _ in enumerate(requests[0].options))
    return Block(tuple(Choice(scores, 10) for _ in requests), 0)


async def test_skills_on_other_models_teach_nothing(
    database: Path, open_service: Open, actor: Actor, evolve: Evolve, house: Callable[..., SkillDefinition]
) -> None:
    """What is best on one family of models is not on another."""
    async with open_service(database) as service:
        await evolve(service)
        await service.define_skill(house(), actor)
    with closing(sqlite3.connect(database)) as db, db:
        db.execute("UPDATE patterns SET family = 'qwen2.5'")
        db.execute(
            'UPDATE runs SET config = replace(config, \'"model": "scripted"\', \'"model": "ollama:qwen2.5:3b"\')'
        )
    async with open_service(database) as service:
        report = await service.evolve(EvolveRequest.parse({"skill": "house", "generations": 1}), actor, wait_seconds=60)
    assert report.inherited == ""
    assert _plan(database)["priors"] == {}
