"""Resources `history://{skill}`: events, newest first; and what was in production at a time."""

from mcp.server import MCPServer

from promptbreeder.errors import NotFound
from promptbreeder.service import Service
from promptbreeder_resources.reading import JSON_TYPE, as_json, reading

PAGE = 50
_DIGITS = 15


def register(server: MCPServer[Service], service: Service) -> None:
    """Add the templates."""

    @server.resource(
        "history://{skill}{?before}",
        name="history",
        title="History",
        description=f"What happened to a skill, newest first, {PAGE} at a time; before=ID gives older events",
        mime_type=JSON_TYPE,
    )
    @reading
    async def history(skill: str, before: str = "") -> str:
        if before and not (before.isascii() and before.isdigit() and len(before) <= _DIGITS):
            raise NotFound(f"{before[:20]!r} is not the id of an event")
        return as_json(await service.history(skill, before_id=int(before) if before else None, limit=PAGE))

    @server.resource(
        "history://{skill}/production/{time}",
        name="past-production",
        title="Production at a time",
        description="Which version was in production at a time, e.g. 2026-01-31T12:00:00Z",
        mime_type=JSON_TYPE,
    )
    @reading
    async def past_production(skill: str, time: str) -> str:
        return as_json(await service.production_at(skill, time))
