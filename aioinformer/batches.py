"""What travels on the queue from a reflector to its cache, and what the cache says came of it.

What there is one of per object is no business of the garbage collector (``gc=False``; none can be part of a cycle): fifty
thousand tracked tuples would trigger a full collection, a pause of tens of milliseconds.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import msgspec

from aioinformer.objects import Stored  # noqa: TC001  # msgspec resolves the annotations at run time

__all__ = [
    "Batch",
    "Change",
    "Delta",
    "Deltas",
    "SnapshotBegin",
    "SnapshotCommit",
    "SnapshotPage",
    "Undecodable",
    "Vanished",
]


class Delta(msgspec.Struct, gc=False, frozen=True):
    """One object as it is now, or as it last was if ``deleted``."""

    deleted: bool
    record: Stored


class Undecodable(NamedTuple):
    """An object that arrived but could not be read: what is known of it, and why. ``key`` is ``""`` if even that is not."""

    key: str
    resource_version: str
    error: Exception
    deleted: bool = False
    raw_metadata: bytes = b"{}"

    def __repr__(self) -> str:
        return f"<Undecodable {self.key} resourceVersion={self.resource_version} {type(self.error).__name__}>"


class Deltas(msgspec.Struct, gc=False):
    """Some consecutive events of a watch, in order; ``resource_version`` is the last one's (or a bookmark's)."""

    items: list[Delta | Undecodable]
    resource_version: str


class SnapshotBegin(msgspec.Struct, gc=False):
    """A new snapshot starts; one that was under way is dropped. ``generation``: after so many relists on demand."""

    generation: int = 0


class SnapshotPage(msgspec.Struct, gc=False):
    """Some objects of the snapshot; in a streamed one also deletes of objects sent earlier."""

    items: list[Delta | Undecodable]


class SnapshotCommit(msgspec.Struct, gc=False):
    """The snapshot is whole: it becomes the cache, at this version."""

    resource_version: str


class Vanished(msgspec.Struct, gc=False):
    """The resource is not served any more, and with it its objects have gone."""


Batch: TypeAlias = Deltas | SnapshotBegin | SnapshotPage | SnapshotCommit | Vanished


class Change(msgspec.Struct, gc=False, frozen=True):
    """What one delta did to the cache: ``old`` is ``None`` for an addition, ``new`` for a removal.

    ``final`` is the state in which the server says a removed object went; ``None`` when the removal itself was missed.
    """

    key: str
    old: Stored | None
    new: Stored | None
    final: Stored | None = None
