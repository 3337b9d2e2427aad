"""What each operator tells the writer: the recipes of section 3.2."""

from collections.abc import Callable
from typing import Any

from promptbreeder.evolution import seeds
from promptbreeder.evolution.asks import Attempt, Task, Unit
from promptbreeder.evolution.operators import OPERATORS


def _request(world: Any, draft: int = 0) -> str:  # noqa: ANN401  the outside of conftest
    text: str = world.drafts[draft].messages[-1].content
    return text


def test_zero_order_shows_the_description_and_nothing_of_the_unit(
    population: tuple[Unit, ...], task: Task, outside: Callable[..., Any], context: Callable[..., Any]
) -> None:
    """The first of a hundred hints becomes the task-prompt (3.2.1)."""
    world = outside(task, writer=lambda _: "Think of who can help the customer.\n2. Be kind.")
    child = world.drive(OPERATORS["zero-order"](population[0], population, context()))
    assert _request(world) == f"{task.description}\nA list of 100 hints:"
    assert world.drafts[0].opening == "1."
    assert child.prompt.instruction == "Think of who can help the customer."


def test_first_order_applies_the_units_own_mutation_prompt(
    population: tuple[Unit, ...],
    task: Task,
    outside: Callable[..., Any],
    writer: Callable[..., str],
    context: Callable[..., Any],
) -> None:
    """Mutation-prompt and task-prompt, in their own fields (3.2.1); the mutation-prompt is inherited."""
    world = outside(task, writer=writer)
    child = world.drive(OPERATORS["first-order"](population[2], population, context()))
    assert _request(world) == (
        f"Change: {population[2].mutation_prompt}\nInstruction: {population[2].prompt.instruction}"
    )
    assert child.mutation_prompt == population[2].mutation_prompt


def test_the_mark_for_the_item_is_kept_from_the_writer(
    population: tuple[Unit, ...], task: Task, outside: Callable[..., Any], context: Callable[..., Any]
) -> None:
    """A rewrite could only garble a template's placeholder."""
    unit = population[0].model_copy(update={"prompt": population[0].prompt.but(instruction="Sort {{input}} well.")})
    world = outside(task)
    world.drive(OPERATORS["first-order"](unit, population, context()))
    assert "{{" not in _request(world)


def test_eda_lists_distinct_task_prompts_in_random_order_without_fitness(
    population: tuple[Unit, ...], task: Task, outside: Callable[..., Any], context: Callable[..., Any]
) -> None:
    """The writer continues a numbered list from which near-duplicates are left out (3.2.2)."""
    twin = population[1].model_copy(
        update={"prompt": population[1].prompt.but(instruction=population[1].prompt.instruction.upper())}
    )
    orders = {}
    for seed in range(8):
        world = outside(task)
        world.drive(OPERATORS["eda"](population[0], (*population, twin), context(seed)))
        lines = [line for line in _request(world).splitlines() if line[0].isdigit()]
        assert [line.split(". ")[0] for line in lines] == ["1", "2", "3", "4"]
        assert world.drafts[0].opening == "5."
        assert not [unit for unit in population if str(unit.score and unit.score.fitness) in _request(world)]
        orders["|".join(line.split(". ", 1)[1] for line in lines).casefold()] = seed
    assert len(orders) > 3


def test_eda_rank_lists_ascending_and_says_descending(
    population: tuple[Unit, ...], task: Task, outside: Callable[..., Any], context: Callable[..., Any]
) -> None:
    """The deliberate lie: best last, while the heading claims best first (3.2.2)."""
    unmeasured = population[0].model_copy(
        update={"score": None, "prompt": population[0].prompt.but(instruction="Nobody knows how good this is.")}
    )
    world = outside(task)
    world.drive(
        OPERATORS["eda-rank"](population[0], (population[2], unmeasured, *population[:2], population[3]), context())
    )
    lines = _request(world).splitlines()
    assert [line.split(". ", 1)[1] for line in lines if line[0].isdigit()] == [
        unit.prompt.instruction for unit in population
    ]
    assert "descending order of score. Number 5 is the best one. It is closer to number 4 than to number 1." in lines[2]
    assert lines[0] == f"Change: {population[0].mutation_prompt}"


def test_eda_shows_no_more_than_the_profile_allows_and_keeps_the_best(
    population: tuple[Unit, ...], task: Task, outside: Callable[..., Any], context: Callable[..., Any]
) -> None:
    """A small writer's context is short."""
    world = outside(task)
    world.drive(OPERATORS["eda-rank"](population[0], population, context(listed=2)))
    listed = [line.split(". ", 1)[1] for line in _request(world).splitlines() if line[0].isdigit()]
    assert listed == [unit.prompt.instruction for unit in population[2:]]


def test_lineage_lists_the_units_elites_oldest_first(
    population: tuple[Unit, ...], task: Task, outside: Callable[..., Any], context: Callable[..., Any]
) -> None:
    """The history of what was best, in order (3.2.2); without a history nothing is asked."""
    unit = population[0].model_copy(update={"elites": ("Oldest way to sort.", "A newer idea.", "Newest of them all.")})
    world = outside(task)
    world.drive(OPERATORS["lineage"](unit, population, context()))
    listed = [line for line in _request(world).splitlines() if line[0].isdigit()]
    assert listed == ["1. Oldest way to sort.", "2. A newer idea.", "3. Newest of them all."]
    silent = outside(task)
    assert silent.drive(OPERATORS["lineage"](population[0], population, context())).prompt == population[0].prompt
    assert silent.asks == []


def test_zero_order_hypermutation_uses_a_thinking_style_and_applies_the_new_mutation_prompt(
    population: tuple[Unit, ...], task: Task, outside: Callable[..., Any], context: Callable[..., Any]
) -> None:
    """Description + thinking style -> mutation-prompt -> task-prompt; the new mutation-prompt is inherited (3.2.3)."""
    replies = iter(["Warn of look-alike cases.", "Mind tickets that only look alike."])
    world = outside(task, writer=lambda _: next(replies))
    child = world.drive(OPERATORS["zero-order-hyper"](population[0], population, context()))
    first = _request(world).splitlines()
    assert first[0] == f"Task: {task.description}"
    assert first[1].removeprefix("Think: ") in seeds.thinking_styles()
    assert _request(world, 1) == f"Change: Warn of look-alike cases.\nInstruction: {population[0].prompt.instruction}"
    assert (child.mutation_prompt, child.prompt.instruction) == (
        "Warn of look-alike cases.",
        "Mind tickets that only look alike.",
    )


def test_first_order_hypermutation_improves_the_mutation_prompt_itself(
    population: tuple[Unit, ...], task: Task, outside: Callable[..., Any], context: Callable[..., Any]
) -> None:
    """The old mutation-prompt goes in, the new one is applied at once and inherited (3.2.3)."""
    replies = iter(["Be twice as clear.", "Say which office takes the ticket."])
    world = outside(task, writer=lambda _: next(replies))
    child = world.drive(OPERATORS["first-order-hyper"](population[1], population, context()))
    assert _request(world).splitlines()[1] == f"Change: {population[1].mutation_prompt}"
    assert _request(world, 1).startswith("Change: Be twice as clear.\n")
    assert child.mutation_prompt == "Be twice as clear."


def test_a_failed_hypermutation_falls_back_to_the_initial_stock(
    population: tuple[Unit, ...], task: Task, outside: Callable[..., Any], context: Callable[..., Any]
) -> None:
    """There is always another mutation-prompt."""
    child = outside(task).drive(OPERATORS["first-order-hyper"](population[1], population, context()))
    assert child.mutation_prompt in seeds.mutation_prompts()


def test_lamarck_goes_back_from_a_correct_working_out(
    population: tuple[Unit, ...],
    task: Task,
    outside: Callable[..., Any],
    writer: Callable[..., str],
    context: Callable[..., Any],
) -> None:
    """Only a working-out that led to a right answer is shown (3.2.4)."""
    world = outside(task, writer=writer, right=lambda item: item % 2 == 1)
    world.drive(OPERATORS["lamarck"](population[0], population, context(seed=2)))
    items = world.of_kind(Attempt)[0].items
    item = next(item for item in items if item % 2 == 1)
    assert f"Read: {task.train[item].input}\nDone: It is plain: {task.train[item].expected}" in _request(world)


def test_lamarck_takes_a_given_answer_when_the_executor_got_nothing_right(
    population: tuple[Unit, ...], task: Task, outside: Callable[..., Any], context: Callable[..., Any]
) -> None:
    """The owner's pair stands in."""
    world = outside(task, right=lambda _: False)
    world.drive(OPERATORS["lamarck"](population[0], population, context()))
    example = task.train[world.of_kind(Attempt)[0].items[0]]
    assert f"Read: {example.input}\nDone: {example.expected}\n" in _request(world)


def test_lamarck_takes_no_pattern_for_an_answer(
    population: tuple[Unit, ...], task: Task, outside: Callable[..., Any], context: Callable[..., Any]
) -> None:
    """Where the executor matched none there is nothing to go back from."""
    world = outside(task, right=lambda _: False)
    patterns = context(task_=task.model_copy(update={"expects_patterns": True}))
    assert world.drive(OPERATORS["lamarck"](population[0], population, patterns)) == population[0]
    assert world.drafts == []


def test_differential_evolution_rewrites_only_where_two_members_differ(
    population: tuple[Unit, ...], task: Task, outside: Callable[..., Any], context: Callable[..., Any]
) -> None:
    """What two members share is never put to the writer."""
    shared = "Read the ticket slowly."
    texts = (f"{shared} Take the red stamp.", f"{shared} Open the blue drawer.", "Begin at once.")
    units = tuple(
        unit.model_copy(update={"prompt": unit.prompt.but(instruction=text)})
        for unit, text in zip(population, texts, strict=False)
    )
    for seed in range(10):
        world = outside(task)
        child = world.drive(OPERATORS["differential"](units[2], units, context(seed)))
        asked = [draft.messages[-1].content.split("Instruction: ")[1] for draft in world.drafts]
        assert asked in (["Take the red stamp."], ["Open the blue drawer."])
        assert len(child.parents) == 3
