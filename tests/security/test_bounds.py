"""No answer takes more memory or time than its bound, however it is made: typed errors say what to do, and nothing crashes."""

from __future__ import annotations

import asyncio
import gzip
import json
import tracemalloc
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from aiohttp import web

import aioinformer
from aioinformer import SharedInformerFactory, framing, reflector
from aioinformer.api_status import status_error
from aioinformer.batches import Undecodable
from aioinformer.errors import APIError, InformerError, MalformedResponse, NetworkError, ServerError
from aioinformer.framing import LineSplitter
from aioinformer.objects import KubeObject
from aioinformer.responses import ERROR_BODY
from aioinformer.transport import Transport
from aioinformer.wire import decode_event, decode_item, decode_page

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from tests.conftest import ClientOf, Serve
    from tests.security.overhearing import Overheard

PATH = "/api/v1/pods"
MB = 1_000_000
BUFFERED = 20 * MB
"""What the sockets of both sides may hold at most after nobody reads any more."""


class Endless:
    """Answers with ``begin`` and then ``more`` for ever, gzipped or not; ``written`` is how many bytes it sent."""

    def __init__(self, begin: bytes, more: bytes, *, gzipped: bool = False, status: int = 200) -> None:
        self.begin = begin
        self.more = more
        self.gzipped = gzipped
        self.status = status
        self.written = 0

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        headers = {"Content-Type": "application/json"}
        if self.gzipped:
            headers["Content-Encoding"] = "gzip"
        response = web.StreamResponse(status=self.status, headers=headers)
        await response.prepare(request)
        begin, more = (gzip.compress(part) if self.gzipped else part for part in (self.begin, self.more))
        await response.write(begin)
        while True:
            await response.write(more)
            self.written += len(more)


@asynccontextmanager
async def little_memory(limit: int) -> AsyncGenerator[None]:
    """What happens inside takes at most so many bytes at any time."""
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak - before < limit


def held_by_the_library() -> int:
    """Bytes in use that its own lines allocated: what the server in this process still sends is not its affair."""
    ours = tracemalloc.Filter(True, str(Path(aioinformer.__file__).parent / "*"))
    return sum(trace.size for trace in tracemalloc.take_snapshot().filter_traces([ours]).traces)


async def last_error(client: Any, overheard: Overheard, **options: Any) -> InformerError:
    """What an informer's first attempt ends with; the informer itself goes on."""
    async with SharedInformerFactory(client) as factory:
        informer = factory.informer("pods", **options)
        await overheard.attempt_over.wait()
        assert informer.failure is None
        assert informer.status.last_error is not None
        return informer.status.last_error


class TestLists:
    @pytest.mark.parametrize("gzipped", [False, True])
    async def test_one_without_end_is_given_up_and_the_error_says_what_to_do(
        self,
        serve: Serve,
        client_of: ClientOf,
        overheard: Overheard,
        monkeypatch: pytest.MonkeyPatch,
        *,
        gzipped: bool,
    ) -> None:
        """Zeros shrink to a thousandth in gzip: what counts is what comes out."""
        monkeypatch.setattr(reflector, "LONGEST_LIST", 3 * MB)
        endless = Endless(b'{"kind":"PodList","metadata":{},"items":[', b"0" * MB, gzipped=gzipped)
        client = client_of(await serve(endless))
        async with little_memory(40 * MB):
            error = await last_error(client, overheard, initial_list="consistent", compress_lists=gzipped)
        assert isinstance(error, MalformedResponse)
        assert "page_size" in str(error)
        assert endless.written < BUFFERED

    def test_the_bound_leaves_room_for_full_pages_of_the_largest_objects(self) -> None:
        """Five hundred objects of etcd's default limit of 1.5 MB."""
        assert reflector.LONGEST_LIST > 500 * 1.5 * MB
        assert reflector.LONGEST_LIST <= 4 * 1024**3


class TestWatches:
    @pytest.mark.parametrize("gzipped", [False, True])
    async def test_a_line_without_end_is_given_up(
        self,
        serve: Serve,
        client_of: ClientOf,
        overheard: Overheard,
        monkeypatch: pytest.MonkeyPatch,
        *,
        gzipped: bool,
    ) -> None:
        """A server may compress what nobody allowed it to compress."""
        monkeypatch.setattr(framing, "MAX_LINE", 3 * MB)
        endless = Endless(b'{"type":"ADDED","object":{', b"0" * MB, gzipped=gzipped)
        client = client_of(await serve(endless))
        async with little_memory(40 * MB):
            error = await last_error(client, overheard)
        assert isinstance(error, MalformedResponse)
        assert "not a Kubernetes watch" in str(error)

    def test_the_bound_is_no_less_than_64_mib_and_no_more_than_a_process_can_bear(self) -> None:
        assert 64 * 1024**2 <= framing.MAX_LINE <= 256 * 1024**2

    def test_the_memory_of_a_long_line_is_given_back(self) -> None:
        splitter, chunk = LineSplitter(), b"x" * (256 * 1024)
        tracemalloc.start()
        for _ in range(100):
            splitter.feed(chunk)
        held, _ = tracemalloc.get_traced_memory()
        assert [end - start for _, start, end in splitter.feed(b"\n{}")] == [100 * len(chunk)]
        freed, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert held > 25 * MB
        assert freed < MB

    async def test_an_idle_watch_does_not_hold_on_to_the_long_line_it_read_last(
        self, serve: Serve, client_of: ClientOf, overheard: Overheard
    ) -> None:
        """The object itself is not kept (it is left out by ``transform``), so nothing of it should be."""
        sent, end = asyncio.Event(), b'"annotations":{"k8s.io/initial-events-end":"true"}'
        long = b'{"metadata":{"name":"n","resourceVersion":"5"},"data":"' + b"x" * (20 * MB) + b'"}'

        async def watch(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse(headers={"Content-Type": "application/json"})
            await response.prepare(request)
            await response.write(b'{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"1",' + end + b"}}}\n")
            await sent.wait()
            await response.write(b'{"type":"ADDED","object":' + long + b"}\n")
            await asyncio.Event().wait()
            return response

        client = client_of(await serve(watch))
        async with SharedInformerFactory(client) as factory:
            informer = factory.informer("pods", transform=lambda _: None)
            await informer.wait_for_cache_sync(10)
            tracemalloc.start()
            sent.set()
            await informer.wait_for_version("5", 10)
            for _ in range(20):
                await asyncio.sleep(0)
            held, (_, peak) = held_by_the_library(), tracemalloc.get_traced_memory()
            tracemalloc.stop()
        assert peak > 20 * MB
        assert held < MB


class TestFailures:
    @pytest.mark.parametrize("gzipped", [False, True])
    async def test_an_explanation_without_end_is_not_listened_to(
        self, serve: Serve, client_of: ClientOf, *, gzipped: bool
    ) -> None:
        endless = Endless(b'{"kind":"Status","message":"', b"0" * MB, gzipped=gzipped, status=500)
        async with Transport(client_of(await serve(endless))) as transport, little_memory(30 * MB):
            with pytest.raises(ServerError) as failed:
                await transport.read(PATH)
        assert str(failed.value) == "500 ServerError"
        assert endless.written < ERROR_BODY + BUFFERED

    @pytest.mark.parametrize(
        ("begin", "more"),
        [
            (b"HTTP/1.1 200 OK\r\n", b"X-Header: value\r\n" * 1000),
            (b"HTTP/1.1 200 OK\r\nX-Header: ", b"x" * 10_000),
            (b"HTTP/1.1 ", b"2" * 10_000),
            (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
            (b"", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" * 1000),
        ],
        ids=["headers", "a header", "a status", "100 Continue", "103 Early Hints"],
    )
    async def test_a_head_without_end_is_given_up(
        self, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch, begin: bytes, more: bytes
    ) -> None:
        monkeypatch.setattr("aioinformer.transport.ANSWER_TIMEOUT", 0.1)

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with suppress(OSError):
                await reader.readuntil(b"\r\n\r\n")
                writer.write(begin)
                while True:
                    writer.write(more)
                    await writer.drain()

        server = await asyncio.start_server(connected, "127.0.0.1", 0)
        client = client_of(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        async with server, Transport(client) as transport, little_memory(30 * MB):
            with pytest.raises(NetworkError):
                await transport.read(PATH)


DEPTH = 200_000
"""Levels: enough to overrun the stack of a parser that recurses without counting."""
DEEP = {
    "arrays": b"[" * DEPTH + b"]" * DEPTH,
    "objects": b'{"a":' * DEPTH + b"1" + b"}" * DEPTH,
    "both": b'[{"a":' * DEPTH + b"1" + b"}]" * DEPTH,
}
READERS: dict[str, Callable[[bytes], object]] = {
    "a line": decode_event,
    "an event's object": lambda deep: decode_event(b'{"type":"ADDED","object":%b}' % deep),
    "a field of one": lambda deep: decode_event(b'{"type":"ADDED","object":{"metadata":{"name":"n"},"x":%b}}' % deep),
    "its metadata": lambda deep: decode_event(b'{"type":"ADDED","object":{"metadata":{"name":"n","x":%b}}}' % deep),
    "a bookmark": lambda deep: decode_event(b'{"type":"BOOKMARK","object":{"metadata":%b}}' % deep),
    "an ERROR": lambda deep: decode_event(b'{"type":"ERROR","object":%b}' % deep[:900_000]),
    "a page": decode_page,
    "an item": lambda deep: only_item(b'{"kind":"L","metadata":{},"items":[{"metadata":{"name":"n"},"x":%b}]}' % deep),
    "a Status": lambda deep: status_error(500, deep),
}


def only_item(body: bytes) -> object:
    page = decode_page(body)
    (item,) = page.items
    return decode_item(item, page.kind, page.api_version)


@pytest.mark.parametrize("shape", DEEP)
@pytest.mark.parametrize("read", READERS)
def test_json_of_any_depth_is_refused_or_set_aside(read: str, shape: str) -> None:
    try:
        found = READERS[read](DEEP[shape])
    except (MalformedResponse, APIError):
        return
    assert isinstance(found, Undecodable | APIError)


@pytest.mark.parametrize("shape", DEEP)
def test_a_view_of_such_an_object_is_refused_too(shape: str) -> None:
    with pytest.raises((msgspec.DecodeError, RecursionError)):
        KubeObject.from_json(b'{"metadata":%b}' % DEEP[shape])


@pytest.mark.parametrize(
    "document", [b"[" * 1000 + b"]" * 1000, json.dumps({"kind": "x" * MB, "metadata": {}}).encode()]
)
def test_what_an_error_quotes_is_short(document: bytes) -> None:
    for read in (decode_event, decode_page):
        with pytest.raises(MalformedResponse) as refused:
            read(document)
        assert len(str(refused.value)) < 300
