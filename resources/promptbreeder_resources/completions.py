"""Completions for what the resource templates leave open: skills, versions, runs."""

from mcp.server import MCPServer
from mcp_types import Completion, CompletionArgument, CompletionContext, PromptReference, ResourceTemplateReference

from promptbreeder.errors import PromptBreederError
from promptbreeder.service import Service

MAX_VALUES = 100
"""The protocol allows no more."""


def register(server: MCPServer[Service], service: Service) -> None:
    """Add the handler."""

    async def complete(
        ref: PromptReference | ResourceTemplateReference,
        argument: CompletionArgument,
        context: CompletionContext | None,
    ) -> Completion | None:
        if not isinstance(ref, ResourceTemplateReference):
            return None
        try:
            values = await _values(service, argument.name, (context and context.arguments) or {})
        except PromptBreederError:
            # A skill that is not there has no versions; what is wrong with a database is said where it is read.
            return None
        fitting = [value for value in values if value.startswith(argument.value)]
        return Completion(values=fitting[:MAX_VALUES], total=len(fitting), has_more=len(fitting) > MAX_VALUES)

    # The SDK gives this decorator no types.
    server.completion()(complete)  # type: ignore[no-untyped-call]


async def _values(service: Service, name: str, known: dict[str, str]) -> list[str]:
    if name == "skill":
        return [line.skill for line in await service.skills()]
    if name == "n":
        return [str(view.version) for view in reversed(await service.versions(known.get("skill", "")))]
    if name == "run_id":
        return [run.run_id for run in await service.runs()]
    return []
