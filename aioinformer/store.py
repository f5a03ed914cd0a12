"""The cache as it is written. One writer, any number of readers, all on one thread; nothing here awaits.

Watch events change it in place. A snapshot is staged beside it, page by page, and becomes the cache in one step when
it is whole; what that changed is the difference between the two. An object that is unchanged (same uid and version)
keeps its record, so a relist costs neither its bytes nor its index values again.

Several collections may feed one store, each as a part with a name and a namespace of its own: their snapshots come and
go independently, and each is compared with, and replaces, what is cached of its namespace.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aioinformer.batches import Change, Delta
from aioinformer.cache import Cache, values_from
from aioinformer.errors import ObjectRejected
from aioinformer.objects import digest, raw_metadata
from aioinformer.quarantine import Quarantined, forget_frames, origin
from aioinformer.resource import oldest
from aioinformer.staging import Staging, replaced, within
from aioinformer.table import SLICE, Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from aioinformer.batches import Deltas, SnapshotPage, Undecodable
    from aioinformer.cache import IndexFunction
    from aioinformer.objects import Stored
    from aioinformer.packing import Storage

    Admission = Callable[[Stored], Stored | None]

__all__ = ["SLICE", "Store"]


class Store(Cache):
    """Records by ``namespace/name``, with indexes.

    ``admit`` sees each new version of an object once, whatever way it came: it returns the record to keep, ``None`` to
    leave the object out, or raises to have it quarantined. ``indexers`` map an index's name to a function that gives
    the values of one object; one that raises quarantines that object only. In a ``strict`` store either raises
    ``ObjectRejected`` instead, and so does an object that cannot be decoded.
    """

    def __init__(
        self,
        indexers: Mapping[str, IndexFunction] | None = None,
        admit: Admission | None = None,
        *,
        strict: bool = False,
        storage: Storage = "compressed",
    ) -> None:
        super().__init__(indexers, storage)
        self._admit = admit
        self._strict = strict
        self._distrusted: frozenset[str] = frozenset()
        self.touched: set[str] | None = None
        """The keys that watch events were about since an auditor put a set here."""
        self.quarantine: dict[str, Quarantined] = {}
        self.set_aside: list[Quarantined] = []
        """What has newly gone into quarantine, for whoever tells of it to take out."""
        self.versions: dict[str, str] = {}
        """Where each part stands."""
        self.resource_version = ""
        """Where the cache stands: with several parts, where the one stands that is furthest behind."""

    def apply(self, batch: Deltas, part: str = "") -> list[Change]:
        """Take in watch events; what they changed, in order. Costs microseconds per event: slice what is longer."""
        changes: list[Change] = []
        for item in batch.items:
            if isinstance(item, Delta):
                self._apply(item, changes)
            elif item.deleted:
                self._touch(item.key)
                changes += self._remove(item.key)
            else:
                self._touch(item.key)
                self._set_aside(Quarantined(item.key, item.resource_version, item.error, item.raw_metadata))
        if batch.resource_version:
            self._reached(part, batch.resource_version)
        return changes

    def begin_snapshot(self, part: str = "") -> Iterator[None]:
        """Start staging. A snapshot of this part that is under way is dropped: what is returned lets go of it, a bit at a time."""
        dropped = self._stagings.get(part)
        self._stagings[part] = Staging(Table(self._indexers, self._packer), self._distrusted)
        return iter(()) if dropped is None else dropped.dismantle()

    def stage(self, page: SnapshotPage, part: str = "") -> None:
        """Take in some objects of the snapshot; the cache does not change yet."""
        staging = self._staging(part)
        if self._stage_all(page.items, staging):
            return
        for item in page.items:
            if isinstance(item, Delta):
                self._stage(item, staging)
            elif item.deleted:
                self._unstage(item.key, staging)
            else:
                self._set_aside(Quarantined(item.key, item.resource_version, item.error, item.raw_metadata), staging)
                self._keep_staged(item.key, staging)

    def difference(self, part: str = "", namespace: str | None = None) -> Iterator[list[Change]]:
        """What committing the snapshot will change, some at a time: removals first, then the rest in its order.

        The snapshot is all there is of ``namespace``, and of nothing else; ``None``: of everything. Nothing may be applied
        or staged until it is committed. Only into an empty store may it be committed without.
        """
        return self._staging(part).difference(self._known, namespace)

    def commit_snapshot(self, resource_version: str, part: str = "", namespace: str | None = None) -> Iterator[None]:
        """The snapshot is whole: it is the cache from now on. What is returned lets go of the old one, a bit at a time."""
        staging = self._stagings.pop(part)
        self._live, rest = staging.commit(self._known)
        self._shelved = None
        self._distrusted -= staging.doubted
        self.quarantine = {
            key: q for key, q in self.quarantine.items() if key in staging.set_aside or not within(key, namespace)
        }
        self._reached(part, resource_version)
        return rest

    def shelve(self, part: str = "") -> None:
        """What is staged was the cache of a process before. Nobody sees it yet, but snapshots are compared with it.

        It is of all there is: until it is the cache, or is forgotten, there may be no other part.
        """
        self._shelved = self._stagings.pop(part).table

    def unshelve(self, resource_version: str, part: str = "") -> None:
        """What was shelved is the cache from now on; there was none before."""
        self._live, self._shelved = self._known, None
        self._reached(part, resource_version)

    def forget_shelved(self) -> Iterator[None]:
        """What was shelved, if anything, does not count. What is returned lets go of it, a bit at a time."""
        shelved, self._shelved = self._shelved, None
        if shelved is None:
            return iter(())
        for staging in self._stagings.values():
            staging.restaged = dict.fromkeys(staging.table.records)
        kept = set[str]().union(*(staging.set_aside for staging in self._stagings.values()))
        self.quarantine = {key: q for key, q in self.quarantine.items() if key in kept}
        return shelved.dismantle()

    def forget_part(self, part: str) -> None:
        """Nothing more comes of this part: what is staged of it, and its version, count no more. What is cached stays."""
        self._stagings.pop(part, None)
        self.versions.pop(part, None)
        self._reached("", "")

    def distrust(self, keys: Iterable[str]) -> None:
        """Take these objects from the next snapshot, even at the version that the cache has."""
        self._distrusted |= frozenset(keys)

    def distrusts(self, keys: Iterable[str]) -> bool:
        """Whether some of these have not come with a new snapshot yet."""
        return not self._distrusted.isdisjoint(keys)

    def digest(self, key: str) -> int | None:
        """The digest of what came under a key last, be it cached, left out or set aside; ``None`` if nothing did, or if that is unknown."""
        if key in self.quarantine:
            return self.quarantine[key].digest()
        record = self._live.records.get(key)
        return self._live.left_out.get(key) if record is None else digest(record)

    @property
    def is_strict(self) -> bool:
        """Whether an object that cannot be taken in raises."""
        return self._strict

    def admitted(self, record: Stored) -> Stored | None:
        """What the cache would keep of a record; ``None``: nothing. What the user's function raises passes through."""
        return record if self._admit is None else self._admit(record)

    def _apply(self, delta: Delta, changes: list[Change]) -> None:
        record = delta.record
        key = record.key
        self._touch(key)
        if delta.deleted:
            changes += self._remove(key, record)
            return
        old = self._live.records.get(key)
        if old is not None and _same(old, record):
            return
        prepared = self._prepare(key, record)
        if prepared is None:
            return
        kept, values = prepared
        if kept is None:
            self.quarantine.pop(key, None)
            if self._live.pop(key) is not None:
                changes.append(Change(key, old, None, old))
            self._live.leave_out(key, digest(record))
            return
        self._live.put(key, kept, values)
        changes += replaced(key, old, kept)

    def _touch(self, key: str) -> None:
        if self.touched is not None:
            self.touched.add(key)

    def _remove(self, key: str, final: Stored | None = None) -> list[Change]:
        self.quarantine.pop(key, None)
        old = self._live.pop(key)
        return [] if old is None else [Change(key, old, None, self._final(old, final))]

    def _final(self, old: Stored, final: Stored | None) -> Stored | None:
        """The last state of a removed object, admitted like any other; the cached one where that does not work.

        ``None`` when it is not known, or is another object's: then the cached one's own removal was missed.
        """
        if final is None or final.uid != old.uid:
            return None
        if self._admit is None:
            return final
        try:
            return self._admit(final) or old
        except Exception:  # noqa: BLE001  # the user's function; what the object was is still known
            return old

    def _stage_all(self, items: list[Delta | Undecodable], staging: Staging) -> bool:
        """Take in objects of a first copy, if there is nothing to be found out about any: whether that was so."""
        known = self._known
        if known.records or known.left_out or staging.table.left_out or self._has_to_ask:
            return False
        dense = self._packer.dense
        new = {item.record.key: dense(item.record) for item in items if isinstance(item, Delta) and not item.deleted}
        if len(new) < len(items) or not staging.table.add(new):
            return False
        staging.restaged.update(dict.fromkeys(new))
        return True

    @property
    def _has_to_ask(self) -> bool:
        """Whether there is anybody to ask about an object, or one that was set aside and may not be any more."""
        return self._admit is not None or bool(self._indexers) or bool(self.quarantine)

    def _stage(self, delta: Delta, staging: Staging) -> None:
        record = delta.record
        key = record.key
        if delta.deleted:
            self._unstage(key, staging)
            return
        known = self._known
        live = known.records.get(key)
        if live is not None and _same(live, record) and key not in staging.doubted:
            self._keep_staged(key, staging)
            return
        if known.left_out and known.left_out.get(key) == digest(record) and key not in staging.doubted:
            self._leave_out_staged(key, record, staging)
            return
        prepared = self._prepare(key, record, staging)
        if prepared is None:
            self._keep_staged(key, staging)
        elif prepared[0] is None:
            self._leave_out_staged(key, record, staging)
        else:
            kept = prepared[0] if known.records else self._packer.dense(prepared[0])
            staging.table.put(key, kept, prepared[1])
            staging.restaged[key] = None

    def _unstage(self, key: str, staging: Staging) -> None:
        self.quarantine.pop(key, None)
        staging.table.pop(key)
        staging.restaged.pop(key, None)

    def _leave_out_staged(self, key: str, record: Stored, staging: Staging) -> None:
        self._unstage(key, staging)
        staging.table.leave_out(key, digest(record))

    def _keep_staged(self, key: str, staging: Staging) -> None:
        """What the cache holds under this key goes over into the snapshot as it is."""
        live = self._known.records.get(key)
        if live is not None:
            staging.table.put(live.key, live, self._known.values_of(key))  # under the string that is in use already
            staging.restaged.pop(key, None)

    def _prepare(
        self, key: str, record: Stored, staging: Staging | None = None
    ) -> tuple[Stored | None, dict[str, tuple[str, ...]]] | None:
        """The record to keep (``None``: leave it out) and its index values; ``None`` if it went into quarantine."""
        if not self._has_to_ask:
            return record, {}
        try:
            kept = record if self._admit is None else self._admit(record)
            values = {} if kept is None else {name: values_from(fn, kept) for name, fn in self._indexers.items()}
        except Exception as error:  # noqa: BLE001  # the user's function, whatever it raises
            where = origin(error)
            forget_frames(error)
            self._set_aside(Quarantined(key, record.resource_version, error, raw_metadata(record.raw), where), staging)
            return None
        if self.quarantine:
            self.quarantine.pop(key, None)
        return kept, values

    def _set_aside(self, it: Quarantined, staging: Staging | None = None) -> None:
        if self._strict:
            raise ObjectRejected(it.key, it.resource_version, it.error, it.where) from it.error
        known = self.quarantine.get(it.key)
        if known is None or known.resource_version != it.resource_version:  # a relist finds the same ones again
            self.set_aside.append(it)
        self.quarantine[it.key] = it
        if staging is not None:
            staging.set_aside.add(it.key)

    def _staging(self, part: str) -> Staging:
        staging = self._stagings.get(part)
        if staging is None:
            raise RuntimeError("no snapshot is under way: begin_snapshot() starts one")
        return staging

    def _reached(self, part: str, version: str) -> None:
        """A part stands at a version."""
        versions = self.versions
        if version:
            versions[part] = version
        if len(versions) > 1:
            version = oldest(versions.values())
        self.resource_version = version or next(iter(versions.values()), "")


def _same(a: Stored, b: Stored) -> bool:
    return a.resource_version == b.resource_version and a.uid == b.uid
