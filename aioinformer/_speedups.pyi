from collections.abc import Callable

from aioinformer.batches import Delta
from aioinformer.objects import Record, Stored

def scan(
    buffer: bytes | bytearray | memoryview,
    start: int,
    end: int,
    head: bytes,
    keep_managed_fields: bool,
    memory: tuple[dict[bytes, dict[str, str]], dict[str, str]] = ...,
    /,
) -> tuple[str, str, str, dict[str, str], bytes] | None: ...
def scan_lines(
    buffer: bytes | bytearray | memoryview,
    start: int,
    end: int,
    count: int,
    head: bytes,
    keep_managed_fields: bool,
    memory: tuple[dict[bytes, dict[str, str]], dict[str, str]],
    delta: type[Delta],
    record: type[Record],
    dense: Callable[[str, dict[str, str], bytes], Stored] | None,
    /,
) -> tuple[list[Delta], int]: ...
def scan_items(
    buffer: bytes | bytearray | memoryview,
    start: int,
    end: int,
    count: int,
    head: bytes,
    keep_managed_fields: bool,
    memory: tuple[dict[bytes, dict[str, str]], dict[str, str]],
    delta: type[Delta],
    record: type[Record],
    dense: Callable[[str, dict[str, str], bytes], Stored] | None,
    /,
) -> tuple[list[Delta], int]: ...
def join_chunks(buffer: bytes | bytearray | memoryview, start: int, left: int, /) -> tuple[bytes, int, int]: ...
