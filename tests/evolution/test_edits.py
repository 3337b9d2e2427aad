"""The strategy `edits` as a whole."""

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from promptbreeder.evolution.asks import Attempt, Generation, Immigrants, Measure, Measured, Score, Task, Write
from promptbreeder.evolution.strategies import choose
from promptbreeder.evolution.strategies.edits import EDITS_PROFILES, EditsProfile, edits
from promptbreeder.prompt import Prompt

SHORT = replace(EDITS_PROFILES["smollm2"], generations=8)
DEMONSTRATION_EDITS = {"add examples", "drop example", "permute examples", "replace example", "new examples"}


def _quality(prompt: Prompt, block: int) -> float:
    """How well a simulated tiny executor does: by decoding, demonstrations and what the instruction says."""
    by_decoding = {"free": 0.0, "constrained": 0.1, "calibrated": 0.3}[prompt.decoding]
    shown = 0.03 * min(6, len(prompt.demonstrations))
    said = 0.06 * ("billing" in prompt.instruction) + 0.04 * (prompt.format.output_name != "")
    return 0.2 + by_decoding + shown + said + 0.02 * (block % 3) - 0.0001 * len(prompt.instruction)


def _blocks(world: Any) -> dict[str, list[int]]:  # noqa: ANN401  the outside of conftest
    blocks: dict[str, list[int]] = {}
    for ask in world.of_kind(Measure):
        for prompt in ask.prompts:
            blocks.setdefault(prompt.content_hash, []).extend(ask.blocks)
    return blocks


def _made(generation: Generation) -> set[str]:
    return {unit.operator for unit in generation.units}


@pytest.mark.parametrize("seed", range(5))
def test_the_search_climbs_above_its_seed_without_a_writer(seed: int, task: Task, outside: Callable[..., Any]) -> None:
    """Every family's gain is found, nothing is asked of a writer, and the best is measured in full."""
    world = outside(task, fitness=_quality, right=lambda item: item % 3 == 0)
    world.drive(edits(task, Random(seed), replace(SHORT, generations=14)))
    best = world.generations[-1].units[0]
    assert not world.of_kind(Write)
    assert best.score.items == 96
    assert best.prompt.decoding == "calibrated"
    assert len(best.prompt.demonstrations) >= 6
    assert best.score.fitness > _quality(task.seeds[0], 1) + 0.5


def test_families_take_turns_in_the_order_of_what_they_can_gain(task: Task, outside: Callable[..., Any]) -> None:
    """Demonstrations and decoding first, then demonstrations, format, remedies, wording and ablation, and again."""
    texts = task.model_copy(update={"seeds": (Prompt(instruction="Read the ticket. Be kind. Name the queue."),)})
    world = outside(texts, fitness=lambda p, _: 0.5 - 0.01 * len(p.demonstrations), right=lambda _: False)
    world.drive(edits(texts, Random(1), SHORT))
    tried = [{unit.operator for unit in report.units} for report in world.generations]
    assert tried[0] == {"seed"}
    assert tried[1] == {"seed", "decoding", "few-shot"}
    assert tried[2] & DEMONSTRATION_EDITS
    assert tried[3] & {"place", "input name", "output name", "label order", "labels last", "separator", "decoding"}
    assert {"add structure", "add examples"} <= tried[4]
    assert tried[5] & {"swap phrases", "duplicate phrase", "delete phrase", "add phrase", "constraint", "fuller"}
    assert "ablation" in tried[6]
    assert tried[7] & DEMONSTRATION_EDITS


def test_candidates_of_a_round_are_compared_on_the_same_blocks_and_the_best_third_goes_on(
    task: Task, outside: Callable[..., Any]
) -> None:
    """Six on one block, two on the next, the last one in full."""
    world = outside(task, fitness=_quality)
    world.drive(edits(task, Random(2), replace(SHORT, generations=1)))
    measured = [ask for ask in world.of_kind(Measure) if len(ask.prompts) > 1]
    assert [len(ask.prompts) for ask in measured] == [6, 2]
    assert measured[0].blocks == (0,)
    dropped = [p for p in measured[0].prompts if p not in measured[1].prompts]
    assert max(_quality(p, 0) for p in dropped) <= min(_quality(p, 0) for p in measured[1].prompts)
    counts = sorted(len(blocks) for blocks in _blocks(world).values())
    assert counts == [1, 1, 1, 1, 2, 6, 6]


def test_a_round_that_finds_nothing_better_leaves_the_beam_as_it_is(task: Task, outside: Callable[..., Any]) -> None:
    """What does not lead on the blocks of the race is not measured further."""
    world = outside(task, fitness=lambda prompt, _: 0.9 if prompt == task.seeds[0] else 0.3)
    world.drive(edits(task, Random(2), SHORT))
    assert all(report.units[0].prompt == task.seeds[0] for report in world.generations)
    assert all(len(blocks) <= 2 for name, blocks in _blocks(world).items() if name != task.seeds[0].content_hash)


def test_ablation_cuts_each_segment_and_prunes_what_was_worth_nothing(task: Task, outside: Callable[..., Any]) -> None:
    """One candidate a segment; all idle sentences go together."""
    text = "Read the ticket. Be kind. Take time. Look closely. Name the queue."
    only = task.model_copy(update={"seeds": (Prompt(instruction=text),)})
    world = outside(only, fitness=lambda p, _: 0.5 if "Name the queue." in p.instruction else 0.1)
    world.drive(edits(only, Random(3), replace(SHORT, generations=6)))
    # All is right on train examples, so that the remedies pass their turn on.
    cut = [unit for unit in world.generations[5].units if unit.operator in {"ablation", "pruning"}]
    assert {unit.operator for unit in cut} == {"ablation", "pruning"}
    assert [unit.prompt.instruction for unit in cut if unit.operator == "pruning"] == ["Name the queue."]
    # Equal fitness: the shorter prompt leads.
    assert world.generations[5].units[0].prompt.instruction == "Name the queue."


def test_the_executor_is_asked_about_train_examples_that_no_prompt_shows(
    task: Task, outside: Callable[..., Any]
) -> None:
    """What a prompt shows it answers rightly, which would tell nothing."""
    world = outside(task, fitness=_quality, right=lambda _: False)
    world.drive(edits(task, Random(4), SHORT))
    attempts = world.of_kind(Attempt)
    assert attempts
    for ask in attempts:
        shown = [shot.input for shot in ask.prompt.demonstrations]
        assert [item for item in ask.items if task.train[item].input in shown] == []


def test_two_prompts_that_are_right_on_different_examples_are_merged(task: Task, outside: Callable[..., Any]) -> None:
    """The child says what both say, and names both as parents."""
    seeds = (Prompt(instruction="Read the ticket."), Prompt(instruction="Name the queue."))
    two = task.model_copy(update={"seeds": seeds, "train": task.train[:12]})

    class Split(outside):  # type: ignore[misc, valid-type]  # a fixture is no static base class
        def answer(self, ask: Any) -> Any:  # noqa: ANN401  as the base class
            # Which of the two is asked decides on which half of the examples it is right.
            if isinstance(ask, Attempt):
                first = ask.prompt.instruction == seeds[0].instruction
                self.right = lambda item: (item < 6) == first
            return super().answer(ask)

    world = Split(two, fitness=lambda prompt, _: 0.5 if prompt in seeds else 0.1)
    world.drive(edits(two, Random(5), replace(SHORT, generations=4)))
    (merged,) = [unit for report in world.generations for unit in report.units if unit.operator == "merge"]
    assert sorted(merged.prompt.instruction.split(". ")) in (
        ["Name the queue.", "Read the ticket"],
        ["Name the queue", "Read the ticket."],
    )
    assert set(merged.parents) == {seed.content_hash for seed in seeds}


@given(seed=st.integers(0, 999), limit=st.integers(45, 400), noise=st.randoms(use_true_random=False))
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_happens_limits_hold_nothing_is_tried_twice_and_lineage_is_whole(
    seed: int, limit: int, noise: Random, task: Task, outside: Callable[..., Any]
) -> None:
    """Instructions within the skill's length, allowed decodings, parents that were measured before their children."""
    bounded = task.model_copy(update={"max_instruction_characters": limit, "decodings": ("free", "constrained")})
    world = outside(bounded, fitness=lambda _, __: noise.random(), right=lambda _: noise.random() < 0.5)
    world.drive(edits(bounded, Random(seed), SHORT))
    blocks = _blocks(world)
    assert all(len(dict.fromkeys(found)) == len(found) for found in blocks.values()), "a block was measured twice"
    known = {task.seeds[0].content_hash}
    for report in world.generations:
        for unit in report.units:
            assert len(unit.prompt.instruction) <= limit
            assert unit.prompt.decoding in bounded.decodings
            assert set(unit.parents) <= known
        known |= {unit.prompt.content_hash for unit in report.units}


@pytest.mark.parametrize("stop", [1, 3, 8, 20, 40])
def test_there_is_a_complete_candidate_whenever_the_budget_ends(
    stop: int, task: Task, outside: Callable[..., Any]
) -> None:
    """The seed is measured in full before anything else is tried, every other leader before the next round."""
    world, steps = outside(task, fitness=_quality), edits(task, Random(6), SHORT)
    ask = next(steps)
    for _ in range(stop):
        world.asks.append(ask)
        ask = steps.send(world.answer(ask))
    steps.close()
    full = sum(len(found) == task.blocks for found in _blocks(world).values())
    assert full >= (0 if stop < 6 else 1 if stop < 20 else 2)


def test_a_first_seed_that_loses_its_race_is_edited_all_the_same(task: Task, outside: Callable[..., Any]) -> None:
    """It is not what is to be beaten where production's decoding is not allowed; it is measured in full even so."""

    class Harder(outside):  # type: ignore[misc, valid-type]  # a fixture is no static base class
        def answer(self, ask: Any) -> Any:  # noqa: ANN401  as the base class
            if not isinstance(ask, Measure) or not ask.race:
                return super().answer(ask)
            return Measured(scores=(Score(fitness=0.0, accuracy=0.0, items=0, complete=False),))

    world = Harder(task, fitness=_quality)
    world.drive(edits(task, Random(7), SHORT))
    assert world.generations[0].units[0].prompt == task.seeds[0]
    assert world.generations[-1].number == SHORT.generations


def test_guests_race_in_the_round_of_their_arrival(task: Task, outside: Callable[..., Any]) -> None:
    """More of them than a round has candidates are all measured, each once, and a good one enters the beam."""
    guests = tuple(task.seeds[0].but(instruction=f"Guest number {n} sorts tickets.") for n in range(9))
    best = guests[4]
    world = outside(task, guests=(*guests, guests[0], task.seeds[0]), fitness=lambda p, _: 0.9 if p == best else 0.4)
    world.drive(edits(task, Random(7), SHORT))
    blocks = _blocks(world)
    assert [guest for guest in guests if guest.content_hash not in blocks] == []
    assert len(world.of_kind(Immigrants)) == SHORT.generations
    first = world.generations[1].units
    assert (first[0].prompt, first[0].operator) == (best, "immigrant")


def test_further_seeds_race_before_the_first_round(task: Task, outside: Callable[..., Any]) -> None:
    """Patterns that won elsewhere come in as seeds; the best of them leads."""
    seeds = (*task.seeds, *(Prompt(instruction=f"Way {n} to sort.") for n in range(4)))
    seeded = task.model_copy(update={"seeds": seeds})
    world = outside(seeded, fitness=lambda p, _: 0.8 if p == seeds[3] else 0.4)
    world.drive(edits(seeded, Random(8), replace(SHORT, generations=1)))
    assert world.generations[0].units[0].prompt == seeds[3]


@pytest.mark.parametrize("train", [0, 1])
@pytest.mark.parametrize("labels", [(), ("billing", "delivery", "technical")])
@pytest.mark.parametrize("text", ["", "Sort it.", "Ticket: {{input}}\nQueue:"])
def test_tiny_tasks_run_to_an_end(
    train: int, labels: tuple[str, ...], text: str, task: Task, outside: Callable[..., Any]
) -> None:
    """No labels, no train examples, one block, an empty or a template instruction: still a run."""
    seeds = (Prompt(instruction=text),)
    changes = {"train": task.train[:train], "labels": labels, "decodings": ("free",), "blocks": 1, "seeds": seeds}
    small = task.model_copy(update=changes)
    for profile in EDITS_PROFILES.values():
        world = outside(small)
        world.drive(edits(small, Random(9), profile))
        assert world.generations[-1].units[0].score.items == 16


def test_the_search_ends_where_nothing_is_left_to_try(task: Task, outside: Callable[..., Any]) -> None:
    """A task that lets next to nothing vary is given back at once instead of being asked about for ever."""
    bare = task.model_copy(
        update={"labels": (), "decodings": ("free",), "train": (), "description": "", "max_instruction_characters": 5}
    )
    world = outside(bare.model_copy(update={"seeds": (Prompt(instruction=""),)}))
    world.drive(edits(world.task, Random(10), SHORT))
    assert len(world.generations) == 2 < SHORT.generations


@given(seed=st.integers(0, 2**32), stop=st.integers(0, 60), noise=st.randoms(use_true_random=False))
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_stopped_run_goes_on_from_its_journal_as_if_never_stopped(
    seed: int, stop: int, noise: Random, task: Task, outside: Callable[..., Any]
) -> None:
    """Same seed and same answers, same asks."""
    world = outside(task, fitness=lambda _, __: noise.random(), right=lambda _: noise.random() < 0.5)
    world.drive(edits(task, Random(seed), SHORT))
    replayed = edits(task, Random(seed), SHORT)
    answer = None
    for ask, journaled in list(zip(world.asks, world.answers, strict=True))[: stop + 1]:
        assert (next(replayed) if answer is None else replayed.send(answer)) == ask
        answer = type(journaled).model_validate_json(journaled.model_dump_json())
    replayed.close()


def test_the_strategy_is_found_by_name_and_takes_the_common_overrides(task: Task) -> None:
    """`generations` are rounds, `population` the candidates of one."""
    chosen = choose("edits", None, generations=3, population=1)
    assert isinstance(chosen.profile, EditsProfile)
    assert (chosen.profile_name, chosen.profile.generations, chosen.profile.population) == ("smollm2", 3, 1)
    assert chosen.profile.survivors == 1
    next(chosen.begin(task, Random(1)))
    assert choose("edits", "thorough", generations=None, population=None).profile == EDITS_PROFILES["thorough"]
