"""A server's front: the socket it listens on and the connections it has, opened and shut as faults ask."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiohttp import web

from aioinformer.testing.link import reset
from aioinformer.testing.listener import Listener

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ["Front"]

_SHUTDOWN = 0.1  # seconds a response may take to finish before its connection is dropped


class Front:
    """HTTP on an address, answered by one handler whose task is cancelled when its connection is lost.

    Shut at first. Needs a running loop; ends with `aclose`.
    """

    def __init__(
        self, host: str, port: int, handle: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
    ) -> None:
        self._http = web.Server(handle, handler_cancellation=True, access_log=None)
        self._listener = Listener(host, port, self._http)

    @property
    def port(self) -> int:
        """The port it has, whether open or shut."""
        return self._listener.port

    def open(self) -> None:
        """Let clients connect from now on."""
        self._listener.open()

    def shut(self) -> None:
        """Refuse connections from now on, and reset all there are."""
        self._listener.shut()
        for connection in self._http.connections:
            reset(connection.transport)

    async def aclose(self) -> None:
        """Let nobody in, give responses a moment to end, and close all connections."""
        await self._listener.aclose()
        transports = [connection.transport for connection in self._http.connections]
        self._http.pre_shutdown()
        await self._http.shutdown(_SHUTDOWN)
        for transport in transports:
            if transport is not None:
                transport.abort()  # a client that does not read would keep a merely closed one open
        await asyncio.sleep(0)
