"""Bundles: what comes in is what was exported, or nothing comes in."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from promptbreeder.errors import Conflict, InvalidInput
from promptbreeder.models.scripted import ScriptedModel
from promptbreeder.prompt import Decoding, Demonstration, Prompt, content_hash
from promptbreeder.requests import Actor
from promptbreeder.service import Service

from .conftest import first_word_or_billing

pytestmark = pytest.mark.anyio


@pytest.fixture
async def bundle(service: Service, better: int, actor: Actor) -> dict[str, Any]:
    """Return the ticket skill with two versions, the second in production, as it is read from a file."""
    await service.promote("tickets", better, "it is right", actor)
    bundle: dict[str, Any] = json.loads(json.dumps(await service.export("tickets")))
    return bundle


@pytest.fixture
async def elsewhere(tmp_path: Path, open_service: Callable[..., Service]) -> Any:  # noqa: ANN401
    """Yield a service over an empty database."""
    async with open_service(tmp_path / "elsewhere.db", ScriptedModel(first_word_or_billing)) as opened:
        yield opened


def sealed(bundle: dict[str, Any]) -> dict[str, Any]:
    """Return a changed bundle with hashes that fit."""
    for version in bundle["versions"]:
        version["content_hash"] = content_hash(version["prompt"])
    return {**bundle, "hash": content_hash({name: value for name, value in bundle.items() if name != "hash"})}


async def test_a_skill_is_the_same_on_the_other_side(
    elsewhere: Service, service: Service, bundle: dict[str, Any], actor: Actor
) -> None:
    """Versions under their numbers, splits, settings, production; it runs, is measured and rolls on as before."""
    report = await elsewhere.import_bundle(bundle, actor)
    assert (report.outcome, report.version, report.production, report.added) == ("created", 2, 2, 90)
    assert report.warnings == ()
    assert report.examples == (await service.examples("tickets")).counts
    assert await elsewhere.skill("tickets") == await service.skill("tickets")
    there, here = await elsewhere.versions("tickets"), await service.versions("tickets")
    assert [view.model_copy(update={"origin": "human"}) for view in there] == list(here)
    assert {view.origin for view in there} == {"import"}
    assert (await elsewhere.run_skill("tickets", "parcel")).answer == "delivery"
    found = (await elsewhere.fitness("tickets")).version
    assert found is not None
    assert found.gate is not None
    assert found.gate.accuracy == 1.0
    assert [line.kind for line in await elsewhere.history("tickets")] == ["import", "create"]
    assert all(finding.ok for finding in await elsewhere.doctor())


async def test_a_skill_of_that_name_is_a_conflict(
    service: Service, bundle: dict[str, Any], actor: Actor, stored: Callable[[], list[str]]
) -> None:
    """Nothing is added to it."""
    before = stored()
    with pytest.raises(Conflict, match="there is a skill 'tickets' already"):
        await service.import_bundle(bundle, actor)
    assert stored() == before


Change = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda b: b["versions"][1]["prompt"].update(instruction="Obey."), "version 2 in the bundle is not the one"),
        (lambda b: b["versions"][0].update(content_hash="0" * 64), "version 1 in the bundle is not the one"),
        (lambda b: b["examples"][3].update(expected="billing", input="new"), "changed since it was exported"),
        (lambda b: b["examples"].pop(), "changed since it was exported"),
        (lambda b: b.update(production=1), "changed since it was exported"),
        (lambda b: b.update(name="other"), "changed since it was exported"),
        (lambda b: b.update(hash=""), "changed since it was exported"),
        (lambda b: b.pop("hash"), "hash: Field required"),
        (lambda b: b.pop("salt"), "changed since it was exported"),
        (lambda b: b.update(versions=[]), "versions: Tuple should have at least 1 item"),
        (lambda b: b.update(versions="all"), "versions: Input should be a valid tuple"),
        (lambda b: b["versions"][0].update(prompt=7), "versions.0.prompt: Input should be a valid dictionary"),
        (lambda b: b["versions"][0].update(colour="red"), "versions.0.colour: unknown; leave it out"),
        (lambda b: b["versions"][0].update(created_at="yesterday"), "versions.0.created_at: Input should be a valid"),
        (
            lambda b: b["versions"][0].update(created_at="0001-01-01T00:00:00+14:00"),
            "created_at: Input should be greater",
        ),
        (lambda b: b["versions"][0]["prompt"].update(instruction="\ud800"), "lone surrogates"),
        (lambda b: b.update(description="\ud800 d"), "lone surrogates"),
    ],
)
async def test_a_bundle_that_was_changed_is_refused(
    elsewhere: Service, bundle: dict[str, Any], actor: Actor, change: Change, reason: str
) -> None:
    """Whatever was changed; the message names the version where it is one, and what to do."""
    change(bundle)
    with pytest.raises(InvalidInput, match=reason):
        await elsewhere.import_bundle(bundle, actor)
    assert await elsewhere.skills() == ()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda b: b["versions"][1].update(version=3), "not numbered from 1 on"),
        (lambda b: b["versions"].reverse(), "not numbered from 1 on"),
        (lambda b: b["versions"][1].update(prompt=b["versions"][0]["prompt"]), "two of its versions are the same"),
        (lambda b: b["versions"][0].update(parents=[2]), "a parent that comes after it"),
        (lambda b: b["versions"][0].update(parents=[0]), "a parent that comes after it"),
        (lambda b: b.update(production=9), "production is none of its versions"),
        (
            lambda b: b["versions"][0].update(calibration={"fingerprint": "f", "prior": [0.1]}),
            "a calibration does not fit its labels",
        ),
        (lambda b: b["versions"][0]["prompt"].update(instruction="a\0b"), "version 1 in the bundle holds control"),
        (lambda b: b["versions"][0]["prompt"].update(instruction="x" * 8_001), "at most 8000 characters"),
        (lambda b: b["versions"][0]["prompt"].update(tone="kind"), "no prompt of this version of promptbreeder-mcp"),
        (lambda b: b["versions"][0]["prompt"].update(decoding="luck"), "decoding: Input should be"),
        (lambda b: b["examples"][0].update(expected="sales"), "not among the labels"),
        (lambda b: b.update(name="../../etc"), "is not a skill name"),
        (lambda b: b.pop("description"), "description: must not be empty"),
        (lambda b: b.update(model="steam"), "there is no model steam"),
    ],
)
async def test_a_bundle_that_was_made_by_hand_must_hold_together(
    elsewhere: Service, bundle: dict[str, Any], actor: Actor, change: Change, reason: str
) -> None:
    """Hashes can be computed by anybody: they show accidents, and the rest is checked like everything from outside."""
    change(bundle)
    with pytest.raises(Exception, match=reason) as refused:
        await elsewhere.import_bundle(sealed(bundle), actor)
    assert type(refused.value).__module__ == "promptbreeder.errors"
    assert await elsewhere.skills() == ()


async def test_an_example_that_a_version_demonstrates_does_not_enter_the_gate(
    elsewhere: Service, bundle: dict[str, Any], actor: Actor
) -> None:
    """Else a bundle could bring a prompt along that knows the answers."""
    gate = [example for example in bundle["examples"] if example["split"] == "gate"]
    shots = tuple(Demonstration(input=e["input"].upper(), output=e["expected"]) for e in gate[:4])
    cheating = Prompt(instruction="Look it up.", demonstrations=shots, decoding=Decoding.FREE)
    third = {**copy.deepcopy(bundle["versions"][0]), "version": 3, "prompt": cheating.model_dump(mode="json")}
    bundle["versions"].append(third)
    report = await elsewhere.import_bundle(sealed(bundle), actor)
    assert report.examples.gate == len(gate) - 4
    assert report.warnings == (
        "examples that a version demonstrates, moved to the train split, since they are not unseen: 4",
    )
