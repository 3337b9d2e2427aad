"""What a run's questions cost: nothing where the answer is known to be of no use."""

import pytest

from promptbreeder.evaluation.cached import CachedModel
from promptbreeder.evaluation.evaluator import Evaluator
from promptbreeder.evaluation.meter import Meter
from promptbreeder.evaluation.metrics import metric_of
from promptbreeder.evolution.asks import Measure
from promptbreeder.models.scripted import ScriptedModel
from promptbreeder.prompt import Demonstration, Prompt
from promptbreeder.runs.answering import Answering, Material
from promptbreeder.runs.ledger import BlockResult, Ledger
from promptbreeder.runs.plan import Plan
from promptbreeder.skill import Example, Skill

pytestmark = pytest.mark.anyio
INCUMBENT, LEADER, LOSER = (Prompt(instruction=text) for text in ("as it is", "the best", "the worst"))
SEARCH = tuple(tuple(Example(input=f"{block} {n}", expected="yes") for n in range(10)) for block in range(2))


class Forgetful:
    """A cache that keeps nothing."""

    async def get(self, key: str) -> None:
        """Know nothing."""

    async def put(self, key: str, value: str) -> None:
        """Keep nothing."""


@pytest.fixture
def ledger() -> Ledger:
    """Return a ledger in which one prompt is measured on both blocks and another has lost all of the first to it."""
    skill = Skill(name="s", description="d", model="m", salt="s", metric="exact")
    fields = {"skill": skill, "seeds": (INCUMBENT,), "incumbent": 1, "strategy": "auto", "profile": "p", "seed": 1}
    limits = {
        "token_limit": 1,
        "call_limit": 1,
        "seconds_limit": 1,
        "read_rate": 1_000,
        "write_rate": 100,
        "preference": 0.5,
    }
    ids = {"train_ids": (), "search_ids": (), "gate_ids": (), "executor": "e", "writer": "w"}
    made = Ledger(Plan.model_validate({**fields, **limits, **ids}), len(SEARCH))
    made.enter([INCUMBENT, LEADER, LOSER])
    for prompt, block, score in ((LEADER, 0, 1.0), (LEADER, 1, 1.0), (LOSER, 0, 0.0)):
        scores = (score,) * len(SEARCH[block])
        made.record([BlockResult(prompt=prompt.content_hash, block=block, scores=scores, unparsable=0, seconds=0.1)])
    return made


def answering_of(ledger: Ledger, meter: Meter) -> Answering:
    """Return what asks a scripted model."""
    model = CachedModel(ScriptedModel(), Forgetful())
    return Answering(
        evaluator=Evaluator(model, labels=(), max_answer_tokens=5, calibration=(), known=()),
        writer=model,
        metric=metric_of(Skill(name="s", description="d", model="m", salt="s", metric="exact")),
        material=Material(train=(), search=SEARCH, gate=()),
        ledger=ledger,
        meter=meter,
    )


@pytest.mark.parametrize(("race", "calls"), [(True, 0), (False, 10)])
async def test_going_on_with_a_prompt_that_has_lost_its_race_costs_nothing(
    ledger: Ledger, *, race: bool, calls: int
) -> None:
    """In a race nothing is measured and its score stays incomplete, so that it cannot win; asked for plainly, it is."""
    meter = Meter()
    answering = answering_of(ledger, meter)
    measured, results, exhausted = await answering.measure(Measure(prompts=(LOSER,), blocks=(1,), race=race))
    assert (meter.used.calls, len(results), exhausted) == (calls, calls // 10, False)
    assert measured.scores[0].complete is not race
    winner = ledger.winner()
    assert winner is not None
    assert winner[0] == LEADER


async def test_a_prompt_too_long_for_the_model_is_not_fitter_for_giving_no_answer(ledger: Ledger) -> None:
    """Of two that are never right the one that answers is the fitter one: no answer counts as the slowest.

    Catches a failed item that counts as answered in no time.
    """
    short = Prompt(instruction="Name it.")
    long = short.but(demonstrations=(Demonstration(input="very " * 6_000, output="long"),))
    measured, _, _ = await answering_of(ledger, Meter()).measure(Measure(prompts=(short, long), blocks=(0, 1)))
    answered, failed = measured.scores
    assert (answered.accuracy, failed.accuracy, failed.unparsable) == (0.0, 0.0, 20)
    assert failed.fitness < answered.fitness
