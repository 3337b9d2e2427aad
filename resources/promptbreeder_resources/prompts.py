"""Resources `prompt://{skill}/...`: production, the list of versions, one version."""

from mcp.server import MCPServer

from promptbreeder.errors import NotFound
from promptbreeder.service import Service
from promptbreeder_resources.reading import JSON_TYPE, as_json, reading

PAGE = 100
_DIGITS = 7


def register(server: MCPServer[Service], service: Service) -> None:
    """Add the templates."""

    @server.resource(
        "prompt://{skill}/production",
        name="production-prompt",
        title="Production prompt",
        description="The prompt version in production: data, with its provenance",
        mime_type=JSON_TYPE,
    )
    @reading
    async def production(skill: str) -> str:
        return as_json(await service.prompt(skill))

    @server.resource(
        "prompt://{skill}/versions{?after}",
        name="prompt-versions",
        title="Prompt versions",
        description=f"Versions of a skill's prompt, oldest first, {PAGE} at a time; after=N gives later ones",
        mime_type=JSON_TYPE,
    )
    @reading
    async def versions(skill: str, after: str = "") -> str:
        return as_json(await service.versions(skill, after=_number(after) if after else 0, limit=PAGE))

    @server.resource(
        "prompt://{skill}/versions/{n}",
        name="prompt-version",
        title="Prompt version",
        description="One version: text, messages, parents, operator, diff to its parent",
        mime_type=JSON_TYPE,
    )
    @reading
    async def version(skill: str, n: str) -> str:
        return as_json(await service.prompt(skill, _number(n)))


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS):
        raise NotFound(f"{text[:20]!r} is not a version number")
    return int(text)
