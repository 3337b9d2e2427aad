"""Whether evolving is worth it, said before anything is spent on it."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest

from promptbreeder.errors import InvalidInput, NotFound
from promptbreeder.models.base import Block, Choice, Choose, Generate, Reply
from promptbreeder.models.scripted import ScriptedModel
from promptbreeder.requests import Actor, SkillDefinition
from promptbreeder.results import Headroom
from promptbreeder.service import Service

pytestmark = pytest.mark.anyio
Likings = Callable[[Choose, int], tuple[float, ...]]
WORDS = ("invoice refund charge", "parcel courier doorstep", "crash login screen")
MANY = 180
"""Examples, so that there are 40 search examples."""


def right_of(request: Generate | Choose) -> int:
    """Return the place of the right label: that of the item's first word."""
    word = re.findall(r"Ticket \d+: (\w+)", request.messages[-1].content)[-1]
    return next(place for place, words in enumerate(WORDS) if word in words)


class Judge(ScriptedModel):
    """A model whose log-probabilities of the labels are given by a function; freely it says the likeliest."""

    def __init__(self, likings: Likings) -> None:
        super().__init__()
        self._likings = likings

    async def generate(self, requests: Sequence[Generate]) -> Block[Reply]:
        """Answer with the likeliest label."""
        self.calls += 1
        labels = ("billing", "delivery", "technical")
        answers = []
        for request in requests:
            logprobs = self._likings(Choose(request.messages, labels), right_of(request))
            answers.append(Reply(labels[logprobs.index(max(logprobs))], 10, 1))
        return Block(tuple(answers), 5)

    async def choose(self, requests: Sequence[Choose]) -> Block[Choice]:
        """Give the log-probabilities."""
        self.calls += 1
        return Block(tuple(Choice(self._likings(request, right_of(request)), 10) for request in requests), 5)


def blind(request: Choose, _: int) -> tuple[float, ...]:
    """Guess, whatever the prompt: there is nothing to find."""
    return tuple(Random(request.messages[-1].content.split("Ticket")[-1]).random() for _ in range(3))


def learns_from_examples(request: Choose, right: int) -> tuple[float, ...]:
    """Guess without demonstrations, and be nearly always right with them."""
    if len(request.messages) < 4:
        return blind(request, right)
    return tuple(1.0 if place == right else 0.0 for place in range(3))


def biased(_: Choose, right: int) -> tuple[float, ...]:
    """Know the answer, and say `billing` all the same: label bias is the whole problem."""
    return tuple((5.0 if place == 0 else 0.0) + (1.0 if place == right else 0.0) for place in range(3))


def good(request: Choose, right: int) -> tuple[float, ...]:
    """Be right."""
    del request
    return tuple(1.0 if place == right else 0.0 for place in range(3))


@pytest.fixture
def checked(
    tmp_path: Path,
    open_service: Callable[..., Service],
    ticket_skill: Callable[..., SkillDefinition],
    tickets: Callable[[int], list[dict[str, str]]],
    actor: Actor,
) -> Callable[..., object]:
    """Return a function that checks the ticket skill on a model with given likings."""

    async def check(model: ScriptedModel, **changes: object) -> Headroom:
        async with open_service(tmp_path / "x.db", model) as service:
            await service.define_skill(ticket_skill(examples=tickets(MANY), **changes), actor)
            return await service.headroom("tickets")

    return check


async def test_large_headroom_is_seen_early(checked: Callable[..., Any]) -> None:
    """Demonstrations help: it is clear after the ways of decoding and one list of examples."""
    found = await checked(Judge(learns_from_examples))
    assert (found.kind, found.worth_it, found.n) == ("room", True, 40)
    assert found.best - found.as_it_is > found.noise > 0.1
    assert found.tried <= 5
    assert found.best_by == "few-shot"
    assert found.verdict.startswith("Worth evolving")


async def test_no_headroom_is_said_after_a_dozen_variants(checked: Callable[..., Any]) -> None:
    """No prompt makes a guessing model better, and the best of a dozen by chance is not taken for more."""
    found = await checked(Judge(blind))
    assert (found.kind, found.worth_it, found.tried) == ("none", False, 12)
    assert 0 <= found.best - found.as_it_is <= found.noise
    assert "Probably not worth evolving" in str(found)
    assert f"a lead up to {found.noise:.2f} may be chance" in str(found)


async def test_label_bias_is_named_where_it_is_the_whole_problem(checked: Callable[..., Any]) -> None:
    """The model knows and says something else; that is seen from the ways of decoding alone."""
    model = Judge(biased)
    found = await checked(model)
    assert (found.kind, found.worth_it, found.tried) == ("decoding", True, 2)
    assert (found.favourite, found.favourite_share) == ("billing", 1.0)
    assert found.label_bias == pytest.approx(1 - found.as_it_is)
    assert (found.best, found.best_by) == (1.0, "calibrated decoding")
    assert "label bias" in found.verdict
    assert "nothing else is needed" in found.verdict
    # As it is and choosing, three blocks each: calibrated answers come from the same log-probabilities.
    assert model.calls == 6


async def test_a_prompt_longer_than_searches_write_is_checked_all_the_same(checked: Callable[..., Any]) -> None:
    """Its text may stay as it is, and what is shown with it may not."""
    found = await checked(Judge(learns_from_examples), prompt="Which queue is it? " * 80)
    assert (found.kind, found.best_by) == ("room", "few-shot")


async def test_labels_in_other_letters_are_the_same_labels(checked: Callable[..., Any]) -> None:
    """Examples say `billing`, the list of labels `Billing`: what is given is compared with what is right."""
    found = await checked(Judge(biased), labels=("Billing", "Delivery", "Technical"))
    assert found.favourite == "Billing"
    assert found.label_bias == pytest.approx(2 / 3, abs=0.1)


async def test_where_decoding_is_fixed_label_bias_is_no_hope(checked: Callable[..., Any]) -> None:
    """A skill whose prompt must work as text gets no verdict that its settings do not allow."""
    found = await checked(Judge(biased), settings={"allowed_decoding": ["free"]})
    assert (found.kind, found.favourite, found.label_bias) == ("none", "billing", pytest.approx(2 / 3, abs=0.1))


async def test_a_solved_skill_costs_one_prompt(checked: Callable[..., Any]) -> None:
    """Nothing else is tried."""
    found = await checked(Judge(good))
    assert (found.kind, found.worth_it, found.tried) == ("solved", False, 0)


async def test_few_examples_are_refused_with_what_to_do(
    tmp_path: Path,
    open_service: Callable[..., Service],
    ticket_skill: Callable[..., SkillDefinition],
    tickets: Callable[[int], list[dict[str, str]]],
    actor: Actor,
) -> None:
    """Nothing can be told from a handful."""
    async with open_service(tmp_path / "x.db") as service:
        await service.define_skill(ticket_skill(examples=tickets(9)), actor)
        with pytest.raises(InvalidInput, match="a headroom check needs 8"):
            await service.headroom("tickets")


async def test_asked_for_with_fitness_it_measures_nothing_on_the_gate(service: Service, reader: ScriptedModel) -> None:
    """It takes as long as it says, however large the gate is; what was measured there before is shown."""
    found = (await service.fitness("tickets", headroom=True)).version
    assert found is not None
    assert (found.gate, found.headroom) == (None, str(await service.headroom("tickets")))
    assert found.verdict == (
        "In production; only what was measured before is shown: get_fitness('tickets') measures and shows the rest."
    )
    gate = {example.input for example in (await service.examples("tickets", split="gate")).examples}
    search = {example.input for example in (await service.examples("tickets", split="search")).examples}
    asked = {request.messages[-1].content for request in reader.requests}
    assert (gate & asked, search - asked) == (set(), set())
    measured = (await service.fitness("tickets")).version
    again = (await service.fitness("tickets", 1, headroom=True)).version
    assert measured is not None
    assert again is not None
    assert again.gate == measured.gate is not None


@pytest.mark.parametrize(
    ("skill", "version", "reason"),
    [
        (None, None, "name the skill, and no other version"),
        ("tickets", 2, "name the skill, and no other version"),
        ("nobody", None, "no skill named 'nobody'"),
        ("tone", None, "judged by votes alone"),
    ],
)
@pytest.mark.usefixtures("better")
async def test_what_cannot_be_checked_is_refused_before_anything_is_measured(
    service: Service, reader: ScriptedModel, actor: Actor, *, skill: str | None, version: int | None, reason: str
) -> None:
    """Nobody waits for the gate of a version first, to learn then that the arguments do not fit."""
    tone = {"name": "tone", "description": "d", "prompt": "p", "metric": "preference"}
    await service.define_skill(SkillDefinition.parse(tone), actor)
    with pytest.raises((InvalidInput, NotFound), match=reason):
        await service.fitness(skill, version, headroom=True)
    assert reader.calls == 0


async def test_fitness_shows_the_last_check_and_makes_none_by_itself(
    service: Service,
    reader: ScriptedModel,
    actor: Actor,
    ticket_skill: Callable[..., SkillDefinition],
    tickets: Callable[..., list[dict[str, str]]],
) -> None:
    """Until it is of another version or of other examples; then it says how to make one."""

    async def told(version: int | None = None, *, check: bool = False) -> str | None:
        found = (await service.fitness("tickets", version, headroom=check)).version
        assert found is not None
        return found.headroom

    unchecked = await told()
    assert unchecked is not None
    assert "promptbreeder-mcp headroom tickets" in unchecked
    said = await told(check=True)
    assert said == str(await service.headroom("tickets"))
    calls = reader.calls
    assert await told() == said
    assert reader.calls == calls
    await service.add_examples("tickets", ticket_skill(examples=tickets(90, 90)).examples, actor)
    assert await told() == unchecked
    await service.headroom("tickets")
    version = (await service.define_skill(ticket_skill(prompt="Another one.", examples=[]), actor)).version
    assert await told(version) is None
    await service.promote("tickets", version, "a test", actor, force=True)
    assert await told() == unchecked
