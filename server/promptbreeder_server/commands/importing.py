"""`import`: a whole skill, or rows of examples."""

from collections.abc import Mapping

import click

from promptbreeder.datasets.rows import Rows
from promptbreeder.errors import InvalidInput, NotFound
from promptbreeder.requests import SkillDefinition
from promptbreeder.results import SkillReport
from promptbreeder.service import Service
from promptbreeder_server.commands.arguments import PATH
from promptbreeder_server.commands.create import New
from promptbreeder_server.commands.next_steps import after_definition
from promptbreeder_server.commands.reading import Reading, confirm, parse_file, reading_options, take
from promptbreeder_server.commands.session import ACTOR, show, told_plainly, with_service


@click.command(name="import")
@click.argument("file", type=PATH)
@click.option("--skill", help="The skill that the examples are for.")
@click.option("--prompt", help="Defines --skill anew, with this prompt.")
@click.option("--description", help="Of a new skill: what the task is. Default: the prompt.")
@click.option("--labels", help="Of a new skill: the closed set of answers, separated by commas.")
@click.option("--metric", help="Of a new skill: label, exact, contains, regex, number, list, json, f1 or preference.")
@reading_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def import_(
    context: click.Context,
    /,
    *,
    file: str,
    skill: str | None,
    prompt: str | None,
    reading: Reading,
    as_json: bool,
    **of_new: str | None,
) -> None:
    """Bring in a skill or examples from FILE (JSON, JSONL, CSV, TSV), or - for stdin.

    A JSON object with a prompt is a whole skill: {name, description, prompt, labels?, metric?, settings?, examples}, or
    what `export` printed, with all versions; of that name there must be none yet. All else is rows of examples: --skill
    NAME adds them to a skill, and with --prompt TEXT makes a new one. What was understood of the rows is shown before
    they are stored.
    """
    odd = [f"--{flag}" for flag, value in of_new.items() if value is not None]
    with told_plainly():
        found = parse_file(file)
        if not isinstance(found, Rows):
            if skill is not None or prompt is not None or odd:
                raise InvalidInput(f"{file} is a whole skill; --skill and its like are for rows of examples")
            report = _whole(context, found)
        elif skill is None:
            raise InvalidInput(
                "the file holds examples and no skill: --skill NAME adds them to a skill, and with --prompt TEXT "
                "makes a new one"
            )
        elif prompt is not None:
            report = after_definition(New(skill, prompt, None, **of_new).define(context, found, reading))
        elif odd:
            raise InvalidInput(f"{', '.join(odd)} is for a new skill, which also needs --prompt TEXT")
        else:
            report = after_definition(_add(context, found, skill, reading))
    show(report, as_json=as_json)


def _add(context: click.Context, found: Rows, name: str, reading: Reading) -> SkillReport:
    async def is_measured(service: Service) -> bool:
        try:
            return (await service.skill(name)).metric != "preference"
        except NotFound as error:
            raise InvalidInput(f"{error}; with --prompt TEXT import makes a new one") from error

    taken = take(found, reading, needs_expected=with_service(context, is_measured))
    confirm(taken, reading, ())
    return with_service(context, lambda service: service.add_examples(name, taken.examples, ACTOR))


def _whole(context: click.Context, found: Mapping[str, object]) -> SkillReport:
    """Bring in a whole skill: what an export holds if there are versions in it, else a skill file."""
    if "versions" in found:
        return with_service(context, lambda service: service.import_bundle(found, ACTOR))
    known = SkillDefinition.model_fields
    strange = [name for name in found if name not in known]
    if strange:
        raise InvalidInput(f"unknown fields {', '.join(strange[:5])}; a skill has {', '.join(known)}")
    definition = SkillDefinition.parse(found)
    return after_definition(with_service(context, lambda service: service.define_skill(definition, ACTOR)))


COMMANDS = (import_,)
