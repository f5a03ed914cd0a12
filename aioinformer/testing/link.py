"""The way back to a client: where responses stall, trickle, and lose their connection."""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NoReturn

from aioinformer.testing.conditions import Refused, Slowed, Stalled

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator

    from aioinformer.testing.faults import Faults, Target
    from aioinformer.testing.requests import Journal, Request

__all__ = ["Link", "Links", "reset"]

_PORTION = 0.1  # seconds between the portions of a slow body
_RESET = struct.pack("ii", 1, 0)  # linger on, for no time: closing sends RST


def reset(transport: asyncio.BaseTransport | None) -> None:
    """Drop a connection with a TCP reset; what was not sent is lost."""
    if not isinstance(transport, asyncio.Transport):
        return
    connection = transport.get_extra_info("socket")
    if connection is not None and connection.fileno() >= 0:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    transport.abort()


class Link:
    """Carries the response to one request, as fast as the faults in force let it."""

    def __init__(
        self, request: Request, transport: asyncio.BaseTransport | None, *, faults: Faults, journal: Journal
    ) -> None:
        self.request = request
        self.transport = transport
        self._faults = faults
        self._journal = journal
        self.held = False

    @property
    def is_slow(self) -> bool:
        """Whether a body has to be sent through `send` to be slowed down."""
        return self._faults.concerning(self.request, Slowed) is not None

    @property
    def is_refused(self) -> bool:
        """Whether the request is to be answered by a reset."""
        return self._faults.concerning(self.request, Refused) is not None

    def drop(self) -> None:
        """Close the connection at once; what was not sent is lost."""
        if isinstance(self.transport, asyncio.Transport):
            self.transport.abort()

    async def reset(self) -> NoReturn:
        """Reset the connection, and wait to be cancelled for it."""
        reset(self.transport)
        await _cancellation()

    async def hang_up(self) -> NoReturn:
        """Close the connection without ending the response, once all is sent, and wait to be cancelled for it."""
        if isinstance(self.transport, asyncio.Transport):
            self.transport.close()
        await _cancellation()

    async def clear(self) -> None:
        """Return once nothing holds the response up; never if the connection is gone. Cancelling is harmless."""
        await self._hold(lambda: self._faults.concerning(self.request, Stalled) is None)
        if self._is_gone:
            await _cancellation()  # which is on its way

    async def send(self, write: Callable[[bytes], Awaitable[None]], data: bytes) -> None:
        """Write bytes as the link allows. Cancelling loses those not written."""
        while data:
            await self.clear()
            slowed = self._faults.concerning(self.request, Slowed)
            if slowed is None:
                await write(data)
                return
            portion = max(1, int(slowed.rate * _PORTION))
            head, data = data[:portion], data[portion:]
            await write(head)
            await self._pause(len(head) / slowed.rate, slowed)

    @property
    def _is_gone(self) -> bool:
        return not isinstance(self.transport, asyncio.Transport) or self.transport.is_closing()

    async def _pause(self, seconds: float, slowed: Slowed) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._hold(lambda: not slowed.in_force)

    async def _hold(self, condition: Callable[[], bool]) -> None:
        self.held = True
        try:
            await self._journal.until(condition)
        finally:
            self.held = False


class Links:
    """The links of all requests under way."""

    def __init__(self) -> None:
        self._links: set[Link] = set()

    @contextmanager
    def open(self, link: Link) -> Generator[Link]:
        """Count a link in for as long as its request is under way."""
        self._links.add(link)
        try:
            yield link
        finally:
            self._links.discard(link)

    def reset(self, target: Target) -> None:
        """Reset the connections of the meant requests."""
        for link in self._links:
            if target.covers(link.request):
                reset(link.transport)

    def drop_held(self) -> None:
        """Drop the connections of responses that a fault holds up."""
        for link in self._links:
            if link.held:
                link.drop()


async def _cancellation() -> NoReturn:
    while True:
        await asyncio.get_running_loop().create_future()
