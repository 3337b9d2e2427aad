"""MIPROv2 (arXiv 2406.11695)."""

from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from random import Random
from typing import Any

import pytest

from promptbreeder.errors import InvalidInput
from promptbreeder.evolution.asks import Attempt, Measure, Task, Write
from promptbreeder.evolution.mipro_profiles import MIPRO_PROFILES
from promptbreeder.evolution.strategies import choose
from promptbreeder.evolution.strategies.mipro import mipro
from promptbreeder.prompt import Demonstration, Prompt

PAPER, SMALL = MIPRO_PROFILES["paper"], MIPRO_PROFILES["smollm2"]
NEEDS_OPTUNA = pytest.mark.skipif(find_spec("optuna") is None, reason="Optuna is not installed")
ANSWER = "It is plain: "
"""How a working of the played executor begins."""


def _tried(world: Any) -> list[Prompt]:  # noqa: ANN401  the played outside
    """Return the prompts of the trials, in order, without those measured in full."""
    begun = world.asks.index(world.generations[1])
    return [prompt for ask in world.asks[begun:] if isinstance(ask, Measure) for prompt in ask.prompts]


def _flat(prompt: Prompt, block: int) -> float:
    del prompt, block
    return 0.5


@NEEDS_OPTUNA
def test_demonstrations_are_the_executors_own_right_answers(task: Task, outside: Callable[..., Any]) -> None:
    """A list shows its working where it was right, the given answer elsewhere, and never a wrong working."""
    world = outside(task, right=lambda item: item % 2 == 0, fitness=_flat)
    world.drive(mipro(task, Random(1), replace(SMALL, generations=40)))
    attempted = world.of_kind(Attempt)
    assert len(attempted) == 1
    assert attempted[0].prompt == task.seeds[0].but(decoding="calibrated")
    assert sorted(attempted[0].items) == list(range(18))
    shown = dict.fromkeys(shot for prompt in _tried(world) for shot in prompt.demonstrations)
    right = [task.train[item].input for item in range(0, 18, 2)]
    given = {example.input: example.expected for example in task.train}
    own = [shot for shot in shown if shot.output.startswith(ANSWER)]
    assert len(own) >= 6
    assert all(shot.input in right and shot.output == ANSWER + (given[shot.input] or "") for shot in own)
    assert all(shot.output == given[shot.input] for shot in shown if shot not in own)


@NEEDS_OPTUNA
def test_where_patterns_are_expected_only_the_executors_own_answers_are_shown(
    task: Task, outside: Callable[..., Any]
) -> None:
    """They matched; the patterns themselves are no answers."""
    patterns = task.model_copy(update={"expects_patterns": True, "labels": (), "decodings": ("free",)})
    world = outside(patterns, right=lambda item: item % 2 == 0, fitness=_flat)
    world.drive(mipro(patterns, Random(1), replace(SMALL, generations=40)))
    shown = dict.fromkeys(shot for prompt in _tried(world) for shot in prompt.demonstrations)
    assert shown
    assert all(shot.output.startswith(ANSWER) for shot in shown)


@NEEDS_OPTUNA
def test_what_the_prompt_shows_already_is_not_attempted(task: Task, outside: Callable[..., Any]) -> None:
    """An answer that the executor only has to copy teaches nothing."""
    shot = Demonstration(input=task.train[3].input, output=task.train[3].expected or "")
    taught = task.model_copy(update={"seeds": (task.seeds[0].but(demonstrations=(shot,)),)})
    world = outside(taught)
    world.drive(mipro(taught, Random(1), replace(SMALL, generations=1)))
    assert 3 not in world.of_kind(Attempt)[0].items


@NEEDS_OPTUNA
def test_proposals_are_grounded_in_data_demonstrations_prompt_and_tip(
    task: Task, outside: Callable[..., Any], writer: Callable[..., str]
) -> None:
    """Each request holds a summary of the train examples, worked ones, the current instruction, and its own tip."""
    world = outside(task, writer=writer)
    world.drive(mipro(task, Random(1), replace(SMALL, generations=1, samples=1, on_topic=False, exemplars=2)))
    requests = [draft.messages[-1].content.splitlines() for draft in world.of_kind(Write)[0].drafts]
    assert len(requests) == 3
    for lines in requests:
        assert lines[0] == f"Task: {task.description}"
        assert lines[1] == "Data: Inputs have 7 to 7 words. The answer is one of: billing, delivery, technical."
        assert lines[2] == "Worked examples:"
        assert all(" => " in line for line in lines[3:5])
        assert lines[5] == f"Current instruction: {task.seeds[0].instruction}"
    assert len(dict.fromkeys(lines[6] for lines in requests)) == 3


@NEEDS_OPTUNA
def test_the_papers_profile_lets_the_writer_summarise_the_data(
    task: Task, outside: Callable[..., Any], writer: Callable[..., str]
) -> None:
    """And falls back to the facts where it says nothing."""
    for write, summary in ((writer, "Data: These examples Weigh "), (lambda _: "", "Data: Inputs have 7 to 7 words.")):
        world = outside(task, writer=write)
        world.drive(mipro(task, Random(1), replace(PAPER, generations=1)))
        asked = [draft.messages[-1].content for draft in world.drafts]
        assert asked[0].endswith("What is typical of these examples?")
        assert summary in asked[-1]


@NEEDS_OPTUNA
def test_without_a_writer_instructions_are_made_of_the_data(task: Task, outside: Callable[..., Any]) -> None:
    """All places are filled, among others with words that tell of the labels, and every one is tried."""
    world = outside(task, fitness=_flat, right=lambda item: item % 3 == 0)
    world.drive(mipro(task, Random(1), replace(SMALL, generations=60)))
    texts = list(dict.fromkeys(prompt.instruction for prompt in _tried(world)))
    assert len(texts) == SMALL.instructions
    assert any("- billing: billing" in text for text in texts)


@NEEDS_OPTUNA
def test_without_labels_no_instruction_asks_for_one_of_them(task: Task, outside: Callable[..., Any]) -> None:
    """Catches an instruction that ends in an empty list of labels."""
    capitals = task.model_copy(update={"labels": (), "decodings": ("free",), "description": "Name the capital."})
    world = outside(capitals, fitness=_flat)
    world.drive(mipro(capitals, Random(1), replace(SMALL, generations=60)))
    assert [prompt.instruction for prompt in _tried(world) if "one of:" in prompt.instruction] == []


@NEEDS_OPTUNA
def test_trials_are_paired_and_a_second_look_goes_on_where_the_first_ended(
    task: Task, outside: Callable[..., Any]
) -> None:
    """All begin with the same block, and none skips one: leads over the production prompt are comparable."""
    world = outside(task, fitness=_flat)
    world.drive(mipro(task, Random(2), SMALL))
    seen: dict[str, list[int]] = {}
    for ask in world.of_kind(Measure):
        for prompt in ask.prompts:
            seen.setdefault(prompt.content_hash, []).extend(ask.blocks)
    assert all(blocks == list(range(len(blocks))) for blocks in seen.values())
    assert seen[task.seeds[0].content_hash] == list(range(6)), "what all are paired with"


@NEEDS_OPTUNA
def test_every_few_trials_the_best_that_is_not_known_in_full_is_measured_on_everything(
    task: Task, outside: Callable[..., Any]
) -> None:
    """The paper's periodic full evaluation; after every fourth trial here."""

    def by_hash(prompt: Prompt, _: int) -> float:
        return int(prompt.content_hash[:6], 16) / 16**6

    world = outside(task, fitness=by_hash)
    world.drive(mipro(task, Random(3), replace(SMALL, generations=8)))
    trial, tried = 0, []
    completed: dict[int, list[Prompt]] = {}
    for ask in world.asks[world.asks.index(world.generations[0]) :]:
        if ask in world.generations:
            trial += 1
        elif isinstance(ask, Measure):
            tried += [(trial, prompt) for prompt in ask.prompts]
            # A block after the fifth other one: known in full.
            completed.setdefault(trial - 1, []).extend(ask.prompts if ask.blocks == (5,) else ())
    assert {number: len(prompts) for number, prompts in completed.items() if prompts and number < 8} == {4: 1}
    assert len(completed[8]) >= 1
    assert completed[4] == [max((prompt for _, prompt in tried[:4]), key=lambda prompt: by_hash(prompt, 0))]


@NEEDS_OPTUNA
def test_the_optimiser_learns_from_what_it_was_told(task: Task, outside: Callable[..., Any]) -> None:
    """Trials go where scores are high: a choice that costs 0.4 is avoided after the random start."""

    def likes_constrained(prompt: Prompt, _: int) -> float:
        return 0.9 if prompt.decoding == "constrained" else 0.5

    shares = []
    for seed in range(5):
        world = outside(task, fitness=likes_constrained)
        world.drive(mipro(task, Random(seed), replace(SMALL, openings=0, complete_every=99)))
        late = _tried(world)[20:40]
        shares.append(sum(prompt.decoding == "constrained" for prompt in late) / len(late))
    assert min(shares) > 0.6, "a third by chance"


@NEEDS_OPTUNA
def test_a_guests_text_is_combined_with_demonstrations(task: Task, outside: Callable[..., Any]) -> None:
    """A prompt from outside is measured as it is, and becomes a choice like the others."""
    guest = task.seeds[0].but(instruction="A guest's idea of sorting.", decoding="calibrated")
    world = outside(task, guests=(guest,), fitness=lambda prompt, _: 0.4 + 0.5 * ("guest" in prompt.instruction))
    world.drive(mipro(task, Random(4), SMALL))
    related = [prompt for prompt in _tried(world) if prompt.instruction == guest.instruction]
    assert guest in related
    assert any(prompt.demonstrations for prompt in related)


@NEEDS_OPTUNA
def test_a_search_with_nothing_left_to_try_ends(task: Task, outside: Callable[..., Any]) -> None:
    """Three instructions, no examples, one way of decoding, one block: a few trials know everything."""
    small = task.model_copy(update={"train": (), "decodings": ("free",), "blocks": 1})
    world = outside(small, fitness=_flat)
    world.drive(mipro(small, Random(5), replace(SMALL, instructions=3)))
    assert len(dict.fromkeys(prompt for ask in world.of_kind(Measure) for prompt in ask.prompts)) == 3
    assert len(world.generations) < 10
    assert world.generations[-1].number == SMALL.generations


@NEEDS_OPTUNA
def test_a_seed_decoded_as_the_skill_does_not_allow_is_measured_and_not_copied(
    task: Task, outside: Callable[..., Any]
) -> None:
    """The production prompt is older than the limit; what is made of it keeps to it."""
    limited = task.model_copy(update={"decodings": ("constrained",)})
    world = outside(limited, fitness=_flat)
    world.drive(mipro(limited, Random(6), replace(SMALL, generations=10)))
    assert limited.seeds[0] in [prompt for ask in world.of_kind(Measure) for prompt in ask.prompts]
    assert {prompt.decoding.value for prompt in _tried(world) if prompt != limited.seeds[0]} == {"constrained"}


@pytest.mark.parametrize("population", [2, 20])
def test_a_population_is_refused_with_the_reason(population: int) -> None:
    """A number that means nothing is not swallowed."""
    with pytest.raises(InvalidInput, match=r"mipro has no population.*leave population out"):
        PAPER.resized(population)


@pytest.mark.parametrize("arguments", [{"name": "mipro"}, {"name": "opro", "seed_with": "mipro"}])
def test_without_optuna_the_way_to_get_it_is_said(
    arguments: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Any,  # noqa: ANN401  a path
) -> None:
    """And every other strategy works."""
    # Nothing that is installed can be found from here.
    monkeypatch.setattr("sys.path", [str(tmp_path)])
    with pytest.raises(InvalidInput, match=r"pip install 'promptbreeder-mcp\[mipro\]'"):
        choose(profile=None, generations=None, population=None, **arguments)
    assert choose("opro", None, generations=None, population=None).optuna is None
