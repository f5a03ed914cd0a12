"""An API server that only replays: a list, a streamed list and a watch of pods, as bytes that were made beforehand.

It runs in its own process, on a core of its own where the machine has two, and does nothing but write: what a
measure shows is what its client costs. Anything it is asked for but pods is answered with nothing.

- A list comes in pages of 500, or whole without ``limit`` or with ``resourceVersion=0`` (as from a watch cache).
- A watch with ``sendInitialEvents`` streams the list and stays open; any other sends the events and stays open.
- ``/replay/expire`` ends the open watches with 410 and moves on to the next snapshot: unchanged, then all changed.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qs, urlsplit

import msgspec

from benchmarks.pods import encoded, modified, pod, small_pod

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from benchmarks.pods import JSON

__all__ = ["CORES", "Recording", "pin", "replay", "snapshot_version"]

ROOT = Path(__file__).parent.parent
CORES = sorted(os.sched_getaffinity(0)) if sys.platform == "linux" else []
PAGE = 500
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


class Recording(msgspec.Struct, frozen=True):
    """What is replayed: how many pods, of 7 kB or (``small``) 1 kB, and how many events that modify them in turn."""

    pods: int
    events: int = 0
    small: bool = False
    snapshots: int = 1
    """How many lists there are: the second is like the first, in the third every object has changed."""


def snapshot_version(snapshot: int) -> int:
    """The resource version of a snapshot's list."""
    return 2_000_000 * (snapshot + 1)


def pin(core: int) -> None:
    """Keep this process to one core (0 for what is measured, -1 for the server), where there are two to choose from."""
    if sys.platform == "linux" and len(CORES) > 1:
        os.sched_setaffinity(0, {CORES[core]})


@contextmanager
def replay(recording: Recording) -> Iterator[str]:
    """The base URL of a server that replays this, in a process of its own, once it is ready."""
    core = str(CORES[-1]) if CORES else ""
    command = [sys.executable, "-m", "benchmarks.replay", msgspec.json.encode(recording).decode(), core]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603  # ourselves
        try:
            assert process.stdout is not None  # noqa: S101  # asked for above
            port = process.stdout.readline().strip()
            if not port:
                raise RuntimeError("the replay server did not start")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


class Snapshot(NamedTuple):
    """One list, in every form it can be asked for, framed and ready to write."""

    pages: list[list[bytes]]
    whole: list[bytes]
    stream: list[bytes]


class Server:
    """Writes what it is asked for; see the module's text."""

    def __init__(self, recording: Recording) -> None:
        make = small_pod if recording.small else pod
        pods = [make(number) for number in range(recording.pods)]
        self.events = _pieces(_chunk(_event("MODIFIED", after)) for after in _modifications(pods, recording.events))
        self.snapshots: list[Snapshot] = []
        for number in range(recording.snapshots):
            if number > 1:
                pods = [modified(before, 5_000_000 + index) for index, before in enumerate(pods)]
            self.snapshots.append(_snapshot(pods, snapshot_version(number)))
        self.current = 0
        self.expired = asyncio.Event()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                target = urlsplit(head.split(b" ", 2)[1].decode())
                query = {name: values[0] for name, values in parse_qs(target.query).items()}
                if target.path == "/replay/expire":
                    self._expire()
                    await _write(writer, [END])
                elif query.get("watch", "").lower() == "true":
                    await self._watch(writer, streamed="sendInitialEvents" in query)
                else:
                    await _write(writer, self._list(query))
        writer.close()

    def _list(self, query: dict[str, str]) -> list[bytes]:
        snapshot = self.snapshots[self.current]
        if "limit" not in query or query.get("resourceVersion") == "0":
            return snapshot.whole
        return snapshot.pages[int(query.get("continue", "0"))]

    async def _watch(self, writer: asyncio.StreamWriter, *, streamed: bool) -> None:
        expired = self.expired
        await _write(writer, self.snapshots[self.current].stream if streamed else self.events)
        await expired.wait()
        writer.write(_chunk(_event("ERROR", EXPIRED)) + END)
        await writer.drain()

    def _expire(self) -> None:
        self.current += 1
        self.expired.set()
        self.expired = asyncio.Event()


async def _write(writer: asyncio.StreamWriter, pieces: list[bytes]) -> None:
    writer.write(HEAD)
    for piece in pieces:
        writer.write(piece)
        await writer.drain()


def _modifications(pods: list[JSON], count: int) -> Iterator[JSON]:
    for number in range(count):
        yield modified(pods[number % len(pods)], snapshot_version(0) + 1 + number)


def _snapshot(pods: list[JSON], version: int) -> Snapshot:
    items = [encoded({name: value for name, value in p.items() if name not in {"kind", "apiVersion"}}) for p in pods]
    starts = range(0, len(items), PAGE) or [0]
    pages = [
        _list_body(items[start : start + PAGE], version, start // PAGE + 1, len(items) - start - PAGE)
        for start in starts
    ]
    bookmark = {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": {"resourceVersion": str(version), "annotations": {"k8s.io/initial-events-end": "true"}},
    }
    events = [*(_event("ADDED", p) for p in pods), _event("BOOKMARK", bookmark)]
    return Snapshot(pages, _list_body(items, version, 0, 0), _pieces(map(_chunk, events)))


def _list_body(items: list[bytes], version: int, following: int, remaining: int) -> list[bytes]:
    metadata: JSON = {"resourceVersion": str(version)}
    if remaining > 0:
        metadata |= {"continue": str(following), "remainingItemCount": remaining}
    body = b'{"kind":"PodList","apiVersion":"v1","metadata":%b,"items":[%b]}\n' % (encoded(metadata), b",".join(items))
    return [*_pieces(_chunk(body[at : at + LIST_CHUNK]) for at in range(0, len(body), LIST_CHUNK)), END]


def _event(kind: str, document: JSON) -> bytes:
    return b'{"type":"%b","object":%b}\n' % (kind.encode(), encoded(document))


def _chunk(data: bytes) -> bytes:
    """HTTP's framing. A kube-apiserver flushes each event, so each is a chunk of its own."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def _pieces(chunks: Iterable[bytes]) -> list[bytes]:
    """Joined to what is worth a system call."""
    pieces, part, size = [], [b""], 0
    for chunk in chunks:
        part.append(chunk)
        size += len(chunk)
        if size >= WRITE:
            pieces.append(b"".join(part))
            part, size = [], 0
    return [*pieces, b"".join(part)]


async def _serve(recording: Recording) -> None:
    replaying = Server(recording)
    server = await asyncio.start_server(replaying.answer, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    if sys.platform == "linux" and sys.argv[2]:
        os.sched_setaffinity(0, {int(sys.argv[2])})
    with suppress(KeyboardInterrupt):
        asyncio.run(_serve(msgspec.json.decode(sys.argv[1], type=Recording)))
