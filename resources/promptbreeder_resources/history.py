"""Resource `history://{skill}`: events, newest first."""

from mcp.server import MCPServer

from promptbreeder.service import Service
from promptbreeder_resources.reading import JSON_TYPE, as_json, reading

PAGE = 50
_DIGITS = 15


def register(server: MCPServer[Service], service: Service) -> None:
    """Add the template."""

    @server.resource(
        "history://{skill}{?before}",
        name="history",
        title="History",
        description=f"What happened to a skill, newest first, {PAGE} at a time; before=ID gives older events",
        mime_type=JSON_TYPE,
    )
    @reading
    async def history(skill: str, before: str = "") -> str:
        before_id = int(before) if before.isascii() and before.isdigit() and len(before) <= _DIGITS else None
        return as_json(await service.history(skill, before_id=before_id, limit=PAGE))
