"""Candidates handed in: how they enter a run, and what is said of them."""

import hashlib
import json
import re
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from promptbreeder.errors import Conflict, ModelCrashed
from promptbreeder.models.base import Block, Choice, Choose
from promptbreeder.models.scripted import ScriptedModel
from promptbreeder.prompt import Decoding, Prompt
from promptbreeder.requests import Actor, SkillDefinition
from promptbreeder.results import BriefedRun
from promptbreeder.service import Service

pytestmark = pytest.mark.anyio
BETTER = "Sort this message by what its sender needs repaired, paid or brought."
CROSSED, IMMIGRANT = "immigrant-crossed", "immigrant"
TOO_MANY = tuple(
    f"As clerk number {number} of a large and busy shop, name the one queue that is to take care of this message."
    for number in range(40)
)


def shows(instruction: str, request: Any) -> tuple[bool, bool]:  # noqa: ANN401  of the executor or the writer
    """Tell whether a request holds an instruction, and whether it shows demonstrations."""
    text = " ".join(message.content for message in request.messages)
    return instruction in text, len(re.findall(r"Ticket \d+:", text)) > 1


class Discerning(ScriptedModel):
    """A model that a better instruction helps less than demonstrations, and both together most."""

    async def choose(self, requests: Sequence[Choose]) -> Block[Choice]:
        """Answer rightly on a share of the items, the same ones whenever a request of that kind asks."""
        answered = await super().choose(requests)
        return Block(tuple(map(self._judged, requests, answered.answers)), answered.prefix_tokens)

    def _judged(self, request: Choose, choice: Choice) -> Choice:
        number, word = re.findall(r"Ticket (\d+): (\w+)", request.messages[-1].content)[-1]
        right = ("invoice refund charge", "parcel courier doorstep", "crash login screen")
        label = next(index for index, words in enumerate(right) if word in words)
        share = {(False, False): 0.45, (False, True): 0.7, (True, False): 0.6, (True, True): 0.9}
        luck = int(hashlib.sha256(number.encode()).hexdigest()[:8], 16) / 2**32
        best = label if luck < share[shows("by what its sender needs", request)] else (label + 1) % 3
        return Choice(tuple(-0.1 if index == best else -3.0 for index in range(3)), choice.prompt_tokens)


@pytest.fixture
async def many(
    tmp_path: Path,
    open_service: Callable[..., Service],
    ticket_skill: Callable[..., SkillDefinition],
    tickets: Callable[..., Any],
    actor: Actor,
) -> Path:
    """Return a database whose skill has so many examples that a prompt is looked at before it is known in full."""
    async with open_service(tmp_path / "many.db") as service:
        await service.define_skill(
            ticket_skill(examples=tickets(160), settings={"allowed_decoding": ["constrained"]}), actor
        )
    return tmp_path / "many.db"


def told(path: Path) -> dict[str, tuple[str, list[str]]]:
    """Return operator and parents of every unit with the better instruction, as it was first, by content hash."""
    with closing(sqlite3.connect(path)) as db:
        rows = db.execute(
            "SELECT content_hash, operator, parents FROM units WHERE instruction = ? ORDER BY generation DESC", [BETTER]
        )
        return {content_hash: (operator, json.loads(parents)) for content_hash, operator, parents in rows.fetchall()}


@pytest.mark.parametrize("moment", ["start", "later"])
@pytest.mark.parametrize("strategy", ["auto", "opro", "promptbreeder"])
async def test_a_better_instruction_gets_the_demonstrations_of_the_best_prompt(
    strategy: str, moment: str, many: Path, open_service: Callable[..., Service], evolve: Callable[..., Any]
) -> None:
    """Given at the start or handed in later: alone it loses to whatever shows demonstrations, and is never seen again.

    Where it comes from is told: of the prompt whose demonstrations it has, and of itself.
    """
    population = None if strategy == "opro" else 20
    changes = {"strategy": strategy, "population": population, "generations": 6, "budget_tokens": 40_000}
    model = Discerning(fail_at={20: ModelCrashed("gone")} if moment == "later" else {})
    async with open_service(many, model) as service:
        report = await evolve(service, **changes, candidates=[BETTER] if moment == "start" else [])
        if moment == "later":
            report = await evolve(service, run_id=report.run_id, candidates=[BETTER])
    assert report.best is not None
    assert (True, True) in [shows(BETTER, request) for request in model.requests]
    assert ("by what its sender needs" in report.best.prompt, report.best.demonstrations > 0) == (True, True)
    if strategy != "promptbreeder":
        # That tells of a generation when its tournaments are over, and of no loser.
        bare = Prompt(instruction=BETTER, decoding=Decoding.CONSTRAINED).content_hash
        ((leader, guest),) = [parents for operator, parents in told(many).values() if operator == CROSSED]
        assert guest == bare
        assert leader != bare


async def test_a_guest_is_crossed_once_and_only_with_a_prompt_that_shows_demonstrations(
    many: Path, open_service: Callable[..., Service], evolve: Callable[..., Any], entries: Callable[..., Any]
) -> None:
    """The same candidate again, and production's own text, bring nothing new to measure."""
    production = "Which queue does this ticket belong to?"
    candidates = {"candidates": [BETTER, production]}
    async with open_service(many, Discerning(fail_at={20: ModelCrashed("gone")})) as service:
        run = await evolve(service, population=20, generations=4, **candidates)
        await evolve(service, run_id=run.run_id, **candidates)
    arrived = [entry["answer"] for entry in entries(many) if entry["kind"] == "immigrants"]
    crossed = [prompt for answer in arrived for prompt in answer["prompts"] if prompt["demonstrations"]]
    assert [prompt["instruction"] for prompt in crossed] == [BETTER]


async def test_a_journal_from_before_guests_were_crossed_goes_on(
    many: Path, open_service: Callable[..., Service], evolve: Callable[..., Any], entries: Callable[..., Any]
) -> None:
    """What it holds is replayed as it was; the crossed form comes with the next answer."""
    async with open_service(many, Discerning(fail_at={40: ModelCrashed("gone")})) as service:
        run = await evolve(service, population=20, generations=4, candidates=[BETTER])
    with closing(sqlite3.connect(many)) as db:
        # As it would be if nothing had come with the first answer, and nothing had been asked since.
        (first,) = db.execute("SELECT min(n) FROM run_journal WHERE ask_kind = 'immigrants'").fetchone()
        db.execute("DELETE FROM run_journal WHERE n > ?", [first])
        db.execute(
            "UPDATE run_journal SET answer = json_set(json_remove(answer, '$.answer.parents'), '$.answer.prompts', "
            "json('[]')) WHERE n = ?",
            [first],
        )
        db.commit()
    async with open_service(many, Discerning()) as service:
        assert (await evolve(service, run_id=run.run_id)).status == "finished"
    arrived = [entry["answer"] for entry in entries(many) if entry["kind"] == "immigrants"]
    assert arrived[0]["prompts"] == []
    assert [prompt["instruction"] for prompt in arrived[1]["prompts"]] == [BETTER]


async def test_what_became_of_the_candidates_is_told_as_text_and_as_data(
    many: Path, open_service: Callable[..., Service], evolve: Callable[..., Any]
) -> None:
    """That they were taken in, at once; then how many were measured and how the best did, beside production."""
    async with open_service(many, Discerning(fail_at={20: ModelCrashed("gone")})) as service:
        begun = await evolve(service, population=20, generations=3)
        assert begun.candidates is None
        assert "Candidates" not in str(begun)
        taken = await evolve(service, run_id=begun.run_id, candidates=[BETTER, BETTER, "Name it."], wait=0)
        assert (taken.candidates.handed_in, taken.candidates.measured, taken.candidates.unmeasured) == (2, 0, 2)
        assert "Candidates: 2 handed in, 0 measured, 2 waiting." in str(taken)
        ended: BriefedRun = await service.get_run(begun.run_id, wait_seconds=60, brief=True)
    assert ended.candidates is not None
    assert (ended.candidates.handed_in, ended.candidates.measured, ended.candidates.unmeasured) == (2, 2, 0)
    best, baseline = ended.candidates.best, ended.candidates.baseline
    assert best is not None
    assert baseline is not None
    assert best > baseline + 0.3
    assert f"best {best:.2f} on {ended.candidates.examples} search examples (production {baseline:.2f})" in str(ended)
    assert ended.brief is not None
    # Both as they are against production; the crossed forms against the prompt whose demonstrations they have.
    assert ended.brief.tried[IMMIGRANT].endswith("/2")
    assert CROSSED in ended.brief.tried


async def test_candidates_given_at_the_start_are_among_what_was_tried(
    many: Path, open_service: Callable[..., Service], evolve: Callable[..., Any]
) -> None:
    """They are told of as seeds, but are somebody's attempt like those that come later."""
    async with open_service(many, Discerning()) as service:
        run = await evolve(service, population=20, generations=1, candidates=[BETTER])
        brief = (await service.get_run(run.run_id, brief=True)).brief
    assert brief is not None
    assert brief.tried[IMMIGRANT] == "1/1"


@pytest.mark.parametrize(("strategy", "population"), [("auto", 6), ("edits", 6), ("opro", None)])
async def test_candidates_that_the_budget_did_not_reach_are_counted(  # noqa: PLR0917  fixtures
    strategy: str,
    population: int | None,
    many: Path,
    open_service: Callable[..., Service],
    evolve: Callable[..., Any],
    entries: Callable[..., Any],
) -> None:
    """Whether they were taken by the search or not: they have no result, and must not vanish in silence."""
    async with open_service(many) as service:
        report = await evolve(
            service,
            strategy=strategy,
            population=population,
            generations=None,
            budget_tokens=5_000,
            candidates=list(TOO_MANY),
        )
    results = {result["prompt"] for entry in entries(many) for result in entry["results"]}
    bare = [Prompt(instruction=text, decoding=Decoding.CONSTRAINED).content_hash for text in TOO_MANY]
    left = sum(content_hash not in results for content_hash in bare)
    assert 0 < left < len(TOO_MANY)
    assert f"{left} of the candidates handed in could not be measured before the search ended" in report.verdict
    assert report.candidates is not None
    assert (report.candidates.unmeasured, report.candidates.measured) == (left, len(TOO_MANY) - left)
    assert f"{left} not measured" in str(report)


async def test_a_run_that_is_to_be_cancelled_takes_no_candidates_and_invites_none(
    database: Path, open_service: Callable[..., Service], evolve: Callable[..., Any]
) -> None:
    """Whoever drove it is gone, so that it has not ended yet; but nothing that is handed in now would be tried."""
    async with open_service(database, ScriptedModel(fail_at={4: ModelCrashed("gone")})) as service:
        run = await evolve(service)
        with closing(sqlite3.connect(database)) as db:
            db.execute("UPDATE runs SET cancel_requested = 1")
            db.commit()
        with pytest.raises(Conflict, match="was cancelled: it takes no candidates"):
            await evolve(service, run_id=run.run_id, candidates=[BETTER])
        brief = (await service.get_run(run.run_id, brief=True)).brief
    assert brief is not None
    assert "was cancelled: evolve_prompt(skill='tickets', candidates=[...], seed=another)" in brief.answer_with
    with closing(sqlite3.connect(database)) as db:
        assert db.execute("SELECT count(*) FROM immigrants").fetchone() == (0,)
