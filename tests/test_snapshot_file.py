"""snapshot_file.py: what goes into a file comes out of it, or the file is refused."""

from __future__ import annotations

import asyncio
import os
import threading
import zlib
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioinformer import snapshot_file
from aioinformer.objects import Record
from aioinformer.snapshot_file import Header, Origin, SnapshotFile, SnapshotRefused, write_snapshot

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

ORIGIN = Origin("https://here", "pods.v1", "n", "app=web", "spec.nodeName=a", metadata_only=False, managed_fields=False)
OTHERS = {
    "server": "https://there",
    "resource": "nodes.v1",
    "namespace": "m",
    "label_selector": "app=db",
    "field_selector": "",
    "metadata_only": True,
    "managed_fields": True,
}


def records(*raws: bytes) -> list[Record]:
    return [Record(f"n/{n}", "", "", {}, raw) for n, raw in enumerate(raws)]


def names(directory: Path) -> list[str]:
    return [entry.name for entry in directory.iterdir()]


async def write(path: Path, *raws: bytes, origin: Origin = ORIGIN) -> None:
    header = Header(origin, "17", len(raws), whole=True, saved_at="2026-01-01T00:00:00+00:00")
    await write_snapshot(path, header, records(*raws))


async def read(path: Path, origin: Origin = ORIGIN) -> tuple[Header, list[bytes]]:
    raws: list[bytes] = []
    async with SnapshotFile(path) as file:
        header = await file.header(origin)
        while block := await file.block():
            raws += block
    return header, raws


@given(raws=st.lists(st.binary(max_size=300), max_size=200))
def test_what_was_written_is_read(raws: Sequence[bytes], tmp_path_factory: pytest.TempPathFactory) -> None:
    """Any bytes, in their order, whatever there is between two blocks."""
    path = tmp_path_factory.mktemp("file") / "cache"

    async def there_and_back() -> None:
        await write(path, *raws)
        header, found = await read(path)
        assert (header.resource_version, header.objects, header.whole, found) == ("17", len(raws), True, list(raws))

    asyncio.run(there_and_back())


async def test_any_byte_that_is_flipped_is_noticed(tmp_path: Path) -> None:
    """Wherever it is: in the first line, the header, an object, a length or the sum."""
    path = tmp_path / "cache"
    await write(path, b'{"a":1}', b'{"b":2}')
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :])
        with pytest.raises(SnapshotRefused):
            await read(path)


async def test_a_file_that_was_cut_off_anywhere_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cache"
    await write(path, b'{"a":1}', b'{"b":2}')
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(SnapshotRefused):
            await read(path)


async def test_what_was_appended_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "cache"
    await write(path, b"{}")
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(SnapshotRefused, match="damaged"):
        await read(path)


@pytest.mark.parametrize("field", OTHERS)
async def test_a_file_of_another_origin_is_refused_and_the_reason_names_both(field: str, tmp_path: Path) -> None:
    """Server, resource, scope and selectors: it holds other objects, or the same ones in another form."""
    path = tmp_path / "cache"
    other: dict[str, Any] = {field: OTHERS[field]}
    await write(path, b"{}", origin=msgspec.structs.replace(ORIGIN, **other))
    with pytest.raises(SnapshotRefused, match=f"another {field}: .*, not "):
        await read(path)


async def test_a_file_of_another_format_says_so(tmp_path: Path) -> None:
    """A newer version of this library may have written it."""
    path = tmp_path / "cache"
    path.write_bytes(b"aioinformer snapshot 2\n and whatever follows" + b"." * 100)
    with pytest.raises(SnapshotRefused, match="format"):
        await read(path)
    path.write_bytes(b"something else entirely" * 10)
    with pytest.raises(SnapshotRefused, match="no snapshot"):
        await read(path)


async def test_what_cannot_be_unpacked_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sum proves that it is as it was written, not that it was written right."""
    path = tmp_path / "cache"
    monkeypatch.setattr(zlib, "compress", lambda data, _: data)
    await write(path, b"{}")
    with pytest.raises(SnapshotRefused, match="cannot be unpacked"):
        await read(path)


async def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    """There may be Secrets inside."""
    path = tmp_path / "cache"
    path.touch(0o644)
    await write(path, b"{}")
    assert path.stat().st_mode & 0o777 == 0o600


async def test_a_failure_leaves_the_former_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "cache"
    await write(path, b"former")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        await write(path, b"newer")
    assert names(tmp_path) == ["cache"]
    assert (await read(path))[1] == [b"former"]


async def test_cancelling_leaves_the_former_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though what is under way in a thread is waited for: it writes to a file that is closed next."""
    path = tmp_path / "cache"
    await write(path, b"former")
    begun, go_on = threading.Event(), threading.Event()
    compress = zlib.compress

    def slowly(data: bytes, level: int) -> bytes:
        begun.set()
        go_on.wait()
        return compress(data, level)

    monkeypatch.setattr(zlib, "compress", slowly)
    writing = asyncio.ensure_future(write(path, b"newer"))
    await asyncio.to_thread(begun.wait)
    writing.cancel()
    await asyncio.sleep(0)
    assert not writing.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert names(tmp_path) == ["cache"]
    assert (await read(path))[1] == [b"former"]


async def test_a_block_is_bounded_in_objects_and_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """So is the time for which the loop is held to gather one."""
    monkeypatch.setattr(snapshot_file, "BLOCK_BYTES", 100)
    many = list(snapshot_file._blocks(records(*[b""] * 200)))
    assert [len(block) for block in many] == [64, 64, 64, 8]
    large = list(snapshot_file._blocks(records(*[b"x" * 60] * 5)))
    assert [len(block) for block in large] == [2, 2, 1]
