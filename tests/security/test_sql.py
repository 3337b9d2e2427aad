"""Text that ends a statement and begins another."""

import ast
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from promptbreeder.errors import PromptBreederError
from promptbreeder.requests import Actor, EvolveRequest, SkillDefinition
from promptbreeder.service import Service

pytestmark = pytest.mark.anyio
STORE = Path(__file__).parents[2] / "promptbreeder" / "store"
HOSTILE = (
    "x'; DROP TABLE skills; --",
    'x"; DELETE FROM events; --',
    "' OR '1'='1",
    "' OR 1=1 --",
    "tickets' UNION SELECT name, sql, 0 FROM sqlite_master --",
    "x\\'; DROP TABLE votes; --",
    "%' OR name LIKE '%",
    "tickets'/*",
    "?1 :skill @x $y",
    'O\'Brien "quoted" `ticked` [bracketed]',
    "; ATTACH DATABASE '/tmp/x' AS y; --",
    "'||(SELECT input FROM examples)||'",
)


@pytest.mark.parametrize("text", HOSTILE)
async def test_quotes_in_names_and_ids_find_nothing_and_break_nothing(
    service: Service, actor: Actor, stored: Callable[[], list[str]], text: str
) -> None:
    """Every argument that is looked up by."""
    before = stored()
    for lookup in (
        lambda: service.prompt(text),
        lambda: service.fitness(text),
        lambda: service.run_skill(text, "x"),
        lambda: service.compare(text, text="x"),
        lambda: service.versions(text),
        lambda: service.history(text),
        lambda: service.runs(text),
        lambda: service.export(text),
        lambda: service.examples(text),
        lambda: service.examples("tickets", split=text),
        lambda: service.promote(text, 1, "r", actor),
        lambda: service.rollback(text, "r", actor),
        lambda: service.duel(text),
        lambda: service.vote(text, "A", actor),
        lambda: service.record_outcome(text, actor, correct=True),
        lambda: service.get_run(text),
        lambda: service.cancel_run(text, actor),
        lambda: service.lineage(text),
        lambda: service.production_at("tickets", text),
        lambda: service.evolve(EvolveRequest(skill="tickets", run_id=text), actor),
        lambda: service.evolve(EvolveRequest(skill="tickets", strategy=text), actor),
        lambda: service.define_skill(SkillDefinition.parse({"name": text, "description": "d", "prompt": "p"}), actor),
    ):
        with pytest.raises(PromptBreederError):
            await lookup()
    assert stored() == before


@pytest.mark.parametrize("text", HOSTILE)
async def test_quotes_in_texts_come_back_as_they_were(service: Service, text: str, database: Path) -> None:
    """Prompts, examples, labels, comments, reasons, notes, names of clients."""
    actor = Actor("human", text)
    examples = [{"input": f"{text} {number}", "expected": text} for number in range(12)]
    fields: dict[str, Any] = {"name": "quoted", "description": text, "prompt": text, "labels": [text, "other"]}
    await service.define_skill(SkillDefinition.parse({**fields, "examples": examples}), actor)
    await service.define_skill(SkillDefinition.parse({**fields, "prompt": f"{text}!"}), actor)
    duel = await service.compare("quoted", text=text, b=2)
    await service.vote(duel.duel_id, "tie", actor, text)
    await service.promote("quoted", 2, text, actor, force=True)
    assert duel.input == text
    assert (await service.prompt("quoted", 1)).text == text
    assert {example.expected for example in (await service.examples("quoted")).examples} == {text}
    line = (await service.history("quoted", limit=1))[0]
    assert (line.reason, line.client) == (text, text)
    with closing(sqlite3.connect(database)) as db:
        assert db.execute("SELECT comment, client FROM votes").fetchall() == [(text, text)]
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_no_statement_is_put_together_from_values() -> None:
    """What stands in braces inside a statement is a row of question marks, or a name of the code's own."""
    allowed = {"marks", "APPLICATION_ID", "migrations.SCHEMA_VERSION", "table", "change", "change.lower()", "name"}
    for file in STORE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.JoinedStr):
                continue
            text = "".join(str(part.value) for part in node.values if isinstance(part, ast.Constant))
            if not text.startswith(("SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "PRAGMA", "DROP", "ALTER")):
                continue
            braces = {ast.unparse(part.value) for part in node.values if isinstance(part, ast.FormattedValue)}
            assert braces <= allowed, f"{file.name}:{node.lineno}: {braces - allowed}"
