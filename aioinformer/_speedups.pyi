def scan(
    buffer: bytes | bytearray | memoryview,
    start: int,
    end: int,
    head: bytes,
    keep_managed_fields: bool,
    memory: dict[bytes, dict[str, str]] = ...,
    /,
) -> tuple[str, str, str, dict[str, str], bytes] | None: ...
def scan_line(
    buffer: bytes | bytearray | memoryview,
    start: int,
    end: int,
    keep_managed_fields: bool,
    memory: dict[bytes, dict[str, str]] = ...,
    /,
) -> tuple[bool, tuple[str, str, str, dict[str, str], bytes]] | None: ...
