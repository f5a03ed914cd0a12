"""The forms in which a cache keeps an object in one piece of memory: plain for a while, then compressed.

Both read as a record does (``Stored``); uid and version stand before the JSON, in few bytes.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Final

from aioinformer.compression import Codec  # noqa: TC001  # msgspec resolves the annotations at run time
from aioinformer.objects import Keyed

if TYPE_CHECKING:
    from aioinformer.objects import Stored

__all__ = ["DenseRecord", "PackedRecord", "dense", "head", "parts"]

UID: Final = 16
LENGTH: Final = 36
"""Bytes of a uid in RFC 9562's form, and characters."""
LARGEST_VERSION: Final = 2**64
_CANONICAL = b"\x01"
_FRAME: Final = 25
"""Where what follows a canonical uid (16 bytes) and version (8 bytes) starts."""
_LENGTHS = Struct(">BII")
_TEXTS: Final = 9
"""Where the two start if they stand there as they came, behind a zero and their lengths."""


class _Headed(Keyed, gc=False, frozen=True):
    """What stands in a ``blob`` with uid and version before it."""

    labels: dict[str, str]
    blob: bytes

    @property
    def uid(self) -> str:
        """As it came."""
        if self.blob[:1] == _CANONICAL:
            return _uid_text(self.blob[1:17])
        return self._texts[0]

    @property
    def resource_version(self) -> str:
        """As it came."""
        if self.blob[:1] == _CANONICAL:
            return str(int.from_bytes(self.blob[17:_FRAME], "big"))
        return self._texts[1]

    @property
    def body(self) -> bytes:
        """What follows them."""
        if self.blob[:1] == _CANONICAL:
            return self.blob[_FRAME:]
        return self.blob[_TEXTS + sum(_LENGTHS.unpack_from(self.blob)) :]

    @property
    def _texts(self) -> tuple[str, str]:
        _, uid, version = _LENGTHS.unpack_from(self.blob)
        ends = _TEXTS + uid
        return _text(self.blob[_TEXTS:ends]), _text(self.blob[ends : ends + version])

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.key} resourceVersion={self.resource_version} {len(self.blob)} bytes>"


class DenseRecord(_Headed, gc=False, frozen=True):
    """``Stored`` with all that it does not share in one ``blob``: what is let go when it is packed leaves no small holes."""

    @property
    def raw(self) -> bytes:
        """Its JSON, copied anew each time."""
        return self.body


class PackedRecord(_Headed, gc=False, frozen=True):
    """``Stored`` in a tenth of the space: its JSON is compressed, and decompressed at each ``raw``."""

    codec: Codec

    @property
    def raw(self) -> bytes:
        """Its JSON, decompressed anew each time, in some microseconds."""
        return self.codec.decompress(self.body)


def dense(record: Stored, labels: dict[str, str]) -> DenseRecord:
    """The same, with these equal labels."""
    uid, version = record.uid.encode("utf-8", "surrogatepass"), record.resource_version.encode("utf-8", "surrogatepass")
    blob = b"".join((_LENGTHS.pack(0, len(uid), len(version)), uid, version, record.raw))
    return DenseRecord(record.key, labels, blob)


def parts(record: Stored) -> tuple[str, str, bytes | memoryview]:
    """Uid, version and JSON."""
    if type(record) is not DenseRecord:
        return record.uid, record.resource_version, record.raw
    blob = record.blob
    _, uid, version = _LENGTHS.unpack_from(blob)
    ends = _TEXTS + uid
    return _text(blob[_TEXTS:ends]), _text(blob[ends : ends + version]), memoryview(blob)[ends + version :]


def head(uid: str, resource_version: str) -> bytes:
    """Uid and version in few bytes, from which both can be had again exactly."""
    digits = uid.replace("-", "")
    try:
        identity, version = bytes.fromhex(digits), int(resource_version)
    except ValueError:
        identity, version = b"", -1
    if (
        0 <= version < LARGEST_VERSION
        and str(version) == resource_version
        and identity.hex() == digits
        and len(identity) == UID
        and len(uid) == LENGTH
        and uid[8:24:5] == "----"
    ):
        return _CANONICAL + identity + version.to_bytes(8, "big")
    texts = uid.encode("utf-8", "surrogatepass"), resource_version.encode("utf-8", "surrogatepass")
    return b"".join((_LENGTHS.pack(0, *map(len, texts)), *texts))


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass")


def _uid_text(data: bytes) -> str:
    digits = data.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
