"""The stock of mutation-prompts and thinking styles."""

from promptbreeder.evolution import seeds
from promptbreeder.evolution.similarity import distinct


def test_there_are_enough_of_both_kinds_and_no_two_are_alike() -> None:
    """A population of 50 starts from different mutation-prompts and styles."""
    assert len(distinct(seeds.mutation_prompts())) == len(seeds.mutation_prompts()) >= 60
    assert len(distinct(seeds.thinking_styles())) == len(seeds.thinking_styles()) >= 40


def test_each_is_short_enough_for_a_small_writer() -> None:
    """No line has more than 30 words."""
    assert all(len(line.split()) <= 30 for line in (*seeds.mutation_prompts(), *seeds.thinking_styles()))


def test_the_two_kinds_do_not_mix() -> None:
    """No line is in both lists."""
    assert not [line for line in seeds.mutation_prompts() if line in seeds.thinking_styles()]
