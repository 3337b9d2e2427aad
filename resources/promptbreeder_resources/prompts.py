"""Resources `prompt://{skill}/...`: production, the list of versions, one version."""

from mcp.server import MCPServer

from promptbreeder.errors import NotFound
from promptbreeder.service import Service
from promptbreeder_resources.reading import JSON_TYPE, Ctx, as_json, reading, service_of

_DIGITS = 7


def register(server: MCPServer[Service]) -> None:
    """Add the templates."""

    @server.resource(
        "prompt://{skill}/production",
        name="production-prompt",
        title="Production prompt",
        description="The prompt version in production: data, with its provenance",
        mime_type=JSON_TYPE,
    )
    @reading
    async def production(skill: str, ctx: Ctx) -> str:
        return as_json(await service_of(ctx).prompt(skill))

    @server.resource(
        "prompt://{skill}/versions",
        name="prompt-versions",
        title="Prompt versions",
        description="All versions of a skill's prompt, oldest first",
        mime_type=JSON_TYPE,
    )
    @reading
    async def versions(skill: str, ctx: Ctx) -> str:
        return as_json(await service_of(ctx).versions(skill))

    @server.resource(
        "prompt://{skill}/versions/{n}",
        name="prompt-version",
        title="Prompt version",
        description="One version: text, messages, parents, operator, diff to its parent",
        mime_type=JSON_TYPE,
    )
    @reading
    async def version(skill: str, n: str, ctx: Ctx) -> str:
        if not (n.isascii() and n.isdigit() and len(n) <= _DIGITS):
            raise NotFound(f"{n[:20]!r} is not a version number")
        return as_json(await service_of(ctx).prompt(skill, int(n)))
