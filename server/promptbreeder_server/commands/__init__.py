"""The command line: the same use cases as the tools, one file a subject, no logic of its own."""

import click

from promptbreeder_server.commands import (
    create,
    decide,
    demo,
    evolve,
    examples,
    health,
    importing,
    models,
    monitor,
    patterns,
    run,
    selftest,
    skills,
    vote,
)
from promptbreeder_server.commands.arguments import require_text
from promptbreeder_server.commands.session import Options


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="promptbreeder-mcp")
@click.option("--home", help="Data folder (PROMPTBREEDER_HOME).")
@click.option("--model", help="Model of new skills (PROMPTBREEDER_MODEL).")
@click.option("--writer", help="Model that writes new prompts (PROMPTBREEDER_WRITER).")
@click.option("--engine", help="auto, native or portable (PROMPTBREEDER_ENGINE).")
@click.pass_context
def cli(context: click.Context, /, **flags: str | None) -> None:
    """Evolve prompts for small local models.

    Without any argument: serve MCP over stdio, set up by the variables named below.
    """
    context.obj = Options({name: value for name, value in flags.items() if value is not None})


MODULES = (
    demo,
    importing,
    create,
    skills,
    examples,
    evolve,
    patterns,
    run,
    vote,
    monitor,
    decide,
    models,
    health,
    selftest,
)
for module in MODULES:
    for command in module.COMMANDS:
        require_text(command)
        cli.add_command(command)
