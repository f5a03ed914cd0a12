"""Objects of one kind look alike: a dictionary of a few of them makes Zstandard ten times as good on the next.

``compression.zstd`` of Python 3.14 (``backports.zstd`` before) makes dictionaries in a millisecond and compresses. It
decompresses each frame in a context of its own, though, and making one takes 20 µs on virtual machines, where the
CPUID instruction traps; ``zstandard`` keeps one context and needs a fifth of that.
"""

from __future__ import annotations

import sys
from threading import Lock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Codec", "available", "spread"]

zstd: Any
zstandard: Any
try:
    if sys.version_info >= (3, 14):
        from compression import zstd  # pyright: ignore[reportMissingImports]  # of another version than is checked
    else:
        from backports import zstd
    import zstandard
except ImportError:  # a platform that they are not built for
    zstd = zstandard = None

LEVEL = 1
"""Higher ones take longer and, with a dictionary, gain next to nothing."""
LONGEST_SAMPLE = 8 * 1024
"""Bytes of an object that a dictionary learns from."""
MODELS = 12
"""Samples that become the dictionary's content; it learns from all of them which symbols are frequent."""
HEADER = 4096
"""Bytes that a dictionary may have besides its content."""


GOLDEN = 0.6180339887498949
"""Its multiples, modulo one, keep clear of every rhythm, such as pods that come Deployment by Deployment."""


def available() -> bool:
    """Whether there is a compressor on this platform."""
    return zstd is not None


def spread(size: int, count: int) -> list[int]:
    """Up to ``count`` different places in a sequence of ``size``, evenly and without a rhythm."""
    if count >= size:
        return list(range(size))
    return list(dict.fromkeys(int(number * GOLDEN % 1 * size) for number in range(count)))


class Codec:
    """Compresses and decompresses with one dictionary, made from ``samples`` in about a millisecond.

    Decompressing is for any thread: whoever hands an object to one has it decompressed there.

    Raises:
        ValueError: nothing can be learnt from the samples.
    """

    __slots__ = ("_compressor", "_context", "_dictionary", "_lock")

    def __init__(self, samples: Sequence[bytes]) -> None:
        short = [sample[:LONGEST_SAMPLE] for sample in samples]
        content = b"".join(short[place] for place in spread(len(short), MODELS))
        try:
            dictionary = zstd.finalize_dict(zstd.ZstdDict(content, is_raw=True), short, len(content) + HEADER, LEVEL)
        except (zstd.ZstdError, ValueError) as error:
            raise ValueError(f"no dictionary can be made: {error}") from None
        self._dictionary: Any = dictionary
        self._compressor: Any = None
        self._context: Any = zstandard.ZstdDecompressor(
            dict_data=zstandard.ZstdCompressionDict(dictionary.dict_content)
        )
        self._lock = Lock()

    def rest(self) -> None:
        """Nothing is to be compressed for now: let go of a hundred kilobytes, or of a mebibyte after a large object."""
        self._compressor = None

    def retire(self) -> None:
        """Only decompress from now on: all that compressing takes, some hundred kilobytes, is let go."""
        self._compressor = self._dictionary = None

    def compress(self, data: bytes | memoryview) -> bytes:
        """One frame, in an object of its own size.

        Raises:
            ValueError: the compressor failed, or has been retired.
        """
        try:
            compressor = self._compressor or self._ready()
            frame: bytes = compressor.compress(data, compressor.FLUSH_FRAME)
        except zstd.ZstdError as error:
            raise ValueError(f"compression failed: {error}") from None
        return frame

    def _ready(self) -> Any:
        """A compressor, made in some microseconds; its dictionary is digested once."""
        if self._dictionary is None:
            raise ValueError("this dictionary has been retired")
        parameter = zstd.CompressionParameter
        options = {parameter.compression_level: LEVEL, parameter.checksum_flag: 0, parameter.dict_id_flag: 0}
        self._compressor = zstd.ZstdCompressor(options=options, zstd_dict=self._dictionary.as_digested_dict)
        return self._compressor

    def decompress(self, frame: bytes) -> bytes:
        """What ``compress`` made, undone."""
        with self._lock:  # the context lets go of the interpreter while it works, and must not be entered twice
            data: bytes = self._context.decompress(frame)
        return data
