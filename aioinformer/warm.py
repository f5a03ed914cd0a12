"""Starting warm: a cache is saved to a file, and the next one starts from it instead of from nothing.

What was restored is nobody's to see yet: it is shelved in the store. Once the server has accepted a watch from its
version it becomes the cache; when the server has not, a snapshot is fetched, and both become the cache in one step, the
second by its difference from the first.
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from aioinformer.batches import SnapshotPage
from aioinformer.errors import ObjectRejected
from aioinformer.snapshot_file import Header, Origin, SnapshotFile, SnapshotRefused, write_snapshot
from aioinformer.wire import decode_item

if TYPE_CHECKING:
    from aioinformer.options import InformerSpec
    from aioinformer.store import Store
    from aioinformer.turns import Lane

__all__ = ["ACCEPTED", "RESCOPED", "WarmStart", "origin_of", "restore", "save"]

logger = logging.getLogger(__name__)

ACCEPTED = 0.1
"""Seconds that a watch has to stay open to count as accepted: a server tells of lost history behind a 200."""

RESCOPED = "it was of another scope than the one that was asked for before the server had answered"


@dataclass(frozen=True, slots=True)
class WarmStart:
    """What came of ``restore_from``."""

    path: str
    refused: str = ""
    """Why the file was not used, and the cache began cold; ``""`` if it was."""
    objects: int = 0
    """Objects restored."""
    resource_version: str = ""
    """The version at which they were saved."""
    saved_at: str = ""
    """When, in UTC (ISO 8601)."""
    is_unfit: bool = False
    """Whether there is a file, and something is wrong with it."""
    resumes: bool = False
    """Whether a watch from that version comes next; else a snapshot, which is compared with what was restored."""


def origin_of(spec: InformerSpec, server: str) -> Origin:
    """What a cache with these options, of this server, is a copy of."""
    return Origin(
        server=server,
        resource=str(spec.resource),
        namespace=spec.one_namespace or "",
        label_selector=str(spec.label_selector),
        field_selector=spec.field_selector or "",
        metadata_only=spec.metadata_only,
        managed_fields=spec.keep_managed_fields,
    )


async def save(path: str | os.PathLike[str], store: Store, origin: Origin) -> None:
    """Write the cache, as of now, to a file; see ``Informer.snapshot_to``."""
    header = Header(
        origin,
        store.resource_version,
        len(store),
        not store.quarantine,
        datetime.now(UTC).isoformat(timespec="seconds"),
    )
    await write_snapshot(path, header, store.records())


async def restore(
    path: str | os.PathLike[str], store: Store, origin: Origin, part: str = "", *, lane: Lane
) -> WarmStart:
    """Shelve in the store what a file holds. A file that cannot be used leaves the store as it was, and is told why."""
    path = os.fspath(path)
    store.begin_snapshot(part)
    try:
        async with SnapshotFile(path) as file:
            header = await file.header(origin)
            while block := await file.block():
                await lane.turn(at_once=False)  # reading waits in a way that cannot be cancelled
                store.stage(SnapshotPage([decode_item(raw, keep_managed_fields=True) for raw in block]), part)
                while store.is_pressed:
                    await lane.turn()
                    if not store.pack():
                        break
    except FileNotFoundError:
        store.forget_part(part)
        logger.info("%s: starts cold: there is no file %s yet", origin.resource, path)
        return WarmStart(path, "there is no such file")
    except (OSError, SnapshotRefused, ObjectRejected) as error:
        store.forget_part(part)
        logger.warning("%s: starts cold, not from %s: %s", origin.resource, path, error)
        return WarmStart(path, str(error), is_unfit=True)
    store.shelve(part)
    return WarmStart(path, "", header.objects, header.resource_version, header.saved_at, resumes=header.whole)
