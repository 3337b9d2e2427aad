"""Telling clients that something changed, in both protocol eras.

Since 2026-07-28 a client listens with `subscriptions/listen`; the SDK serves that from its bus. Before, the server
declares `listChanged` and `resources.subscribe` in the handshake and sends notifications to the connections that asked;
the SDK leaves that part to its low-level server, which is reached here and nowhere else.
"""

from typing import Any

from mcp import MCPError
from mcp.server import MCPServer, ServerRequestContext
from mcp.server.connection import Connection
from mcp.server.lowlevel import NotificationOptions
from mcp.server.lowlevel import Server as LowLevelServer
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler
from mcp.shared.subscriptions import PromptsListChanged, ResourcesListChanged, ResourceUpdated
from mcp_types import (
    INVALID_PARAMS,
    EmptyResult,
    NotificationParams,
    SubscribeRequestParams,
    SubscriptionsListenRequestParams,
    SubscriptionsListenResult,
    UnsubscribeRequestParams,
)

from promptbreeder.service import Change, Service

MAX_SUBSCRIPTIONS = 1_000
MAX_URI_CHARACTERS = 200
OPTIONS = NotificationOptions(resources_changed=True, prompts_changed=True)


def low_level(server: MCPServer[Service]) -> LowLevelServer[Any]:
    """Return the SDK's inner server; its public name for it does not exist."""
    return server._lowlevel_server  # noqa: SLF001 - see the docstring


def connection_of(ctx: ServerRequestContext[Service]) -> Connection:
    """Return the connection that a message came through; `ctx.session` is another object for every message."""
    return ctx.session._connection  # noqa: SLF001 - no public name for it either


class Announcer:
    """Sends changes to listeners of both eras."""

    def __init__(self, bus: InMemorySubscriptionBus) -> None:
        """Publish on `bus` for the new era; connections of the old one come in through `install`."""
        self._bus = bus
        self._listen = ListenHandler(bus)
        self._subscribed: dict[Connection, set[str]] = {}
        """Connections of the old era, each with the resources that it asked to hear of."""
        self._listened: dict[object, list[str]] = {}
        """The same of the streams of the new era."""

    def install(self, server: MCPServer[Service]) -> None:
        """Take subscriptions of handshake-era clients, and note those of the others."""
        inner = low_level(server)
        inner.add_notification_handler("notifications/initialized", NotificationParams, self._initialized)
        inner.add_request_handler("subscriptions/listen", SubscriptionsListenRequestParams, self._listening)
        inner.add_request_handler("resources/subscribe", SubscribeRequestParams, self._subscribe)
        inner.add_request_handler("resources/unsubscribe", UnsubscribeRequestParams, self._unsubscribe)

    async def announce(self, change: Change) -> None:
        """Tell whoever listens which lists and resources a change touches."""
        connections = tuple(self._subscribed)
        if change.kind == "skills":
            await self._bus.publish(ResourcesListChanged())
            for connection in connections:
                await connection.send_resource_list_changed()
        if change.kind in {"skills", "production"}:
            await self._bus.publish(PromptsListChanged())
            for connection in connections:
                await connection.send_prompt_list_changed()
        for uri in (*resources_of(change), *self._versions_of(change)):
            await self._bus.publish(ResourceUpdated(uri))
            for connection in connections:
                if uri in self._subscribed.get(connection, ()):
                    await connection.send_resource_updated(uri)

    def _versions_of(self, change: Change) -> list[str]:
        """Return the single versions whose resource a change may touch: of all that there are, those asked for."""
        if change.kind not in {"skills", "production"}:
            return []
        named = set[str]().union(*self._subscribed.values(), *self._listened.values())
        return sorted(uri for uri in named if uri.startswith(f"prompt://{change.skill}/versions/"))

    def _resources_of(self, connection: Connection) -> set[str]:
        if connection not in self._subscribed:
            self._subscribed[connection] = set()
            connection.exit_stack.callback(self._subscribed.pop, connection, None)
        return self._subscribed[connection]

    async def _initialized(self, ctx: ServerRequestContext[Service], params: NotificationParams) -> None:
        del params
        self._resources_of(connection_of(ctx))

    async def _listening(
        self, ctx: ServerRequestContext[Service], params: SubscriptionsListenRequestParams
    ) -> SubscriptionsListenResult:
        stream = object()
        self._listened[stream] = params.notifications.resource_subscriptions or []
        try:
            return await self._listen(ctx, params)
        finally:
            del self._listened[stream]

    async def _subscribe(self, ctx: ServerRequestContext[Service], params: SubscribeRequestParams) -> EmptyResult:
        resources, uri = self._resources_of(connection_of(ctx)), str(params.uri)
        if len(resources) >= MAX_SUBSCRIPTIONS or len(uri) > MAX_URI_CHARACTERS:
            raise MCPError(
                INVALID_PARAMS, f"at most {MAX_SUBSCRIPTIONS} subscriptions of {MAX_URI_CHARACTERS} characters"
            )
        resources.add(uri)
        return EmptyResult()

    async def _unsubscribe(self, ctx: ServerRequestContext[Service], params: UnsubscribeRequestParams) -> EmptyResult:
        self._resources_of(connection_of(ctx)).discard(str(params.uri))
        return EmptyResult()


def resources_of(change: Change) -> tuple[str, ...]:
    """Return the URIs of the resources whose content a change touches, but for those of single versions."""
    production, versions = f"prompt://{change.skill}/production", f"prompt://{change.skill}/versions"
    history = f"history://{change.skill}"
    return {
        "skills": ("skills://index", production, versions, history),
        "version": (versions, history),
        "production": ("skills://index", production, versions, history),
        "run": (f"run://{change.run_id}", "skills://index", history),
        "history": (history,),
        "measured": ("skills://index",),
    }[change.kind]
