"""What is in a Secret is in no log record, exception, status or representation, whatever befalls it on its way."""

from __future__ import annotations

import asyncio
import base64
import enum
import gc
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from kubernetes_asyncio.client import V1Secret

from aioinformer import SharedInformerFactory
from aioinformer.batches import Change, Deltas, SnapshotPage
from aioinformer.errors import InformerError, NetworkError, ObjectRejected
from aioinformer.objects import KubeObject
from aioinformer.transport import Transport
from aioinformer.wire import decode_event, decode_item, decode_page
from tests.security.overhearing import Overheard, said_by, spilt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aioinformer.informer import Informer
    from tests.conftest import ClientOf, Serve

CANARY = "canary-body-3f9c-0123456789"
ENCODED = base64.b64encode(CANARY.encode()).decode()
SECRETS = [CANARY, ENCODED, "canary-body"]


def secret(name: str, version: int, /, **metadata: Any) -> dict[str, Any]:
    """A Secret as kubectl apply leaves it: the whole of it once more in an annotation."""
    data = {"password": ENCODED, CANARY: ENCODED}
    applied = {"kubectl.kubernetes.io/last-applied-configuration": json.dumps({"stringData": {"password": CANARY}})}
    own = {"name": name, "namespace": "default", "uid": name, "resourceVersion": str(version), "annotations": applied}
    return {"kind": "Secret", "apiVersion": "v1", "metadata": {**own, **metadata}, "data": data, "type": CANARY}


def event(kind: str, document: dict[str, Any]) -> bytes:
    return json.dumps({"type": kind, "object": document}, separators=(",", ":")).encode() + b"\n"


def page(*items: dict[str, Any]) -> bytes:
    return json.dumps(
        {"kind": "SecretList", "apiVersion": "v1", "metadata": {"resourceVersion": "5"}, "items": items}
    ).encode()


BOOKMARK = event(
    "BOOKMARK", {"metadata": {"resourceVersion": "5", "annotations": {"k8s.io/initial-events-end": "true"}}}
)


def damaged(whole: bytes) -> st.SearchStrategy[bytes]:
    """The bytes cut off somewhere, or with something foreign among them."""
    at = st.integers(0, len(whole))
    foreign = st.binary(min_size=1, max_size=4) | st.sampled_from([b'"', b"\\", b"}", b"]", b"\xff", b"\\ud800", b"0"])
    return at.map(lambda end: whole[:end]) | st.tuples(at, foreign).map(lambda t: whole[: t[0]] + t[1] + whole[t[0] :])


def read_as_a_line(body: bytes) -> Iterator[object]:
    found = decode_event(body.rstrip(b"\n"))
    yield found
    yield Deltas([found], "5")  # type: ignore[list-item]  # only its representation matters


def read_as_a_page(body: bytes) -> Iterator[object]:
    found = decode_page(body)
    items = [decode_item(item, found.kind, found.api_version) for item in found.items]
    yield from (found, *items, SnapshotPage(items))


@given(
    st.one_of(
        damaged(event("ADDED", secret("web", 3))),
        damaged(event("DELETED", secret("web", 3, labels={"a": 1}))),
        damaged(event("BOOKMARK", secret("web", 3))),
        damaged(event("ERROR", secret("web", 3))),
        damaged(page(secret("web", 3), secret("db", 4, name=5))),
    ),
    st.sampled_from([read_as_a_line, read_as_a_page]),
)
def test_bytes_that_are_damaged_anywhere(body: bytes, read: Callable[[bytes], Iterator[object]]) -> None:
    said: list[str] = []
    try:
        for found in read(body):
            said += [repr(found), str(found)]
            error = getattr(found, "error", None)
            said += said_by(error) if error is not None else ()
    except InformerError as refused:
        said += said_by(refused)
    assert spilt(said, SECRETS) == []


def test_views_records_and_what_they_hold() -> None:
    delta: Any = decode_event(event("ADDED", secret("web", 3)))
    view = KubeObject(delta.record)
    assert (view["data"]["password"], view.metadata.uid) == (ENCODED, "web")
    change = Change("default/web", delta.record, delta.record, delta.record)
    held = [
        delta,
        delta.record,
        view,
        view.metadata,
        change,
        [view],
        {"a": view.metadata},
        view.metadata.owner_references,
    ]
    assert spilt([text for each in held for text in (repr(each), str(each))], SECRETS) == []


class Level(enum.Enum):
    LOW = "low"


class Enumerated(msgspec.Struct):
    data: dict[str, Level]


class Literally(msgspec.Struct):
    type: Literal["Opaque"]


class Tagged(msgspec.Struct, tag_field="type", tag="Opaque"):
    data: dict[str, str]


class Numbered(msgspec.Struct):
    data: dict[str, int]


@dataclass
class Data:
    data: dict[str, int]


@pytest.mark.parametrize("model", [Enumerated, Literally, Tagged, Numbered, Data])
def test_a_model_that_does_not_fit(model: type[Any]) -> None:
    """Where msgspec quotes the values of enumerations and tags, we do not."""
    delta: Any = decode_event(event("ADDED", secret("web", 3)))
    with pytest.raises(msgspec.ValidationError, match=r"at `(key` in `)?\$\.") as refused:
        KubeObject(delta.record).to_model(model)
    assert spilt(said_by(refused.value), SECRETS) == []


def to_bits(document: dict[str, Any]) -> dict[str, Any]:
    raise ValueError(f"no use for {document}")


def by_password(_: object) -> str:
    raise KeyError(CANARY)


OPTIONS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "a model": {"model": V1Secret},
    "a model that does not fit": {"model": Enumerated},
    "a transform that fails": {"transform": to_bits},
    "an indexer that fails": {"indexers": {"password": by_password}},
    "metadata only": {"metadata_only": True},
    "pages": {"initial_list": "consistent"},
}


class Eventful:
    """A server with every kind of trouble after the first objects: one per watch, then silence."""

    TROUBLES = (
        event("ERROR", {"kind": "Status", "code": 410, "reason": "Expired", "data": ENCODED}),
        b'{"type":"ADDED","object":{"data":"' + ENCODED.encode() + b"\n",
        event("ADDED", secret("odd", 9, labels={"a": 1})),
        event("MODIFIED", secret("web", 7)).rstrip(b"\n"),
        event("PATCHED", secret("web", 7)),
        event("ADDED", {**secret("web", 7), "kind": "Table"}),
        json.dumps(secret("web", 7)).encode() + b"\n",
        event("MODIFIED", secret("web", 8)) + event("DELETED", secret("db", 8)),
    )

    def __init__(self) -> None:
        self.over = asyncio.Event()
        self._troubles = iter(self.TROUBLES)

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        body = page(secret("web", 3), secret("db", 4, labels={"a": 1}), secret("cache", 5))
        if "watch" not in request.query:
            return web.Response(body=body, content_type="application/json")
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        if "sendInitialEvents" in request.query:
            documents = [secret("web", 3), secret("db", 4, labels={"a": 1}), secret("cache", 5)]
            await response.write(b"".join(event("ADDED", document) for document in documents) + BOOKMARK)
        trouble = next(self._troubles, None)
        if trouble is None:
            self.over.set()
            await asyncio.Event().wait()
        await response.write(trouble or b"")
        return response


def all_that(informer: Informer[Any]) -> list[str]:
    """What an informer says of itself, of its objects and of those it could not take in."""
    said = [repr(informer), str(informer), repr(informer.status), informer.explain_sync(), repr(informer.quarantine)]
    said += [repr(informer.lister), repr(informer.subscriptions), repr(informer.failure)]
    for error in (informer.status.last_error, informer.failure):
        if isinstance(error, ObjectRejected):  # its cause is what your function raised
            said += [str(error), repr(error), repr(vars(error))]
        elif error is not None:
            said += said_by(error)
    return said


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("options", OPTIONS)
async def test_an_informer_that_lives_through_everything(
    serve: Serve,
    client_of: ClientOf,
    overheard: Overheard,
    monkeypatch: pytest.MonkeyPatch,
    options: str,
    *,
    strict: bool,
) -> None:
    """What a function of yours raises is yours: it is told by its type, and kept for ``quarantine`` to show."""
    monkeypatch.setattr("aioinformer.backoff.Backoff.next", lambda _: 0.0)
    monkeypatch.setattr("aioinformer.backoff.Backoff.slowest", lambda _: 0.0)
    asyncio.get_running_loop().set_debug(True)
    eventful, said = Eventful(), list[str]()
    async with SharedInformerFactory(client_of(await serve(eventful)), strict=strict) as factory:
        informer = factory.informer("secrets", **OPTIONS[options])
        events = informer.events()
        over = asyncio.ensure_future(eventful.over.wait())
        stopped = asyncio.ensure_future(until_stopped(informer))
        await asyncio.wait({over, stopped}, return_when=asyncio.FIRST_COMPLETED)
        over.cancel()
        stopped.cancel()
        said += all_that(informer)
        while events.pending:
            seen = await anext(events)
            said += [repr(seen), str(seen)]
        for task in asyncio.all_tasks():
            said += [repr(task), repr(task.get_coro())]
    gc.collect()
    assert len(overheard.lines) > 10
    assert spilt([*said, *all_that(informer), *overheard.lines], SECRETS) == []


async def until_stopped(informer: Informer[Any]) -> None:
    async for _ in informer.states():
        pass


BODY = event("MODIFIED", secret("web", 7))
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\n{ \n\r\n"


@pytest.mark.parametrize(
    ("head", "rest"),
    [
        (CHUNKED, BODY),
        (CHUNKED, b"5\r\n" + BODY),
        (CHUNKED, b"fffffffffffffffffff" + BODY),
        (CHUNKED, b"0\r\n" + BODY + b"\r\n\r\n"),
        (CHUNKED, b"3;" + BODY),
        (HEAD + b"Content-Length: 5000\r\n\r\n { \n", BODY),
        (HEAD + b"Content-Length: 4\r\n\r\n { \n", BODY),
        (HEAD + b"Content-Encoding: gzip\r\nContent-Length: 5000\r\n\r\n", BODY),
    ],
)
async def test_http_that_breaks_in_the_middle_of_a_secret(
    client_of: ClientOf, overheard: Overheard, head: bytes, rest: bytes
) -> None:
    """What stands where a chunk's length should is a body, and HTTP parsers quote what they cannot read."""
    halfway = asyncio.Event()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head)
        await halfway.wait()
        writer.write(rest)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    said: list[str] = []
    client = client_of(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    async with server, Transport(client) as transport:
        try:
            async with transport.get("/api/v1/secrets") as body:
                halfway.set()
                while chunk := await body.read():
                    said += [repr(body), str(len(chunk))]
        except NetworkError as broken:
            said += said_by(broken)
    gc.collect()
    assert spilt([*said, *overheard.lines], SECRETS) == []
