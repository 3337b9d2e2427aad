"""Resource `skills://index`."""

from mcp.server import MCPServer

from promptbreeder.service import Service
from promptbreeder_resources.reading import JSON_TYPE, Ctx, as_json, reading, service_of


def register(server: MCPServer[Service]) -> None:
    """Add the index."""

    @server.resource(
        "skills://index",
        name="skills",
        title="Skills",
        description="All skills, with production version and gate accuracy",
        mime_type=JSON_TYPE,
    )
    @reading
    async def index(ctx: Ctx) -> str:
        return as_json(await service_of(ctx).skills())
