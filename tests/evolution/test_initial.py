"""The initial population (section 3.1)."""

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from promptbreeder.evolution import seeds
from promptbreeder.evolution.asks import Task, Write
from promptbreeder.evolution.initial import SECOND_INSTRUCTION, initial_population
from promptbreeder.evolution.profiles import PAPER_SMALL, SMOLLM2
from promptbreeder.prompt import Prompt


def test_the_paper_population_re_describes_with_mutation_prompts_and_thinking_styles_in_their_places(
    task: Task, outside: Callable[..., Any], writer: Callable[..., str], context: Callable[..., Any]
) -> None:
    """Open implementations swap the two lists; each must stand in its own field."""
    world = outside(task, writer=writer)
    world.drive(initial_population(context(**asdict(PAPER_SMALL)), 10))
    for draft in world.drafts:
        think, change, text = draft.messages[-1].content.splitlines()
        assert think.removeprefix("Think: ") in seeds.thinking_styles()
        assert change.removeprefix("Change: ") in seeds.mutation_prompts()
        assert text == f"Instruction: {task.description}"


def test_each_unit_of_the_paper_has_its_own_two_task_prompts_and_mutation_prompt(
    task: Task, outside: Callable[..., Any], writer: Callable[..., str], context: Callable[..., Any]
) -> None:
    """Both task-prompts come from the unit's own mutation-prompt; the seed stays as it is."""
    world = outside(task, writer=writer)
    units = world.drive(initial_population(context(**asdict(PAPER_SMALL)), 10))
    assert len(units) == 10
    assert units[0].prompt == task.seeds[0]
    made = [unit for unit in units if unit.operator == "re-description"]
    assert len(dict.fromkeys(unit.prompt.instruction for unit in made)) == 9
    assert all(unit.prompt.second_instruction not in ("", unit.prompt.instruction) for unit in made)
    first = [draft.messages[-1].content.splitlines()[1] for draft in world.of_kind(Write)[0].drafts]
    assert first == [f"Change: {unit.mutation_prompt}" for unit in made]


def test_few_shot_contexts_start_with_correct_workings_out(
    task: Task, outside: Callable[..., Any], writer: Callable[..., str], context: Callable[..., Any]
) -> None:
    """In few-shot mode units carry what the executor itself got right."""
    units = outside(task, writer=writer).drive(initial_population(context(**asdict(PAPER_SMALL)), 10))
    shots = [shot for unit in units for shot in unit.prompt.demonstrations]
    assert shots
    assert all(shot.output.startswith("It is plain: ") for shot in shots)


def test_the_small_population_varies_demonstrations_layout_and_decoding(
    task: Task, outside: Callable[..., Any], writer: Callable[..., str], context: Callable[..., Any]
) -> None:
    """What a tiny model reacts to is there from the start, all prompts different."""
    units = outside(task, writer=writer).drive(initial_population(context(**asdict(SMOLLM2)), 20))
    assert len(dict.fromkeys(unit.prompt.content_hash for unit in units)) == 20
    decodings = Counter(unit.prompt.decoding.value for unit in units)
    assert decodings["calibrated"] > decodings["constrained"] + decodings["free"]
    assert decodings["constrained"] > 1 < decodings["free"]
    sizes = Counter(len(unit.prompt.demonstrations) for unit in units)
    assert all(size % len(task.labels) == 0 for size in sizes), "some label is shown more often than others"
    assert min(sizes[0], sizes[3], sizes[6]) >= 3
    assert any(unit.prompt.format.output_name for unit in units)
    assert any(unit.prompt.instruction.endswith("Answer with one of: billing, delivery, technical.") for unit in units)


def test_the_first_variations_change_only_decoding_and_demonstrations_of_the_seed(
    task: Task, outside: Callable[..., Any], context: Callable[..., Any]
) -> None:
    """The owner's text gets the best chances first."""
    units = outside(task).drive(initial_population(context(**asdict(SMOLLM2)), 20))
    for unit, size in zip(units[1:4], (0, 3, 6), strict=True):
        assert unit.prompt.instruction == task.seeds[0].instruction
        assert unit.prompt.decoding == "calibrated"
        assert len(unit.prompt.demonstrations) == size


def test_a_forbidden_decoding_never_appears(
    task: Task, outside: Callable[..., Any], context: Callable[..., Any]
) -> None:
    """Who pastes the text elsewhere allows free decoding only."""
    free = task.model_copy(update={"decodings": ("free",)})
    units = outside(free).drive(initial_population(context(1, free, **asdict(SMOLLM2)), 20))
    assert Counter(unit.prompt.decoding.value for unit in units) == {"free": 20}


def test_a_bare_task_still_gives_a_population(
    task: Task, outside: Callable[..., Any], context: Callable[..., Any]
) -> None:
    """No labels, no examples, no seeds and a silent writer."""
    bare = task.model_copy(update={"labels": (), "train": (), "seeds": (), "decodings": ("free",)})
    for profile in (SMOLLM2, PAPER_SMALL):
        units = outside(bare).drive(initial_population(context(1, bare, **asdict(profile)), profile.population))
        assert len(units) == profile.population
    assert SECOND_INSTRUCTION in [unit.prompt.second_instruction for unit in units]


def test_seeds_come_first_and_unchanged(task: Task, outside: Callable[..., Any], context: Callable[..., Any]) -> None:
    """The production prompt is what has to be beaten."""
    given = tuple(Prompt(instruction=f"Seed number {n} for tickets") for n in range(3))
    seeded = task.model_copy(update={"seeds": given})
    units = outside(seeded).drive(initial_population(context(1, seeded, **asdict(SMOLLM2)), 20))
    assert tuple(unit.prompt for unit in units[:3]) == given


def test_a_population_that_is_all_given_asks_nothing(
    task: Task, outside: Callable[..., Any], context: Callable[..., Any]
) -> None:
    """What another strategy or a user has filled needs no writer."""
    given = tuple(Prompt(instruction=f"Seed number {n} for tickets") for n in range(5))
    seeded = task.model_copy(update={"seeds": given})
    world = outside(seeded)
    units = world.drive(initial_population(context(1, seeded, **asdict(SMOLLM2)), 5))
    assert tuple(unit.prompt for unit in units) == given
    assert world.asks == []
