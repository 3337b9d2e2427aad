"""`create`: a skill from a prompt, or from two variants to be compared."""

from dataclasses import dataclass

import click

from promptbreeder.datasets.rows import Rows
from promptbreeder.errors import InvalidInput
from promptbreeder.requests import SkillDefinition
from promptbreeder.results import SkillReport
from promptbreeder_server.commands.arguments import PATH
from promptbreeder_server.commands.next_steps import after_definition
from promptbreeder_server.commands.reading import Reading, confirm, parse_file, read_text, reading_options, take
from promptbreeder_server.commands.session import ACTOR, show, told_plainly, with_service


@dataclass(frozen=True, slots=True)
class New:
    """What a new skill is to be, as flags say it."""

    name: str
    prompt: str
    variant: str | None
    description: str | None
    labels: str | None
    metric: str | None
    inherit_from: str | None = None

    def define(self, context: click.Context, found: Rows | None, reading: Reading) -> SkillReport:
        """Define the skill, with the examples in `found` if the user agrees; raises InvalidInput, Conflict."""
        taken = None if found is None else take(found, reading, needs_expected=self.metric != "preference")
        labels = tuple(label.strip() for label in (self.labels or "").split(",") if label.strip())
        suggested = () if taken is None or labels else reading.labels_of(taken, self.metric)
        definition = SkillDefinition.parse(
            {
                "name": self.name,
                "description": self.description or self.prompt[:2_000],
                "prompt": self.prompt,
                "variant": self.variant,
                "labels": labels or suggested,
                "metric": self.metric,
                "inherit_from": self.inherit_from,
                "examples": () if taken is None else taken.examples,
            }
        )
        if taken is not None:
            confirm(taken, reading, suggested)
        return with_service(context, lambda service: service.define_skill(definition, ACTOR, must_be_new=True))


@click.command()
@click.argument("name")
@click.option("--prompt", help="The prompt: version 1, in production. {{input}} in it is where the input goes.")
@click.option("--variant-a", metavar="FILE", type=PATH, help="Text file with the prompt of version 1, in production.")
@click.option(
    "--variant-b", metavar="FILE", type=PATH, help="Text file with the prompt of version 2, to be compared with it."
)
@click.option("--description", help="What the task is. Default: the prompt.")
@click.option("--labels", help="The closed set of answers, separated by commas.")
@click.option("--metric", help="label, exact, contains, regex, number, list, json, f1 or preference.")
@click.option(
    "--inherit-from", metavar="OTHER", help="A skill whose prompt the first run begins with, as far as it fits."
)
@click.option("--examples", "file", metavar="FILE", type=PATH, help="Rows of examples, read as `import` does.")
@reading_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def create(
    context: click.Context,
    /,
    *,
    name: str,
    prompt: str | None,
    variant_a: str | None,
    variant_b: str | None,
    description: str | None,
    labels: str | None,
    metric: str | None,
    inherit_from: str | None,
    file: str | None,
    reading: Reading,
    as_json: bool,
) -> None:
    """Define the skill NAME, from --prompt or from --variant-a and --variant-b.

    Two variants without labels, metric and examples are judged by votes alone (metric preference).
    """
    with told_plainly():
        first, second = _prompts(prompt, variant_a, variant_b)
        if second is not None and not (labels or metric or file):
            metric = "preference"
        found = None if file is None else parse_file(file)
        if found is not None and not isinstance(found, Rows):
            raise InvalidInput(f"{file} is a whole skill, not rows of examples; `promptbreeder-mcp import` takes it")
        report = New(name, first, second, description, labels, metric, inherit_from).define(context, found, reading)
    show(after_definition(report), as_json=as_json)


def _prompts(prompt: str | None, variant_a: str | None, variant_b: str | None) -> tuple[str, str | None]:
    if prompt is not None and variant_a is None and variant_b is None:
        return prompt, None
    if prompt is None and variant_a is not None and variant_b is not None:
        first, second = read_text(variant_a).strip(), read_text(variant_b).strip()
        for file, text in ((variant_a, first), (variant_b, second)):
            if not text:
                raise InvalidInput(f"{file} is empty")
        return first, second
    raise click.UsageError("give --prompt TEXT, or both --variant-a FILE and --variant-b FILE")


COMMANDS = (create,)
