"""The three ways of taking an answer, and prompts of two steps."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from promptbreeder.errors import InvalidInput
from promptbreeder.evaluation.cached import CachedModel
from promptbreeder.evaluation.evaluator import MAX_WORKING_TOKENS, Evaluator
from promptbreeder.evaluation.meter import Meter
from promptbreeder.models.base import Block, Choice, Choose, Generate
from promptbreeder.models.scripted import ScriptedModel
from promptbreeder.prompt import Decoding, Prompt

pytestmark = pytest.mark.anyio
LABELS = ("up", "down")
CALIBRATION = (("c1", "d2"), ("c3", "d4"))
KNOWN = ("up", "down")


class Biased(ScriptedModel):
    """Prefers `up` by 2 to everything; only `d...` inputs lean towards `down`, by 1; fails on `long...`."""

    async def choose(self, requests: Sequence[Choose]) -> Block[Choice]:
        """Score by the input's first letter."""
        self._begin(requests)
        answers = []
        for request in requests:
            text = request.messages[-1].content
            failed = text.startswith("long")
            scores = () if failed else (-1.0, -2.0 if text.startswith("d") else -3.0)
            answers.append(Choice(scores, 0 if failed else 10, failure="too long" if failed else None))
        return Block(tuple(answers), 4)


@pytest.fixture
def evaluator(cached: Callable[..., CachedModel]) -> Callable[..., Evaluator]:
    """Return a maker of evaluators for the two labels."""

    def make(model: ScriptedModel, labels: tuple[str, ...] = LABELS) -> Evaluator:
        return Evaluator(cached(model), labels=labels, max_answer_tokens=5, calibration=CALIBRATION, known=KNOWN)

    return make


async def test_free_decoding_takes_what_is_written(evaluator: Callable[..., Evaluator]) -> None:
    """Greedily, within the skill's limit, and whatever it is."""
    model = ScriptedModel(lambda _: "neither up nor down I am afraid")
    (answer,) = await evaluator(model).answer(Prompt(instruction="?"), ["x"], Meter())
    assert (answer.text, answer.logprobs, answer.completion_tokens) == ("neither up nor down I", (), 5)
    request = model.requests[0]
    assert isinstance(request, Generate)
    assert (request.sampling.temperature, request.sampling.max_tokens) == (0, 5)


async def test_constrained_decoding_takes_the_likeliest_label(evaluator: Callable[..., Evaluator]) -> None:
    """Nothing but a label can come out, and the raw log-probabilities come with it."""
    prompt = Prompt(instruction="?", decoding=Decoding.CONSTRAINED)
    answers = await evaluator(Biased()).answer(prompt, ["u", "d", "long"], Meter())
    assert [answer.text for answer in answers] == ["up", "up", ""]
    assert answers[1].logprobs == (-1.0, -2.0)
    assert answers[1].fresh_tokens == 10 - 4
    assert answers[2].failure == "too long"


async def test_calibrated_decoding_makes_labels_as_frequent_as_they_are(evaluator: Callable[..., Evaluator]) -> None:
    """The bias that all inputs share goes, and what an input adds to it decides."""
    model, prompt = Biased(), Prompt(instruction="?", decoding=Decoding.CALIBRATED)
    answers = await evaluator(model).answer(prompt, ["u", "d"], Meter())
    assert [answer.text for answer in answers] == ["up", "down"]
    assert answers[1].logprobs == (-1.0, -2.0)
    assert [request.messages[-1].content for request in model.requests] == ["c1", "d2", "u", "d"]


async def test_a_calibration_block_is_calibrated_on_itself(evaluator: Callable[..., Evaluator]) -> None:
    """Each of its items is asked once, whichever of the blocks it is, and no item of another block at all."""
    model, meter = Biased(), Meter()
    answers = await evaluator(model).answer(Prompt(instruction="?", decoding=Decoding.CALIBRATED), ["c3", "d4"], meter)
    assert [answer.text for answer in answers] == ["up", "down"]
    assert {request.messages[-1].content for request in model.requests} == {"c3", "d4"}
    assert (meter.used.calls, meter.used.cache_hits) == (2, 0)


async def test_the_likelihood_of_the_expected_label_comes_with_the_choice(evaluator: Callable[..., Evaluator]) -> None:
    """Among all labels, without the bias where the prompt takes it out; no further call, and none for free answers."""
    model, meter = Biased(), Meter()
    known = evaluator(model)
    (raw,) = await known.answer(Prompt(instruction="?", decoding=Decoding.CONSTRAINED), ["d"], meter)
    assert known.likelihood(raw, "Down") == pytest.approx(-2 - math.log(math.exp(-1) + math.exp(-2)))
    (fair,) = await known.answer(Prompt(instruction="?", decoding=Decoding.CALIBRATED), ["d"], meter)
    # Of the two calibration inputs one leans to each label, by half of the 1 that lies between them.
    assert known.likelihood(fair, "down") == pytest.approx(0.5 - math.log(math.exp(0.5) + math.exp(0)), abs=1e-3)
    assert known.likelihood(fair, "sideways") is None
    assert meter.used.calls == 1 + 2
    (failed,) = await known.answer(Prompt(instruction="?", decoding=Decoding.CONSTRAINED), ["long"], meter)
    (free,) = await known.answer(Prompt(instruction="?"), ["d"], meter)
    assert [known.likelihood(answer, "up") for answer in (failed, free)] == [None, None]


async def test_a_stored_prior_is_used_as_it_is(evaluator: Callable[..., Evaluator]) -> None:
    """A version in production is calibrated once, not at each call."""
    model, prompt = Biased(), Prompt(instruction="?", decoding=Decoding.CALIBRATED)
    answers = await evaluator(model).answer(prompt, ["u", "d"], Meter(), prior=(0.0, -5.0))
    assert [answer.text for answer in answers] == ["down", "down"]
    assert model.calls == 1


async def test_constrained_decoding_ignores_a_prior(evaluator: Callable[..., Evaluator]) -> None:
    """What was measured as constrained must be executed so."""
    prompt = Prompt(instruction="?", decoding=Decoding.CONSTRAINED)
    (answer,) = await evaluator(Biased()).answer(prompt, ["d"], Meter(), prior=(0.0, -5.0))
    assert answer.text == "up"


async def test_the_prior_of_a_kept_prompt_is_of_all_calibration_inputs(cached: Callable[..., CachedModel]) -> None:
    """Blocks of unequal length count by item, and failed items not at all."""
    kept: dict[str, Any] = {"labels": LABELS, "max_answer_tokens": 5, "known": KNOWN}
    blocks = Evaluator(cached(Biased()), calibration=[("u", "long", "u"), ("d",)], **kept)
    whole = Evaluator(cached(Biased()), calibration=[("u", "u", "d")], **kept)
    prompt = Prompt(instruction="?", decoding=Decoding.CALIBRATED)
    assert await blocks.prior(prompt, Meter()) == pytest.approx(await whole.prior(prompt, Meter()))


async def test_without_calibration_inputs_nothing_is_subtracted(cached: Callable[..., CachedModel]) -> None:
    """A skill of few examples can still be run."""
    bare = Evaluator(cached(Biased()), labels=LABELS, max_answer_tokens=5, calibration=(), known=())
    prompt = Prompt(instruction="?", decoding=Decoding.CALIBRATED)
    assert await bare.prior(prompt, Meter()) == (0.0, 0.0)
    assert (await bare.answer(prompt, ["d"], Meter()))[0].text == "up"


async def test_calibrating_on_a_block_that_is_measured_costs_nothing_extra(evaluator: Callable[..., Evaluator]) -> None:
    """The first search block is both: its raw log-probabilities are charged once."""
    meter = Meter()
    await evaluator(Biased()).answer(Prompt(instruction="?", decoding=Decoding.CALIBRATED), CALIBRATION[0], meter)
    assert meter.used.calls == 2


@pytest.mark.parametrize("decoding", [Decoding.CONSTRAINED, Decoding.CALIBRATED])
async def test_choosing_needs_labels(evaluator: Callable[..., Evaluator], decoding: Decoding) -> None:
    """A prompt from elsewhere may ask for what this skill has not."""
    with pytest.raises(InvalidInput, match="needs labels"):
        await evaluator(Biased(), labels=()).answer(Prompt(instruction="?", decoding=decoding), ["x"], Meter())


async def test_a_prompt_of_two_steps_makes_two_calls_and_pays_for_both(evaluator: Callable[..., Evaluator]) -> None:
    """The second call reads the working-out of the first and turns it into the answer (PromptBreeder, section 3)."""

    def answer(request: Generate) -> str:
        return "so it is down" if request.messages[-1].content == "Therefore:" else "it falls and falls"

    model, meter = ScriptedModel(answer), Meter()
    prompt = Prompt(instruction="Think.", second_instruction="Therefore:")
    (given,) = await evaluator(model).answer(prompt, ["stone"], meter)
    first, second = model.requests
    assert (given.text, given.working) == ("so it is down", "it falls and falls")
    assert meter.used.calls == len(model.requests) == 2
    assert isinstance(first, Generate)
    assert first.sampling.max_tokens == MAX_WORKING_TOKENS
    assert [message.content for message in second.messages] == ["Think.", "stone", "it falls and falls", "Therefore:"]
    assert given.completion_tokens == 4 + 4
    assert given.prompt_tokens == meter.used.prompt_tokens
    # Of the second prompt only what came after the first is read anew.
    assert given.fresh_tokens == 1 + (len(["it", "falls", "and", "falls", "Therefore:"]) + 2)


async def test_the_answer_of_two_steps_can_be_constrained(evaluator: Callable[..., Evaluator]) -> None:
    """The working-out is free, the answer is a label."""
    model = Biased(lambda _: "hm")
    prompt = Prompt(instruction="Think.", second_instruction="dear me:", decoding=Decoding.CONSTRAINED)
    (answer,) = await evaluator(model).answer(prompt, ["x"], Meter())
    assert (answer.text, answer.working, answer.logprobs) == ("up", "hm", (-1.0, -2.0))


async def test_a_failed_item_is_a_failed_answer_and_not_an_error(evaluator: Callable[..., Evaluator]) -> None:
    """One over-long input must not end a run; the others of its block are answered."""
    long = "word " * 5_000
    for prompt in (Prompt(instruction="?"), Prompt(instruction="?", second_instruction="So:")):
        good, bad = await evaluator(ScriptedModel(lambda _: "up")).answer(prompt, ["x", long], Meter())
        assert (good.text, good.failure) == ("up", None)
        assert (bad.text, "tokens" in (bad.failure or "")) == ("", True)
