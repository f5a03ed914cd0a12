from __future__ import annotations

import asyncio
import gc
import gzip
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

from aioinformer.errors import APIError, MalformedResponse, NetworkError
from aioinformer.receiving import (
    LONGEST_HEAD,
    READ_BUFFER,
    RECEIVE_BUFFER,
    WORTH_A_READ,
    ChunkedBody,
    Connector,
    _reads_at_once,
)
from aioinformer.testing import VirtualTimeLoop
from aioinformer.transport import Transport
from tests.security.certificates import made_in

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncGenerator, Awaitable, Callable
    from pathlib import Path

    from aioinformer.reflector import Body
    from tests.conftest import ClientOf

    Talk: TypeAlias = "Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]"

PATH = "/api/v1/pods"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


async def asked(reader: asyncio.StreamReader) -> None:
    await reader.readuntil(b"\r\n\r\n")


@asynccontextmanager
async def speaking(talk: Talk, tls: ssl.SSLContext | None = None) -> AsyncGenerator[str]:
    """A server that talks so to whoever connects; its URL."""
    talks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        talks.add(task)
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                await talk(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        for each in talks:
            each.cancel()
        await asyncio.gather(*talks, return_exceptions=True)


def saying(*replies: bytes) -> Talk:
    """Each of these to one request; then hangs up."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for reply in replies:
            await asked(reader)
            writer.write(reply)
            await writer.drain()

    return talk


async def whole(body: Body) -> bytes:
    parts = []
    while part := await body.read():
        parts.append(part)
    return b"".join(parts)


class Place:
    """A connection's socket, as its server sees it, told from any other."""

    def __init__(self) -> None:
        self.peers: list[Any] = []

    def note(self, writer: asyncio.StreamWriter) -> None:
        self.peers.append(writer.get_extra_info("peername"))


@pytest.fixture(params=["plain", "TLS"])
def tls(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[ssl.SSLContext | None, dict[str, Any]]:
    """What a server listens with, and what a client of it is told."""
    if request.param == "plain":
        return None, {}
    certificates = made_in(tmp_path)
    return certificates.server("IP:127.0.0.1"), {"ssl_ca_cert": certificates.authority}


Secured: TypeAlias = "tuple[ssl.SSLContext | None, dict[str, Any]]"


class TestBodies:
    async def test_are_read_here_and_their_connection_is_used_again(self, client_of: ClientOf, tls: Secured) -> None:
        place, data = Place(), b"x" * (2 * RECEIVE_BUFFER + 5)

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while True:
                await asked(reader)
                place.note(writer)
                writer.write(HEAD + chunk(b"{}") + chunk(data) + b"1;x\r\n!\r\n0\r\nTrailer: t\r\n\r\n")
                await writer.drain()

        async with speaking(talk, tls[0]) as url, Transport(client_of(url, **tls[1])) as transport:
            for _ in range(3):
                async with transport.get(PATH) as body:
                    assert isinstance(body, ChunkedBody)
                    assert await whole(body) == b"{}" + data + b"!"
                    assert await body.read() == b""
        assert len(place.peers) == 3
        assert len(set(place.peers)) == 1

    async def test_are_the_same_in_whatever_pieces_they_come(self, client_of: ClientOf) -> None:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await asked(reader)
            for byte in HEAD + chunk(b"first") + chunk(b"second") + END:
                writer.write(bytes([byte]))
                await asyncio.sleep(0)

        async with speaking(talk) as url, Transport(client_of(url)) as transport, transport.get(PATH) as body:
            assert isinstance(body, ChunkedBody)
            assert await whole(body) == b"firstsecond"

    async def test_one_that_came_whole_before_the_server_hung_up_is_whole(self, client_of: ClientOf) -> None:
        talk = saying(HEAD + chunk(b"{}") + END)
        async with speaking(talk) as url, Transport(client_of(url)) as transport, transport.get(PATH) as body:
            assert await body.read() == b"{}"
            await gone(transport)
            assert await body.read() == b""

    async def test_one_that_came_whole_with_its_head_is_whole_too(
        self, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The server may have hung up before anybody has looked at the head."""
        ours = Connector.body_of

        def late(connector: Connector, response: Any) -> ChunkedBody | None:
            for receiver in list(connector._receivers.values()):
                receiver.connection_lost(None)
            return ours(connector, response)

        monkeypatch.setattr(Connector, "body_of", late)
        talk = saying(HEAD + chunk(b"{}") + END)
        async with speaking(talk) as url, Transport(client_of(url)) as transport:
            assert await transport.read(PATH) == b"{}"

    async def test_leaving_one_unread_closes_its_connection(self, client_of: ClientOf, tls: Secured) -> None:
        over = asyncio.Event()

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await asked(reader)
            writer.write(HEAD + chunk(b"{}"))
            with suppress(ConnectionError):
                assert await reader.read() == b""
            over.set()

        async with speaking(talk, tls[0]) as url, Transport(client_of(url, **tls[1])) as transport:
            async with transport.get(PATH) as body:
                assert await body.read() == b"{}"
            await asyncio.wait_for(over.wait(), 5)


class TestReading:
    async def test_cancelling_it_loses_nothing(self, client_of: ClientOf) -> None:
        go_on = asyncio.Event()

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await asked(reader)
            writer.write(HEAD)
            await go_on.wait()
            writer.write(chunk(b"{}") + END)

        async with speaking(talk) as url, Transport(client_of(url)) as transport, transport.get(PATH) as body:
            reading = asyncio.ensure_future(body.read())
            await asyncio.sleep(0)
            reading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reading
            go_on.set()
            assert await whole(body) == b"{}"

    async def test_is_for_one_task(self, client_of: ClientOf) -> None:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await asked(reader)
            writer.write(HEAD)
            await reader.read()

        async with speaking(talk) as url, Transport(client_of(url)) as transport, transport.get(PATH) as body:
            reading = asyncio.ensure_future(body.read())
            await asyncio.sleep(0)
            with pytest.raises(RuntimeError, match="somebody else"):
                await body.read()
            reading.cancel()

    async def test_who_does_not_read_stops_the_server_and_who_reads_on_lets_it_go_on(
        self, client_of: ClientOf, tls: Secured
    ) -> None:
        part, parts = b"x" * 100_000, 400
        stopped = asyncio.Event()

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await asked(reader)
            writer.write(HEAD)
            for _ in range(parts):
                writer.write(chunk(part))
                if not stopped.is_set() and writer.transport.get_write_buffer_size() > 20_000_000:
                    stopped.set()
                    await writer.drain()
            writer.write(END)
            await writer.drain()
            await reader.read()

        async with speaking(talk, tls[0]) as url, Transport(client_of(url, **tls[1])) as transport:
            async with transport.get(PATH) as body:
                assert isinstance(body, ChunkedBody)
                await stopped.wait()
                (receiver,) = transport._connector._receivers.values()
                while not receiver._paused:  # noqa: ASYNC110  # it has no event to set
                    await asyncio.sleep(0)
                assert READ_BUFFER < body._size <= READ_BUFFER + RECEIVE_BUFFER
                assert len(await whole(body)) == parts * len(part)

    async def test_what_is_much_is_handed_on_as_it_came_and_what_is_little_at_once(self, client_of: ClientOf) -> None:
        """Joining much would copy it once more; a read for each little would take a turn of the task."""
        much, little = b"x" * WORTH_A_READ, [b"a", b"b", b"c"]

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await asked(reader)
            writer.write(HEAD)
            await reader.read()

        async with speaking(talk) as url, Transport(client_of(url)) as transport, transport.get(PATH) as body:
            assert isinstance(body, ChunkedBody)
            for part in (much, *little, much, much):
                assert body.feed(memoryview(chunk(part)))
            assert body._size == 3 * len(much) + 3
            assert [await body.read() for _ in range(2)] == [much, b"".join(little) + 2 * much]
            assert body._size == 0


async def gone(transport: Transport) -> None:
    """Wait until no connection is left."""
    while any(receiver._handler is not None for receiver in transport._connector._receivers.values()):  # noqa: ASYNC110  # as above
        await asyncio.sleep(0)


class TestFailures:
    @pytest.mark.parametrize("reset", [False, True])
    async def test_a_connection_that_breaks_in_the_middle_of_a_chunk_yields_what_came_and_says_so(
        self, client_of: ClientOf, tls: Secured, *, reset: bool
    ) -> None:
        cut = asyncio.Event()

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await asked(reader)
            writer.write(HEAD + chunk(b"whole") + b"5\r\nha")
            await cut.wait()
            if reset:
                writer.transport.abort()

        async with speaking(talk, tls[0]) as url, Transport(client_of(url, **tls[1])) as transport:
            async with transport.get(PATH) as body:
                assert await body.read() == b"wholeha"
                cut.set()
                with pytest.raises(NetworkError, match="the connection broke"):
                    await body.read()
                with pytest.raises(NetworkError, match="the connection broke") as broken:
                    await body.read()
        assert broken.value.__cause__ is broken.value.__context__ is None

    @pytest.mark.parametrize("rest", [b"zz\r\n", b"3\r\nabcd\r\n", b"0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"])
    async def test_chunks_that_make_no_sense_close_the_connection(self, client_of: ClientOf, rest: bytes) -> None:
        over = asyncio.Event()

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await asked(reader)
            writer.write(HEAD + chunk(b"canary") + rest)
            with suppress(ConnectionError):
                await reader.read()
            over.set()

        async with speaking(talk) as url, Transport(client_of(url)) as transport, transport.get(PATH) as body:
            with pytest.raises(NetworkError, match="what came is not HTTP") as broken:
                await whole(body)
            await asyncio.wait_for(over.wait(), 5)
        assert "canary" not in repr(broken.value)

    async def test_what_comes_unasked_is_nobodys_answer(self, client_of: ClientOf) -> None:
        place = Place()

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await asked(reader)
            place.note(writer)
            writer.write(HEAD + chunk(b"{}") + END)
            await read.wait()
            if len(place.peers) == 1:
                writer.write(HEAD + chunk(b"smuggled") + END)
            await reader.read()

        read = asyncio.Event()
        async with speaking(talk) as url, Transport(client_of(url)) as transport:
            assert await transport.read(PATH) == b"{}"
            read.set()
            await gone(transport)
            assert await transport.read(PATH) == b"{}"
        assert len(set(place.peers)) == 2

    async def test_a_head_that_aiohttp_refuses_is_refused(self, client_of: ClientOf) -> None:
        head = HEAD.replace(b"\r\n\r\n", b"\r\n" + b"X: y\r\n" * 1000 + b"\r\n")
        async with speaking(saying(head + chunk(b"{}") + END)) as url, Transport(client_of(url)) as transport:
            with pytest.raises(NetworkError, match="what came is not HTTP"):
                await transport.read(PATH)

    async def test_a_head_without_end_is_not_kept(self, client_of: ClientOf) -> None:
        async with speaking(saying(b"HTTP/1.1 200 OK\r\n" + b"X" * 2 * LONGEST_HEAD)) as url:
            async with Transport(client_of(url)) as transport:
                with pytest.raises(NetworkError):
                    await transport.read(PATH)


class TestTheRest:
    @pytest.mark.parametrize(
        ("reply", "body"),
        [
            (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}", b"{}"),
            (b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n{}", b"{}"),
            (
                HEAD.replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n") + chunk(gzip.compress(b"{}")) + END,
                b"{}",
            ),
            (b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + HEAD + chunk(b"{}") + END, b"{}"),
            (HEAD.replace(b"200 OK", b"206 Partial") + chunk(b"{}") + END, b"{}"),
        ],
        ids=["a length", "until the end", "gzip", "early hints", "another success"],
    )
    async def test_is_read_by_aiohttp(self, client_of: ClientOf, reply: bytes, body: bytes) -> None:
        async with speaking(saying(reply)) as url, Transport(client_of(url)) as transport:
            async with transport.get(PATH) as answer:
                assert not isinstance(answer, ChunkedBody)
                assert await whole(answer) == body

    async def test_a_failure_in_chunks_is_explained_and_a_page_of_another_kind_refused(
        self, client_of: ClientOf
    ) -> None:
        said = chunk(b'{"kind":"Status","message":"no more of it"}') + END
        talk = saying(
            HEAD.replace(b"200 OK", b"410 Gone") + said, HEAD.replace(b"application/json", b"text/html") + END
        )
        async with speaking(talk) as url, Transport(client_of(url)) as transport:
            with pytest.raises(APIError, match="no more of it"):
                await transport.read(PATH)
            with pytest.raises(MalformedResponse, match="login page"):
                await transport.read(PATH)

    async def test_one_connection_may_carry_both_kinds(self, client_of: ClientOf) -> None:
        plain = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n[]"
        talk = saying(plain, HEAD + chunk(b"{}") + END, plain, HEAD + END)
        async with speaking(talk) as url, Transport(client_of(url)) as transport:
            assert [await transport.read(PATH) for _ in range(4)] == [b"[]", b"{}", b"[]", b""]


class TestMemory:
    async def test_connections_share_one_buffer_and_are_forgotten_when_they_end(self, client_of: ClientOf) -> None:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await asked(reader)
            writer.write(HEAD + chunk(b"{}"))
            await reader.read()

        async with speaking(talk) as url, Transport(client_of(url)) as transport:
            connector = transport._connector
            async with transport.get(PATH), transport.get(PATH):
                one, other = connector._receivers.values()
                assert one._buffer is other._buffer
                del one, other
            await gone(transport)
            gc.collect()
            assert not connector._receivers

    def test_a_loop_that_nobody_knows_fills_a_buffer_for_each(self) -> None:
        """It may hold on to a buffer while it reads for others, as completion ports do."""

        class Unknown(asyncio.AbstractEventLoop):
            pass

        class Uvloop(asyncio.AbstractEventLoop):
            __module__ = "uvloop.loop"

        known: list[Any] = [Uvloop, asyncio.SelectorEventLoop, VirtualTimeLoop]
        unknown: Any = Unknown
        assert all(map(_reads_at_once, known))
        assert not _reads_at_once(unknown)
