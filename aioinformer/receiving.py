"""How bytes come in: bodies of chunked JSON are read here, out of one buffer for all connections; aiohttp reads the rest.

A kube-apiserver sends each event of a watch as a chunk of its own. aiohttp handles chunks one by one and takes a new
quarter of a mebibyte for each read, which for a busy watch is more work than all that follows. So a ``Receiver`` stands
between each connection and aiohttp's protocol. Of a response that ``is_chunked_json`` aiohttp gets the head, which it
judges as it does any other, and the end, so that it takes the connection back; what lies between goes to a ``ChunkedBody``.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import aiohttp

from aioinformer.chunked import Dechunker, is_chunked_json
from aioinformer.discretion import say
from aioinformer.errors import NetworkError

if TYPE_CHECKING:
    from aiohttp import ClientRequest, ClientTimeout
    from aiohttp.client_proto import ResponseHandler
    from aiohttp.connector import Connection
    from aiohttp.tracing import Trace

__all__ = ["READ_BUFFER", "ChunkedBody", "Connector"]

READ_BUFFER = 256 * 1024
"""Bytes that wait in user space per connection before TCP is asked to slow down; one read more may come on top."""
RECEIVE_BUFFER = 256 * 1024
"""Bytes that one read brings at most. The more, the fewer turns of the loop; what no longer fits the processor's cache is slower again."""
WORTH_A_READ = 64 * 1024
"""Bytes that are handed on as they came; fewer are joined with what came after them, which costs less than a turn for each."""
LONGEST_HEAD = 64 * 1024
"""Bytes; aiohttp has stricter limits of its own."""
_END = b"0\r\n\r\n"
_END_OF_HEAD = b"\r\n\r\n"


class ChunkedBody:
    """The body of a response under way. One task reads it."""

    __slots__ = ("_arrived", "_chunks", "_failure", "_receiver", "_size", "_waiter")

    def __init__(self, receiver: Receiver) -> None:
        self._receiver: Receiver | None = receiver
        self._chunks = Dechunker()
        self._arrived: list[bytes] = []
        self._size = 0
        self._failure = ""
        self._waiter: asyncio.Future[None] | None = None

    async def read(self) -> bytes:
        """Whatever has arrived, at least a byte; ``b""`` at the end, which gives the connection back. Cancelling it loses nothing.

        Raises:
            NetworkError: the connection broke, or the chunks make no sense. What came before is returned first.
        """
        while not self._arrived:
            if self._chunks.ended:
                receiver, self._receiver = self._receiver, None
                if receiver is not None:
                    receiver.finish()
                return b""
            if self._failure:
                raise NetworkError(f"the connection broke: {self._failure}")
            await self._more()
        if len(self._arrived) > 1 and len(self._arrived[0]) < WORTH_A_READ:
            self._arrived = [b"".join(self._arrived)]
        body = self._arrived.pop(0)
        self._size -= len(body)
        if self._receiver is not None and not self.is_full:
            self._receiver.resume()
        return body

    async def _more(self) -> None:
        if self._waiter is not None:
            raise RuntimeError("somebody else is reading this body")
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def feed(self, data: memoryview) -> bool:
        """Take in what has come; whether it makes sense."""
        chunks = self._chunks
        body = chunks.feed(data)
        if body:
            self._arrived.append(body)
            self._size += len(body)
        if body or chunks.ended:
            self._wake()
        if chunks.broken:
            self.fail(f"what came is not HTTP: {chunks.broken}")
            return False
        return True

    @property
    def is_full(self) -> bool:
        """Whether so much waits to be read that no more should come."""
        return self._size > READ_BUFFER

    def fail(self, why: str) -> None:
        """Nothing more will come; of a body that has ended nothing is missing."""
        self._failure, self._receiver = self._failure or why, None
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class Receiver(asyncio.BufferedProtocol):
    """Stands between a connection and aiohttp's protocol, for as long as the connection lasts."""

    __slots__ = ("_buffer", "_handler", "_head", "_is_idle", "_paused", "_transport", "body")

    def __init__(self, handler: ResponseHandler, transport: asyncio.Transport, buffer: memoryview) -> None:
        self._handler: ResponseHandler | None = handler
        self._transport = transport
        self._buffer = buffer
        self._head: bytes | None = None
        """What has come of a response's head; ``None`` while none is expected."""
        self._is_idle = False
        """Whether the server has nothing to say: no request has been sent since a body ended."""
        self._paused = False
        self.body: ChunkedBody | None = None
        """What it reads itself of the response under way."""

    def begin(self) -> None:
        """A request is about to be sent."""
        self._head, self._is_idle, self.body = b"", False, None

    def finish(self) -> None:
        """The body has been read: aiohttp may have the connection back."""
        self.body, self._is_idle = None, True
        self._pass_on(_END)

    def resume(self) -> None:
        """There is room again."""
        if self._paused:
            self._paused = False
            if not self._transport.is_closing():
                self._transport.resume_reading()

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002  # asyncio's signature
        """Memory that is free again once ``buffer_updated`` returns."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """So much of it has come."""
        data = self._buffer[:nbytes]
        if self.body is not None:
            self._feed(self.body, data)
        elif self._head is not None:
            self._look_at_head(bytes(data))
        elif self._is_idle:  # it would be taken for the answer to the next request
            self._transport.abort()
        else:
            self._pass_on(bytes(data))

    def eof_received(self) -> None:
        """The server has nothing more to say; asyncio closes the connection."""
        if self._handler is not None:
            self._handler.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over; of a body what came can still be read."""
        handler, self._handler = self._handler, None
        if self.body is not None:
            self.body.fail("the answer is cut short" if exc is None else say(exc))
        if handler is not None:
            handler.connection_lost(exc)

    def pause_writing(self) -> None:
        """Too much waits to be sent."""
        if self._handler is not None:
            self._handler.pause_writing()

    def resume_writing(self) -> None:
        """There is room again for what is to be sent."""
        if self._handler is not None:
            self._handler.resume_writing()

    def _pass_on(self, data: bytes) -> None:
        if self._handler is not None:
            self._handler.data_received(data)

    def _feed(self, body: ChunkedBody, data: memoryview) -> None:
        if not body.feed(data):
            self._transport.abort()
        elif body.is_full and not self._paused:
            self._paused = True
            self._transport.pause_reading()

    def _look_at_head(self, data: bytes) -> None:
        """Hand the head on as it comes, and decide at its end who reads what follows."""
        head = (self._head or b"") + data
        end = head.find(_END_OF_HEAD) + len(_END_OF_HEAD)
        if end < len(_END_OF_HEAD):
            self._head = head if len(head) < LONGEST_HEAD else None
            self._pass_on(data)
            return
        self._head, rest = None, head[end:]
        if not is_chunked_json(head[:end]):
            self._pass_on(data)
            return
        self._pass_on(data[: len(data) - len(rest)])
        if self._transport.is_closing():  # aiohttp has found something wrong with it
            return
        self.body = ChunkedBody(self)
        if rest:
            self._feed(self.body, memoryview(rest))


class Connector(aiohttp.TCPConnector):
    """Connections with a ``Receiver`` each. Make it inside a running loop."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)  # pyright: ignore[reportUnknownMemberType]  # annotated in part
        self._receivers: WeakKeyDictionary[ResponseHandler, Receiver] = WeakKeyDictionary()
        self._shared = _buffer() if _reads_at_once(type(asyncio.get_running_loop())) else None

    async def connect(self, req: ClientRequest, traces: list[Trace], timeout: ClientTimeout) -> Connection:  # noqa: ASYNC109  # aiohttp's signature
        """A connection for a request, new or used before."""
        connection = await super().connect(req, traces, timeout)
        handler, transport = connection.protocol, connection.transport
        if handler is not None and transport is not None:
            receiver = self._receivers.get(handler)
            if receiver is None:
                receiver = Receiver(handler, transport, self._shared or _buffer())
                self._receivers[handler] = receiver
                transport.set_protocol(receiver)
            receiver.begin()
        return connection

    def body_of(self, response: aiohttp.ClientResponse) -> ChunkedBody | None:
        """The body of a response, if it is read here."""
        handler = response.connection.protocol if response.connection is not None else None
        receiver = self._receivers.get(handler) if handler is not None else None
        return receiver.body if receiver is not None else None


def _buffer() -> memoryview:
    return memoryview(bytearray(RECEIVE_BUFFER))


def _reads_at_once(loop: type[asyncio.AbstractEventLoop]) -> bool:
    """Whether such a loop fills a buffer and says so without doing anything else in between, so that one will do for all.

    asyncio's own do, the one for Windows too (it copies from buffers of its own), and so does uvloop.
    """
    kinds = loop.__mro__
    return asyncio.BaseEventLoop in kinds or any(kind.__module__.partition(".")[0] == "uvloop" for kind in kinds)
