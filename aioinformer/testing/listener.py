"""The server's listening socket, which can be shut and opened again while its address stays reserved."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

from aioinformer.testing.link import reset

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Listener"]

_BACKLOG = 1024  # hundreds of informers may come back in one turn of the loop


class Listener:
    """Accepts connections on an address from `open` to `shut`.

    In between, and at first, the address is taken but nobody listens: who connects is refused (ECONNREFUSED). Opening and
    shutting take effect at once. Needs a running loop; ends with `aclose`.
    """

    def __init__(self, host: str, port: int, protocol: Callable[[], asyncio.Protocol]) -> None:
        self._loop = asyncio.get_running_loop()
        self._protocol = protocol
        self._welcoming: set[asyncio.Task[None]] = set()
        self._socket = _reserve((host, port))
        self._address: tuple[str, int] = self._socket.getsockname()
        self.is_open = False

    @property
    def port(self) -> int:
        """The port it has."""
        return self._address[1]

    def open(self) -> None:
        """Accept connections from now on."""
        if not self.is_open:
            self.is_open = True
            self._socket.listen(_BACKLOG)
            self._loop.add_reader(self._socket, self._accept)

    def shut(self) -> None:
        """Refuse connections from now on, and reset those that nobody has spoken on yet."""
        if self.is_open:
            self._close()
            self._socket = _reserve(self._address)

    async def aclose(self) -> None:
        """Give up the address, and return when no connection is half made."""
        self._close()
        await asyncio.gather(*self._welcoming)

    def _close(self) -> None:
        if self.is_open:
            self._loop.remove_reader(self._socket)
        self.is_open = False
        self._socket.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            connection.setblocking(False)
            task = self._loop.create_task(self._welcome(connection, self._socket))
            self._welcoming.add(task)
            task.add_done_callback(self._welcoming.discard)

    async def _welcome(self, connection: socket.socket, accepted_by: socket.socket) -> None:
        transport, _ = await self._loop.connect_accepted_socket(self._protocol, connection)
        if accepted_by.fileno() < 0:  # shut in the meantime
            reset(transport)


def _reserve(address: tuple[str, int]) -> socket.socket:
    reserved = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reserved.bind(address)
    except BaseException:
        reserved.close()
        raise
    reserved.setblocking(False)
    return reserved
