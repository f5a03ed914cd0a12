"""An API server that only replays: a list, a streamed list and a watch of pods, as bytes that were made beforehand.

It runs in its own process, on a core of its own where the machine has two, and does nothing but write: what a
measure shows is what its client costs. Anything it is asked for but pods is answered with pods.

- A list comes in pages of 500, or whole without ``limit`` or with ``resourceVersion=0`` (as from a watch cache).
- A watch with ``sendInitialEvents`` streams the list and stays open; any other sends the events and stays open.
- ``/replay/modify?events=N`` sends N further modifications to the open watches.
- ``/replay/expire`` ends the open watches with 410 and moves on to the next snapshot: unchanged, then all changed.

More pods than ``HELD`` are made as they are sent, at some twenty thousand per second; ``peers/replay`` does so at ten
times the speed. ``servers.replay`` starts either.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from itertools import pairwise
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import msgspec

from benchmarks.drawing import GROUPS
from benchmarks.pods import encoded, plate
from benchmarks.servers import Recording, snapshot_version

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from benchmarks.pods import JSON

PAGE = 500
HELD = 150_000_000
"""Bytes of pods that are made beforehand."""
WRITE = 256 * 1024
LIST_CHUNK = 64 * 1024
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"
EXPIRED: JSON = {
    "kind": "Status",
    "apiVersion": "v1",
    "metadata": {},
    "status": "Failure",
    "reason": "Expired",
    "code": 410,
}


class Pods:
    """The pods of a recording, in every form they can be asked for, framed and ready to write."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording

    def page(self, snapshot: int, start: int, size: int) -> Iterable[bytes]:
        """A list's answer: so many pods from the one at ``start``."""
        end = min(start + size, self._recording.pods)
        metadata: JSON = {"resourceVersion": str(snapshot_version(snapshot))}
        if remaining := self._recording.pods - end:
            metadata |= {"continue": str(end), "remainingItemCount": remaining}
        head = b'{"kind":"PodList","apiVersion":"v1","metadata":%b,"items":[' % encoded(metadata)
        body = [
            head,
            *(b"," * (number > start) + self._item(snapshot, number) for number in range(start, end)),
            b"]}\n",
        ]
        return [*_pieces(map(_chunk, _cut(b"".join(body), LIST_CHUNK))), END]

    def stream(self, snapshot: int) -> Iterable[bytes]:
        """A streamed list, with the bookmark that ends it."""
        changed = snapshot > 1
        bookmark = {
            "kind": "Pod",
            "apiVersion": "v1",
            "metadata": {
                "resourceVersion": str(snapshot_version(snapshot)),
                "annotations": {"k8s.io/initial-events-end": "true"},
            },
        }
        events = (
            plate("ADDED", number % GROUPS, small=self._recording.small, changed=changed).fill(
                number, version=changed_version(number)
            )
            for number in range(self._recording.pods)
        )
        yield from _pieces(map(_chunk, events))
        yield _chunk(_event("BOOKMARK", bookmark))

    def events(self, first: int, last: int) -> Iterable[bytes]:
        """These modifications, of the pods in turn."""
        yield from _pieces(
            _chunk(
                plate("MODIFIED", number % self._recording.pods % GROUPS, small=self._recording.small).fill(
                    number % self._recording.pods, version=snapshot_version(0) + 1 + number
                )
            )
            for number in range(first, last)
        )

    def _item(self, snapshot: int, number: int) -> bytes:
        form = plate("item", number % GROUPS, small=self._recording.small, changed=snapshot > 1)
        return form.fill(number, version=changed_version(number))


def changed_version(number: int) -> int:
    """The version that a pod has from the third snapshot on."""
    return 5_000_000 + number


class Held(Pods):
    """The same, made beforehand and once."""

    def __init__(self, recording: Recording) -> None:
        super().__init__(recording)
        self._held_pages: dict[tuple[int, int, int], Iterable[bytes]] = {}
        self._held_streams: list[Iterable[bytes]] = []
        for snapshot in range(recording.snapshots):
            for start in range(0, recording.pods or 1, PAGE):
                self._held_pages[snapshot, start, PAGE] = super().page(snapshot, start, PAGE)
            self._held_pages[snapshot, 0, recording.pods] = super().page(snapshot, 0, recording.pods)
            self._held_streams.append(list(super().stream(snapshot)))
        self._held_events = list(super().events(0, recording.events))

    def page(self, snapshot: int, start: int, size: int) -> Iterable[bytes]:
        """As ``Pods.page``."""
        return self._held_pages.get((snapshot, start, size)) or super().page(snapshot, start, size)

    def stream(self, snapshot: int) -> Iterable[bytes]:
        """As ``Pods.stream``."""
        return self._held_streams[snapshot]

    def events(self, first: int, last: int) -> Iterable[bytes]:
        """As ``Pods.events``."""
        return self._held_events if (first, last) == (0, self._recording.events) else super().events(first, last)


class Server:
    """Writes what it is asked for; see the module's text."""

    def __init__(self, recording: Recording) -> None:
        size = recording.snapshots * recording.pods * (1_000 if recording.small else 7_000)
        self._recording = recording
        self._pods = Held(recording) if size <= HELD else Pods(recording)
        self._snapshot = 0
        self._sent = 0
        self._watches: set[asyncio.Queue[tuple[int, int] | None]] = set()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                target = urlsplit(head.split(b" ", 2)[1].decode())
                query = {name: values[0] for name, values in parse_qs(target.query).items()}
                if target.path.startswith("/replay/"):
                    self._told(target.path, int(query.get("events", "1")))
                    await _write(writer, [HEAD, END])
                elif query.get("watch", "").lower() == "true":
                    await self._watch(writer, streamed="sendInitialEvents" in query)
                else:
                    await _write(writer, [HEAD])
                    await _write(writer, self._list(query))
        writer.close()

    def _told(self, path: str, events: int) -> None:
        if path == "/replay/expire":
            self._snapshot += 1
        following = None if path == "/replay/expire" else (self._sent, self._sent + events)
        self._sent += events if following else 0
        for watch in self._watches:
            watch.put_nowait(following)

    def _list(self, query: dict[str, str]) -> Iterable[bytes]:
        if "limit" not in query or query.get("resourceVersion") == "0":
            return self._pods.page(self._snapshot, 0, self._recording.pods)
        return self._pods.page(self._snapshot, int(query.get("continue", "0")), int(query["limit"]))

    async def _watch(self, writer: asyncio.StreamWriter, *, streamed: bool) -> None:
        orders: asyncio.Queue[tuple[int, int] | None] = asyncio.Queue()
        self._watches.add(orders)
        try:
            await _write(writer, [HEAD])
            await _write(
                writer,
                self._pods.stream(self._snapshot) if streamed else self._pods.events(0, self._recording.events),
            )
            while order := await orders.get():
                await _write(writer, self._pods.events(*order))
            await _write(writer, [_chunk(_event("ERROR", EXPIRED)), END])
        finally:
            self._watches.discard(orders)


async def _write(writer: asyncio.StreamWriter, pieces: Iterable[bytes]) -> None:
    for piece in pieces:
        writer.write(piece)
        await writer.drain()


def _event(kind: str, document: JSON) -> bytes:
    return b'{"type":"%b","object":%b}\n' % (kind.encode(), encoded(document))


def _cut(body: bytes, size: int) -> Iterator[bytes]:
    return (body[start:end] for start, end in pairwise([*range(0, len(body), size), len(body)]))


def _chunk(data: bytes) -> bytes:
    """HTTP's framing. A kube-apiserver flushes each event, so each is a chunk of its own."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def _pieces(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Joined to what is worth a system call."""
    part: list[bytes] = []
    size = 0
    for chunk in chunks:
        part.append(chunk)
        size += len(chunk)
        if size >= WRITE:
            yield b"".join(part)
            part, size = [], 0
    yield b"".join(part)


async def _serve(recording: Recording) -> None:
    replaying = Server(recording)
    server = await asyncio.start_server(replaying.answer, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(_serve(msgspec.json.decode(sys.argv[1], type=Recording)))
