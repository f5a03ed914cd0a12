"""Ways to make a cache wrong behind its back, each with what an audit calls it. For pods named in namespace ``d``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from aioinformer.objects import Record, Stored, key_of

if TYPE_CHECKING:
    from aioinformer.store import Store


def replaced(record: Stored, **changes: object) -> Record:
    """A copy with other fields."""
    plain = Record(record.key, record.uid, record.resource_version, record.labels, record.raw)
    return msgspec.structs.replace(plain, **changes)


def forget(store: Store, key: str) -> None:
    """As if its addition had never arrived."""
    store._live.pop(key)


def lose(store: Store, key: str) -> None:
    """The record alone is gone; namespaces and indexes still name it."""
    del store._live.records[key]


def invent(store: Store, key: str) -> None:
    """As if its removal had never arrived."""
    namespace, name = key.split("/")
    raw = b'{"metadata":{"name":"%b","namespace":"%b","uid":"u","resourceVersion":"7"}}'
    store._live.put(key, Record(key_of(namespace, name), "u", "7", {}, raw % (name.encode(), namespace.encode())), {})


def age(store: Store, key: str) -> None:
    """As if its last update had never arrived."""
    record = store._live.records[key]
    raw = record.raw.replace(f'"{record.resource_version}"'.encode(), b'"3"')
    store._live.records[key] = replaced(record, resource_version="3", raw=raw)


def swap_uid(store: Store, key: str) -> None:
    """As if it had not been deleted and made again."""
    record = store._live.records[key]
    raw = record.raw.replace(f'"{record.uid}"'.encode(), b'"former"')
    store._live.records[key] = replaced(record, uid="former", raw=raw)


def forge(store: Store, key: str) -> None:
    """Its bytes are another object's."""
    raw = b'{"metadata":{"name":"other","namespace":"d","uid":"other","resourceVersion":"1"}}'
    store._live.records[key] = replaced(store._live.records[key], raw=raw)


def truncate(store: Store, key: str) -> None:
    """Its bytes are no JSON."""
    record = store._live.records[key]
    store._live.records[key] = replaced(record, raw=record.raw[:-5])


def unindex(store: Store, key: str) -> None:
    """No index names it."""
    for index in store._live.indexes.values():
        index.discard(key)


def misindex(store: Store, key: str) -> None:
    """Indexes name it under another value."""
    for index in store._live.indexes.values():
        index.put(key, ("wrong",))


def unname(store: Store, key: str) -> None:
    """Its namespace does not name it."""
    del store._live.namespaces[store._live.records[key].namespace][key]


def name_twice(store: Store, key: str) -> None:
    """A second namespace names it, too."""
    store._live.namespaces["elsewhere"] = {key: None}


def index_twice(store: Store, key: str) -> None:
    """Indexes find it under a second value, which they do not know it to have."""
    for index in store._live.indexes.values():
        index.by_value["second"] = key


def mislabel(store: Store, key: str) -> None:
    """Selectors see labels that its bytes do not have."""
    store._live.records[key] = replaced(store._live.records[key], labels={"wrong": "yes"})
