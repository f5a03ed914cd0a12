"""A program: ``_speedups.c``, compiled with sanitizers, on pods that are cut off, damaged and shifted, and on the fuzzing corpus.

``python -m tests.sanitized LIBRARY``, with the sanitizers preloaded; they end it where a byte outside of a buffer is read.
"""

from __future__ import annotations

import ctypes
import sys
from importlib.machinery import ExtensionFileLoader
from importlib.util import module_from_spec, spec_from_loader
from typing import TYPE_CHECKING, Any

from aioinformer.batches import Delta
from aioinformer.dense import DenseRecord
from aioinformer.objects import Record
from benchmarks.pods import encoded, pod
from fuzz.inputs import CORPUS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aioinformer.speedups import Memory

OTHERS = b'"\\{}[],:-0 \x00\x80\xff'


def library(path: str) -> Any:
    """The extension in this file."""
    loader = ExtensionFileLoader("aioinformer._speedups", path)
    spec = spec_from_loader(loader.name, loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


def inputs() -> Iterator[bytes]:
    """Tens of thousands, each of which ends somewhere else or has another byte somewhere."""
    raw = encoded(pod(1))
    yield raw
    for at in range(len(raw)):
        yield raw[:at]
        yield raw[:at] + b"}"
        yield b'{"type":"ADDED","object":' + raw[:at] + b"}}"
        yield raw + b"," + raw[:at]
        yield b'{"type":"ADDED","object":' + raw + b"}\n" + raw[:at]
        yield raw[: at // 2] + b"\r\n%x\r\n" % (at // 3) + raw[:at]
        yield raw[at:]
        yield raw[:at] + OTHERS[at % len(OTHERS)].to_bytes() + raw[at + 1 :]
    for path in CORPUS.rglob("*"):
        data = path.read_bytes() if path.is_file() else b""
        for start in range(min(len(data), 200)):
            yield data[start:]
            yield data[: len(data) - start]
    for count in (1, 63, 64, 65, 66):
        yield b'{"metadata":{"name":"a","labels":{%b}}}' % b",".join(b'"%d":""' % at for at in range(count))
    for depth in (62, 63, 64, 65, 10**5):
        for one, other in ((b"[", b"]"), (b'{"a":', b"}"), (b"[", b"")):
            yield b'{"metadata":{"name":"a"},"a":' + one * depth + b"1" * bool(other) + other * depth + b"}"


def main() -> None:
    """Run them all, in buffers that are just as long and that nothing precedes."""
    compiled = library(sys.argv[1])
    scan, join_chunks = compiled.scan, compiled.join_chunks
    found = count = 0
    for raw in inputs():
        for buffer in (bytearray(raw), (ctypes.c_char * len(raw)).from_buffer_copy(raw)):  # nothing behind the latter
            for keep in (False, True):
                memory: Memory = ({}, {})
                count += 1
                found += scan(buffer, 0, len(raw), b"{", keep, memory) is not None
                for scan_some in (compiled.scan_lines, compiled.scan_items):
                    found += len(
                        scan_some(
                            buffer, 0, len(raw), 64, b"{", keep, memory, Delta, Record, DenseRecord if keep else None
                        )[0]
                    )
                join_chunks(buffer, 0, len(raw) // 2 + keep)
    print(count, found)  # noqa: T201  # for whoever started it


if __name__ == "__main__":
    main()
