"""Production decodes in a way that the skill allows no more: it is measured as it is, and no candidate does as it."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from promptbreeder.models.base import Choose
from promptbreeder.models.scripted import ScriptedModel
from promptbreeder.prompt import Decoding, Demonstration, Prompt
from promptbreeder.requests import Actor, EvolveRequest, SkillDefinition
from promptbreeder.results import RunReport
from promptbreeder.service import Service

pytestmark = pytest.mark.anyio
NEEDS_OPTUNA = pytest.mark.skipif(find_spec("optuna") is None, reason="Optuna is not installed")
SHOTS = (("invoice, refund", "billing"), ("parcel, courier", "delivery"), ("crash, login", "technical"))
PRODUCTION = Prompt(
    instruction="Read the ticket and name its queue.",
    demonstrations=tuple(Demonstration(input=text, output=label) for text, label in SHOTS),
    decoding=Decoding.CALIBRATED,
)


def model() -> ScriptedModel:
    """Return a model that chooses among labels well, and hardly ever writes one."""
    return ScriptedModel(lambda request: "billing" if "refund" in request.messages[-1].content else "none of these")


def chosen_with(asked: ScriptedModel) -> list[str]:
    """Return the different beginnings of what the model was asked to choose a label for."""
    return list({str(request.messages[:-1]): None for request in asked.requests if isinstance(request, Choose)})


@pytest.fixture
def evolve_free(
    ticket_skill: Callable[..., SkillDefinition], evolved: Callable[..., Any], actor: Actor
) -> Callable[..., Any]:
    """Return a function that puts a calibrated prompt in production, then allows free answers only, then evolves."""

    async def run(service: Service, *, strategy: str = "auto", **changes: object) -> RunReport:
        await service.promote("tickets", await evolved(service, PRODUCTION), "it is good", actor, force=True)
        free = {"settings": {"allowed_decoding": ["free"]}}
        await service.define_skill(ticket_skill(examples=[], **free, **changes), actor)
        request = {"skill": "tickets", "strategy": strategy, "budget_tokens": 20_000}
        return await service.evolve(EvolveRequest.parse(request), actor, wait_seconds=60)

    return run


@pytest.mark.parametrize(
    "strategy",
    [
        *("auto", "promptbreeder", "evoprompt-ga", "evoprompt-de", "opro", "edits"),
        pytest.param("mipro", marks=NEEDS_OPTUNA),
    ],
)
async def test_no_candidate_decodes_in_a_way_that_is_not_allowed(
    strategy: str, database: Path, open_service: Callable[..., Service], evolve_free: Callable[..., Any]
) -> None:
    """Labels are chosen among for production only, which is what is to be beaten; the search ends as any other.

    Catches children that inherit production's decoding, and win a gate whose answers nobody may take like that.
    """
    asked = model()
    async with open_service(database, asked) as service:
        report = await evolve_free(service, strategy=strategy)
    assert report.status == "finished"
    assert report.version is None
    assert (report.baseline or 0) > 0.9
    assert chosen_with(asked) == [str(PRODUCTION.render("")[:-1])]


async def test_what_other_skills_teach_is_tried_under_an_allowed_decoding(
    database: Path,
    open_service: Callable[..., Service],
    evolve_free: Callable[..., Any],
    ticket_skill: Callable[..., SkillDefinition],
    actor: Actor,
) -> None:
    """The other's instruction comes with production's layout, and not with its decoding."""
    asked = model()
    async with open_service(database, asked) as service:
        await service.define_skill(ticket_skill(name="mail", prompt="Who takes care of this letter?"), actor)
        report = await evolve_free(service, inherit_from="mail")
    assert report.status == "finished"
    assert "instruction of 'mail'" in report.inherited
    assert chosen_with(asked) == [str(PRODUCTION.render("")[:-1])]
