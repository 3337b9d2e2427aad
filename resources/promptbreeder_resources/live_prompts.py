"""Every skill's production prompt as an MCP prompt: a slash command that follows what is in production."""

from collections.abc import Iterable, Mapping

from mcp import MCPError
from mcp_types import INVALID_PARAMS, GetPromptResult, Prompt, PromptArgument, PromptMessage, TextContent

from promptbreeder.errors import PromptBreederError
from promptbreeder.results import Turn
from promptbreeder.service import Service

_INPUT = PromptArgument(name="input", description="What the prompt is to work on", required=True)


async def listed(service: Service) -> list[Prompt]:
    """Return one prompt a skill; beside the skill's name nothing in it comes from the database."""
    return [
        Prompt(
            name=line.skill,
            title=f"Prompt of {line.skill}",
            description="The prompt in production, filled in",
            arguments=[_INPUT],
        )
        for line in await service.skills()
    ]


async def filled_in(service: Service, name: str, arguments: Mapping[str, str]) -> GetPromptResult:
    """Return the production prompt of a skill, filled in; one that works in two steps is refused."""
    if not arguments.get("input", "").strip():
        raise MCPError(INVALID_PARAMS, "give `input`: the text that the prompt is to work on")
    try:
        view = await service.prompt(name, text=arguments["input"])
    except PromptBreederError as error:
        raise MCPError(INVALID_PARAMS, str(error).encode(errors="replace").decode()) from error
    if view.second_instruction:
        raise MCPError(
            INVALID_PARAMS,
            f"version {view.version} works in two steps (a working-out, then the answer), which a filled-in prompt "
            "cannot do: call run_skill, which answers with it",
        )
    return GetPromptResult(
        description=f"Version {view.version} of '{view.skill}'", messages=list(_messages(view.messages))
    )


def _messages(turns: Iterable[Turn]) -> Iterable[PromptMessage]:
    """Yield the turns without a system turn, which MCP does not know: its text opens the first user turn."""
    opening = ""
    for turn in turns:
        if turn.role == "system":
            opening = f"{turn.content}\n\n"
            continue
        text = TextContent(type="text", text=f"{opening}{turn.content}")
        yield PromptMessage(role="assistant" if turn.role == "assistant" else "user", content=text)
        opening = ""
