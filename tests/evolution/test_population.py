"""Selection rules on tuples of units."""

from collections import Counter
from random import Random

from promptbreeder.evolution.asks import Score, Unit
from promptbreeder.evolution.population import child_of, pairs, ranking, roulette, weighted
from promptbreeder.evolution.similarity import distinct, similarity
from promptbreeder.prompt import Demonstration, Prompt


def _unit(text: str, fitness: float | None = 0.5, *, complete: bool = True) -> Unit:
    score = None if fitness is None else Score(fitness=fitness, accuracy=0, items=16, complete=complete)
    return Unit(prompt=Prompt(instruction=text), mutation_prompt="m", score=score)


def test_an_incomplete_unit_ranks_below_every_complete_one() -> None:
    """A high score on part of the blocks must not lead."""
    lucky, poor, unknown = _unit("lucky", 0.9, complete=False), _unit("poor", 0.1), _unit("unknown", None)
    assert ranking([unknown, lucky, poor]) == (poor, lucky, unknown)


def test_ties_go_to_the_shorter_prompt_then_to_the_content_hash() -> None:
    """The order does not depend on how the units came in."""
    long, one, other = _unit("a long text"), _unit("ab"), _unit("cd")
    shown = Unit(
        prompt=Prompt(instruction="ef", demonstrations=(Demonstration(input="x" * 50, output="y"),)),
        mutation_prompt="m",
        score=one.score,
    )
    short = tuple(sorted([one, other], key=lambda unit: unit.prompt.content_hash))
    assert ranking([shown, long, one, other]) == ranking([other, one, long, shown]) == (*short, long, shown)


def test_pairs_are_disjoint_and_fresh_children_come_first() -> None:
    """Nobody meets itself, and a child is measured one generation after it was made."""
    units = [_unit(str(number), None if number in (3, 7) else 0.5) for number in range(9)]
    for seed in range(30):
        drawn = [index for pair in pairs(units, 2, Random(seed)) for index in pair]
        assert len(dict.fromkeys(drawn)) == 4
        assert 3 in drawn
        assert 7 in drawn


def test_every_unit_can_meet_every_other() -> None:
    """Pairing is random, not by neighbourhood."""
    units = [_unit(str(number)) for number in range(4)]
    met = Counter(tuple(sorted(pairs(units, 1, Random(seed))[0])) for seed in range(300))
    assert len(met) == 6


def test_more_tournaments_than_pairs_are_cut_to_the_pairs_there_are() -> None:
    """Small populations do not break a profile made for large ones."""
    assert len(pairs([_unit(str(number)) for number in range(5)], 9, Random(1))) == 2
    assert pairs([_unit("alone")], 3, Random(1)) == ()


def test_roulette_follows_fitness() -> None:
    """A unit three times as fit is drawn about three times as often."""
    poor, rich = _unit("poor", 0.2), _unit("rich", 0.6)
    rng = Random(5)
    drawn = Counter(roulette([poor, rich], rng).prompt.instruction for _ in range(2000))
    assert 2.5 < drawn["rich"] / drawn["poor"] < 3.5


def test_roulette_works_without_any_fitness() -> None:
    """Before anything was measured, or when everything scored 0, the draw is uniform."""
    rng = Random(5)
    for fitness in (None, 0.0):
        drawn = Counter(roulette([_unit("a", fitness), _unit("b", fitness)], rng).prompt.instruction for _ in range(99))
        assert len(drawn) == 2


def test_weighted_choice_never_takes_what_weighs_nothing() -> None:
    """A disabled operator stays disabled."""
    rng = Random(1)
    assert [weighted([("off", 0.0), ("on", 1.0)], rng) for _ in range(50)] == ["on"] * 50


def test_a_child_inherits_the_mutation_prompt_and_the_elites_and_is_unmeasured() -> None:
    """Open implementations forget to inherit mutation-prompts; then nothing self-referential is left."""
    parent = _unit("parent").model_copy(update={"mutation_prompt": "be brief", "elites": ("older", "old")})
    child = child_of(parent, "first-order", Prompt(instruction="child"))
    assert (child.mutation_prompt, child.elites, child.score) == ("be brief", ("older", "old"), None)
    assert child.parents == (parent.prompt.content_hash,)


def test_similarity_tells_copies_from_rewordings() -> None:
    """Case, spaces and one character make no new text; another sentence does."""
    text = "Look at what the customer wants, then name the queue."
    assert similarity(text, "  look at what the customer wants, then name the QUEUE.") == 1.0
    assert similarity(text, text[:-1] + "!") >= 0.95
    assert similarity(text, "Name the team that should handle this message.") < 0.6
    assert similarity("", "a") < 0.95


def test_distinct_keeps_the_first_of_near_duplicates_and_no_empty_text() -> None:
    """Lists shown to a writer hold each idea once, in order."""
    first = "Name the team that should handle this message."
    assert distinct([first, " ", "Sort it.", first.upper()]) == (first, "Sort it.")
