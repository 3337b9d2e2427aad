"""The page for users: every row names a test that is there, and every test of a threat has its row."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "security.md"


def test_the_table_and_the_tests_of_threats_are_the_same() -> None:
    """A threat without a test is a promise; a test without a row is not found."""
    text = PAGE.read_text(encoding="utf-8")
    named = {(PAGE.parent / target).resolve() for target in re.findall(r"\]\((\.\./tests/\S+?)\)", text)}
    own = {file for file in Path(__file__).parent.glob("test_*.py") if file.name != Path(__file__).name}
    assert all(file.is_file() for file in named)
    assert own <= named
    rows = [line for line in text.splitlines() if line.startswith("| ") and "what could go wrong" not in line]
    assert all(".py)" in row for row in rows)
    assert len(rows) == len(own)
