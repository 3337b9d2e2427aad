"""`run`: a skill over many inputs."""

import json
import sys

import click

from promptbreeder.errors import InvalidInput
from promptbreeder.requests import parse_json
from promptbreeder_server.commands.session import beside_service

_WANTED = 'a line must be a JSON object with a text "input", for example {"input": "some text"}'


@click.command()
@click.argument("skill")
@click.option("--version", type=click.IntRange(min=1), help="Default: the version in production.")
@click.pass_context
def run(context: click.Context, skill: str, version: int | None) -> None:
    """Answer inputs: one JSON object {"input": ...} a line on stdin, one object a line on stdout.

    A line that cannot be used gives {"error": ...} in its place, and the exit status 1.
    """
    failed = 0
    with beside_service(context) as beside:
        beside.call(beside.service.prompt, skill, version)
        for line in sys.stdin.buffer:
            if not line.strip():
                continue
            try:
                answered = beside.call(beside.service.run_skill, skill, _input_of(line), version)
                said = answered.model_dump(mode="json")
            except InvalidInput as error:
                failed += 1
                said = {"error": str(error)}
            click.echo(json.dumps(said, ensure_ascii=False))
    if failed:
        context.exit(1)


def _input_of(line: bytes) -> str:
    try:
        # Its first line may begin with a byte order mark, as editors of some systems write one.
        data = parse_json(line.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise InvalidInput(f"the line is not UTF-8 text (byte {error.start}); convert it first") from error
    except InvalidInput as error:
        # Its text speaks of a file with a skill.
        raise InvalidInput(_WANTED) from error
    if not isinstance(text := data.get("input"), str):
        raise InvalidInput(_WANTED)
    return text


COMMANDS = (run,)
