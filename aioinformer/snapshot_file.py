"""A cache in a file: whose it is, the version it stands at, and each object's own JSON.

The file is a line that says so, a header, blocks of compressed objects, and a SHA-256 of all that. It is replaced in one
step, so that a crash leaves the former one, and only its owner may read it: there may be Secrets inside. The sum tells
what was damaged, not what was forged: keep the file where nobody else may write.

Whatever takes a disk's time, and compressing, is done in a thread; the loop is held for ``BLOCK_BYTES`` at a time.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import tempfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeVar

import anyio
import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Self

    from aioinformer.objects import Stored

__all__ = ["Header", "Origin", "SnapshotFile", "SnapshotRefused", "write_snapshot"]

R = TypeVar("R")

MAGIC = b"aioinformer snapshot "
FORMAT = b"1\n"
LENGTH = 4
"""Bytes of a length."""
SUM = hashlib.sha256().digest_size
LEVEL = 1
"""Higher ones take several times as long for a tenth less."""
BLOCK_OBJECTS, BLOCK_BYTES = 64, 256 * 1024
"""Objects that are gathered before the loop gets a turn, and bytes after which no further one is."""
SUMMED = 8 * 1024 * 1024
"""Bytes that are read for the sum in one go: a cancellation waits for them."""


class SnapshotRefused(Exception):
    """The file cannot be used; the message says why."""


class Origin(msgspec.Struct, frozen=True):
    """What a cache is a copy of. Nothing but the very same may be started from it."""

    server: str
    resource: str
    namespace: str
    label_selector: str
    field_selector: str
    metadata_only: bool
    managed_fields: bool


class Header(msgspec.Struct, frozen=True):
    """What a file says of itself. ``whole``: nothing was in quarantine, so that a watch may resume from the version."""

    origin: Origin
    resource_version: str
    objects: int
    whole: bool
    saved_at: str


async def write_snapshot(path: str | os.PathLike[str], header: Header, records: Sequence[Stored]) -> None:
    """Replace the file by one of these, readable by its owner only; on any failure, or when cancelled, it stays as it was.

    Raises:
        OSError: the file cannot be written there.
    """
    writer = _Writer(Path(path))
    try:
        await _in_thread(writer.open, msgspec.json.encode(header))
        for block in _blocks(records):
            await _in_thread(writer.put, block)
        await _in_thread(writer.commit)
    finally:
        writer.discard()


def _blocks(records: Sequence[Stored]) -> Iterator[list[bytes]]:
    block: list[bytes] = []
    size = 0
    for record in records:
        block.append(record.raw)
        size += len(block[-1])
        if len(block) >= BLOCK_OBJECTS or size >= BLOCK_BYTES:
            yield block
            block, size = [], 0
    if block:
        yield block


class _Writer:
    """Writes beside the path, and then takes its place. Only ``discard`` is for the loop's thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self._beside = ""
        self._sum = hashlib.sha256()

    def open(self, header: bytes) -> None:
        handle, self._beside = tempfile.mkstemp(prefix=f".{self._path.name}.", dir=self._path.parent)  # mode 0600
        self._file = os.fdopen(handle, "wb")
        self._write(MAGIC + FORMAT + _length(header) + header)

    def put(self, block: Sequence[bytes]) -> None:
        packed = zlib.compress(b"".join(_length(raw) + raw for raw in block), LEVEL)
        self._write(_length(packed) + packed)

    def commit(self) -> None:
        self._write(_length(b""))
        self._write(self._sum.digest())
        assert self._file is not None  # noqa: S101  # opened
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        Path(self._beside).replace(self._path)
        self._beside = ""
        directory = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)  # the new name, too, outlives a loss of power
        finally:
            os.close(directory)

    def discard(self) -> None:
        """Leave nothing beside the path."""
        if self._file is not None:
            self._file.close()
        if self._beside:
            Path(self._beside).unlink(missing_ok=True)

    def _write(self, data: bytes) -> None:
        assert self._file is not None  # noqa: S101  # opened
        self._sum.update(data)
        self._file.write(data)


class SnapshotFile:
    """A file that is read back; ``async with``, then ``header`` once, then ``block`` until there is none."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        self._file: BinaryIO | None = None
        self._sum = hashlib.sha256()
        self._unsummed = 0

    async def __aenter__(self) -> Self:
        """Open it. Raises ``OSError``."""
        try:
            await _in_thread(self._open)
        except BaseException:  # cancelled
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    async def header(self, origin: Origin) -> Header:
        """What the file says of itself, once all of it has proved undamaged.

        Raises:
            OSError: it cannot be read.
            SnapshotRefused: it is damaged, of another format, or of another origin.
        """
        await _in_thread(self._begin)
        while self._unsummed:
            await _in_thread(self._sum_up)
        header = await _in_thread(self._header)
        for field in Origin.__struct_fields__:
            theirs, ours = getattr(header.origin, field), getattr(origin, field)
            if theirs != ours:
                raise SnapshotRefused(f"it is of another {field}: {theirs!r}, not {ours!r}")
        return header

    async def block(self) -> list[bytes]:
        """Some of the objects, none when there are no more."""
        return await _in_thread(self._block)

    @property
    def _opened(self) -> BinaryIO:
        assert self._file is not None  # noqa: S101  # within 'async with'
        return self._file

    def _open(self) -> None:
        self._file = self._path.open("rb")

    def _begin(self) -> None:
        start = self._opened.read(len(MAGIC + FORMAT))
        if not start.startswith(MAGIC):
            raise SnapshotRefused("it is no snapshot of a cache")
        if not start.endswith(FORMAT):
            raise SnapshotRefused(f"its format is {start[len(MAGIC) :]!r}, and this reads {FORMAT!r} only")
        self._unsummed = os.fstat(self._opened.fileno()).st_size - SUM
        if self._unsummed <= len(start):
            raise SnapshotRefused("it is cut off")
        self._opened.seek(0)

    def _sum_up(self) -> None:
        data = self._opened.read(min(SUMMED, self._unsummed))
        self._sum.update(data)
        self._unsummed = self._unsummed - len(data) if data else 0
        if not self._unsummed and self._opened.read(SUM) != self._sum.digest():
            raise SnapshotRefused("it is damaged or cut off: its sum is another")

    def _header(self) -> Header:
        self._opened.seek(len(MAGIC + FORMAT))
        try:
            return msgspec.json.decode(self._part(), type=Header)
        except msgspec.MsgspecError as error:
            raise SnapshotRefused(f"its header cannot be read: {error}") from None

    def _block(self) -> list[bytes]:
        packed = self._part()
        try:
            joined = zlib.decompress(packed) if packed else b""
        except zlib.error as error:  # the sum is right: it was written so
            raise SnapshotRefused(f"its objects cannot be unpacked: {error}") from None
        block: list[bytes] = []
        start = 0
        while start < len(joined):
            end = start + LENGTH + int.from_bytes(joined[start : start + LENGTH], "big")
            block.append(joined[start + LENGTH : end])
            start = end
        return block

    def _part(self) -> bytes:
        return self._opened.read(int.from_bytes(self._opened.read(LENGTH), "big"))


def _length(data: bytes) -> bytes:
    return len(data).to_bytes(LENGTH, "big")


async def _in_thread(function: Callable[..., R], *args: object) -> R:
    """What it returns. A cancellation waits for its end: what is under way needs the file, which is closed next."""
    job = asyncio.ensure_future(asyncio.to_thread(function, *args))
    cancelled: asyncio.CancelledError | None = None
    with anyio.CancelScope(shield=True):
        while not job.done():
            try:
                await asyncio.wait({job})
            except asyncio.CancelledError as error:
                cancelled = error
    if cancelled is not None:
        job.exception()
        raise cancelled
    return job.result()
