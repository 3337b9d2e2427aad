"""Packaging that is taken off a writer's text."""

import pytest

from promptbreeder.evolution.cleaning import clean


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("  Sort the ticket.\n", "Sort the ticket."),
        ('"Sort the ticket."', "Sort the ticket."),
        ("\u201cSort the ticket.\u201d", "Sort the ticket."),
        ('"Sort the ticket', "Sort the ticket"),
        ("1. Sort the ticket.\n2. Read it.", "Sort the ticket."),
        ("- Sort the ticket.", "Sort the ticket."),
        ("**Sort** the ticket.", "Sort the ticket."),
        ("Sure! Here is the new instruction: Sort the ticket.", "Sort the ticket."),
        ("Here's a shorter one:\n\n1. Sort the ticket.", "Sort the ticket."),
        ("New instruction: Sort the ticket.", "Sort the ticket."),
        ("Improved prompt: Sort the ticket.", "Sort the ticket."),
        ("Sort the ticket.\n\nThis is better because it is shorter.", "Sort the ticket."),
        ("Sort the ticket.\nChange: Make it longer.", "Sort the ticket."),
        ("Read it.\nThen sort it.", "Read it. Then sort it."),
        ("Sort the ticket. Then take the", "Sort the ticket."),
        ("Sort the ticket into", "Sort the ticket into"),
        ("", ""),
        ("\n\n", ""),
    ],
)
def test_only_the_offered_text_is_left(raw: str, text: str) -> None:
    """Quotes, list marks, lead-ins, later paragraphs and cut sentences go; the text stays."""
    assert clean(raw) == text


def test_cleaning_twice_changes_nothing_more() -> None:
    """What is clean stays as it is."""
    text = "Choose one of billing, delivery or technical: read the ticket twice."
    assert clean(clean(text)) == clean(text) == text
