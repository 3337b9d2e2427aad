"""What every backend promises, whatever stands behind it; see `promptbreeder.models.base`."""

import math
from collections.abc import Callable

import pytest

from promptbreeder.models.base import Choose, Expected, Generate, Model, Sampling
from promptbreeder.prompt import Message

pytestmark = pytest.mark.anyio
Ask = Callable[..., tuple[Message, ...]]
SHORT = Sampling(max_tokens=8)
COLOURS = (("The car is red.", "red"), ("The sky is blue.", "blue"))
QUESTIONS = ("Name a colour.", "Say hello to my old friend Tom.", "Count from one to five, please, and slowly.")


async def test_replies_come_in_the_order_of_the_requests(model: Model, ask: Ask) -> None:
    """Each reply of a block belongs to its own prompt, as the lengths of the prompts show."""
    requests = [Generate(ask(question), SHORT) for question in QUESTIONS]
    alone = [(await model.generate([request])).answers[0].prompt_tokens for request in requests]
    block = await model.generate(requests)
    assert [reply.prompt_tokens for reply in block.answers] == alone
    assert len(set(alone)) == len(alone)


async def test_greedy_replies_do_not_depend_on_what_was_computed_before(model: Model, ask: Ask) -> None:
    """A block gives the same replies again after other blocks, with its prefix and with another one."""
    if not model.limits.repeatable:
        pytest.skip("what was computed before may change the last bits")
    requests = [Generate(ask(question), SHORT) for question in QUESTIONS]
    before = await model.generate(requests)
    await model.generate([Generate(ask("Sing!"), Sampling(max_tokens=5, temperature=1.0, seed=3))])
    await model.choose([Choose(ask("Yes?", system="Be brief."), ("yes", "no"))])
    assert await model.generate(requests) == before


async def test_log_probabilities_do_not_depend_on_what_was_computed_before(model: Model, ask: Ask) -> None:
    """A block gives exactly the same log-probabilities again, its prefix warm or cold."""
    if not model.limits.repeatable:
        pytest.skip("what was computed before may change the last bits")
    requests = [Choose(ask(question), ("red", "light blue", "blue")) for question in QUESTIONS]
    before = await model.choose(requests)
    assert await model.choose(requests) == before
    await model.generate([Generate(ask("Sing!", system="Be brief."), SHORT)])
    assert await model.choose(requests) == before


async def test_sampling_is_decided_by_the_seed(model: Model, ask: Ask) -> None:
    """The same seeds draw the same replies, and different seeds do not all draw the same."""
    asked = ask("Write a sentence about the sea and the people who live beside it.")
    requests = [Generate(asked, Sampling(max_tokens=8, temperature=1.5, seed=seed)) for seed in (1, 2, 2**32 - 1, 4)]
    first = await model.generate(requests)
    assert await model.generate(requests) == first
    assert len({reply.text for reply in first.answers}) > 1


async def test_stop_strings_end_a_reply_and_are_not_part_of_it(model: Model, ask: Ask) -> None:
    """The reply ends before the first stop string."""
    asked = ask("Tell me about the sea in one long sentence.")
    (whole,) = (await model.generate([Generate(asked, Sampling(max_tokens=16))])).answers
    stop = whole.text[len(whole.text) // 2 :][:3]
    (cut,) = (await model.generate([Generate(asked, Sampling(max_tokens=16, stop=("@@@", stop)))])).answers
    assert cut.text == whole.text[: whole.text.find(stop)]
    assert cut.completion_tokens <= whole.completion_tokens


async def test_no_more_than_max_tokens_are_written(model: Model, ask: Ask) -> None:
    """A shorter reply is the beginning of the longer one."""
    asked = ask("Tell me about the sea in one long sentence.")
    longer = (await model.generate([Generate(asked, Sampling(max_tokens=8))])).answers[0]
    short = (await model.generate([Generate(asked, Sampling(max_tokens=2))])).answers[0]
    assert 1 <= short.completion_tokens <= 2 < longer.completion_tokens <= 8
    assert longer.text.startswith(short.text)
    assert len(short.text) < len(longer.text)


async def test_an_opening_is_not_part_of_the_reply(model: Model, ask: Ask) -> None:
    """What the assistant's turn begins with is read, and not given back."""
    opening = "Of course: the colour is"
    (reply,) = (await model.generate([Generate(ask("Name a colour."), SHORT, opening)])).answers
    assert reply.failure is None
    assert not reply.text.startswith(opening)


async def test_an_item_that_is_too_long_fails_alone(model: Model, ask: Ask) -> None:
    """The others of its block are answered, and its failure says how long it is."""
    questions = (QUESTIONS[0], "word " * 5_000, QUESTIONS[1])
    replies = (await model.generate([Generate(ask(question), SHORT) for question in questions])).answers
    assert [reply.failure is None for reply in replies] == [True, False, True]
    assert "fit" in (replies[1].failure or "")
    assert (replies[1].text, replies[1].prompt_tokens) == ("", 0)
    choices = (await model.choose([Choose(ask(question), ("a", "b")) for question in questions])).answers
    assert [choice.failure is None for choice in choices] == [True, False, True]
    assert choices[1].logprobs == ()


async def test_a_block_of_items_that_are_all_too_long_is_answered_with_failures(model: Model, ask: Ask) -> None:
    """No item of a block can make a call raise."""
    (reply,) = (await model.generate([Generate(ask("word " * 5_000), SHORT)])).answers
    assert reply.failure is not None


async def test_no_requests_have_no_answers(model: Model) -> None:
    """An empty block is answered with an empty block."""
    assert (await model.generate([])).answers == ()
    assert (await model.choose([])).answers == ()
    assert (await model.likelihood([])).answers == ()


@pytest.mark.parametrize("options", [("red", "blue"), ("blue", "red")])
async def test_the_fitting_option_is_the_likeliest(model: Model, ask: Ask, options: tuple[str, ...]) -> None:
    """What the demonstrations make plain is chosen, whatever the order of the options."""
    requests = [Choose(ask(f"The {thing} is red.", *COLOURS), options) for thing in ("wall", "pen")]
    for choice in (await model.choose(requests)).answers:
        assert all(math.isfinite(value) and value <= 0 for value in choice.logprobs)
        assert choice.logprobs.index(max(choice.logprobs)) == options.index("red")


async def test_an_option_that_another_one_begins_with_can_win_and_lose(model: Model, ask: Ask) -> None:
    """A longer label is not less likely merely because it goes on from a shorter one, nor the other way round."""
    shots = (
        ("The car is red.", "red"),
        ("The flag is red and blue.", "red and blue"),
        ("The hat is red and blue.", "red and blue"),
        ("The pen is red.", "red"),
    )
    options = ("red", "red and blue")
    asked = [Choose(ask(f"The kite is {what}.", *shots), options) for what in options]
    found = [choice.logprobs.index(max(choice.logprobs)) for choice in (await model.choose(asked)).answers]
    assert found == [0, 1]


async def test_a_single_option_can_be_scored(model: Model, ask: Ask) -> None:
    """A choice of one has one log-probability."""
    (choice,) = (await model.choose([Choose(ask("Well?"), ("yes",))])).answers
    assert len(choice.logprobs) == 1


async def test_choices_and_likelihoods_agree(model: Model, ask: Ask) -> None:
    """Where both are exact, they rank the same way."""
    if not (model.limits.exact_choice and model.limits.likelihood):
        pytest.skip("cannot score whole answers")
    asked = ask("The wall is red.", *COLOURS)
    (choice,) = (await model.choose([Choose(asked, ("blue", "red"))])).answers
    scores = (await model.likelihood([Expected(asked, option) for option in ("blue", "red")])).answers
    assert (choice.logprobs[0] < choice.logprobs[1]) is (scores[0].mean_logprob < scores[1].mean_logprob)


async def test_an_expected_answer_is_scored(model: Model, ask: Ask) -> None:
    """A fitting answer is likelier than one that has nothing to do with the question, and too long a prompt fails."""
    if not model.limits.likelihood:
        pytest.skip("cannot score given answers")
    fitting, odd, long = (
        await model.likelihood(
            [
                Expected(ask("The wall is red.", *COLOURS), "red"),
                Expected(ask("The wall is red.", *COLOURS), "Tuesday morning"),
                Expected(ask("word " * 5_000), "red"),
            ]
        )
    ).answers
    assert odd.mean_logprob < -2 < -1 < fitting.mean_logprob <= 0
    assert long.failure is not None


async def test_the_prefix_is_counted_once_and_only_if_all_share_it(model: Model, ask: Ask) -> None:
    """A block's prefix is shorter than each prompt, and longer where more is shared; prompt lengths do not change."""
    near = await model.generate([Generate(ask(question), SHORT) for question in QUESTIONS])
    far = await model.generate(
        [Generate(ask(QUESTIONS[0], system="Be good."), SHORT), *(Generate(ask(q), SHORT) for q in QUESTIONS[1:])]
    )
    assert 0 < near.prefix_tokens < min(reply.prompt_tokens for reply in near.answers)
    assert far.prefix_tokens < near.prefix_tokens
    assert [reply.prompt_tokens for reply in far.answers[1:]] == [reply.prompt_tokens for reply in near.answers[1:]]


async def test_prompts_that_share_nothing_are_answered(model: Model, ask: Ask) -> None:
    """A block need not share anything but the beginning of a turn."""
    requests = [Generate((Message("user", "Hello!"),), SHORT), Generate(ask("Hello!"), SHORT)]
    block = await model.generate(requests)
    assert [reply.failure for reply in block.answers] == [None, None]


@pytest.mark.parametrize(
    "text", ["Ünïcödé ☕ 日本語 👩‍👩‍👧 עברית", "nul \0 and \ud800 alone", "", "\n\n\t", "e\u0301" * 30]
)
async def test_any_text_can_be_asked(model: Model, ask: Ask, text: str) -> None:
    """No text breaks a backend, as an item or as an opening."""
    (reply,) = (await model.generate([Generate(ask(text), Sampling(max_tokens=2), text)])).answers
    assert reply.failure is None


async def test_any_text_can_be_an_option(model: Model, ask: Ask) -> None:
    """Labels of several tokens within a character, of white space, and empty ones are scored."""
    options = ("👍", "👎", "oui", "日本", " ", "")
    (choice,) = (await model.choose([Choose(ask("Well?"), options)])).answers
    assert len(choice.logprobs) == len(options)
    assert all(math.isfinite(value) for value in choice.logprobs)


async def test_the_fingerprint_stays(model: Model) -> None:
    """Opening again changes nothing, and no path of this machine is in it."""
    before = model.fingerprint
    await model.open()
    assert model.fingerprint == before
    assert "/" not in before


async def test_rates_are_known(model: Model) -> None:
    """The latency score has something to go by."""
    rates = await model.rates()
    assert rates.read > 0
    assert rates.write > 0
    assert await model.rates() == rates
