from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioinformer import indexers
from aioinformer.batches import Delta, Deltas
from aioinformer.errors import InvalidOption
from aioinformer.lister import Lister
from aioinformer.objects import KubeObject, Record
from aioinformer.options import InformerSpec
from aioinformer.resource import GroupVersionResource
from aioinformer.selectors import LabelSelector, Requirement
from aioinformer.shapes import index_function
from aioinformer.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

OWNERS = [{"uid": "u1", "kind": "ReplicaSet"}, {"uid": "u2", "controller": True}]
EVENT = {"kind": "Pod", "namespace": "n", "name": "web-0", "uid": "u3"}


def document(metadata: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    return {"metadata": {"name": "a", "namespace": "n", **(metadata or {})}, **fields}


@pytest.mark.parametrize(
    ("indexer", "fields", "values"),
    [
        (indexers.owner_uid, document({"ownerReferences": OWNERS}), ["u1", "u2"]),
        (indexers.owner_uid, document(), []),
        (indexers.owner_uid, document({"ownerReferences": None}), []),
        (indexers.controller_uid, document({"ownerReferences": OWNERS}), ["u2"]),
        (indexers.node, document(spec={"nodeName": "node-1"}), ["node-1"]),
        (indexers.node, document(spec={}), []),
        (indexers.node, document(spec={"nodeName": ""}), []),
        (indexers.node, document(), []),
        (indexers.label("app"), document({"labels": {"app": "web", "tier": "db"}}), ["web"]),
        (indexers.label("app"), document({"labels": {"app": ""}}), [""]),
        (indexers.label("app"), document(), []),
        (indexers.label_key, document({"labels": {"app": "web", "tier": "db"}}), ["app", "tier"]),
        (indexers.involved_object, document(involvedObject=EVENT), ["Pod/n/web-0"]),
        (indexers.involved_object, document(regarding={"kind": "Node", "name": "node-1"}), ["Node/node-1"]),
        (indexers.involved_object, document(involvedObject={}), []),
        (indexers.involved_uid, document(involvedObject=EVENT), ["u3"]),
        (indexers.involved_uid, document(regarding=EVENT), ["u3"]),
        (indexers.involved_uid, document(), []),
    ],
)
def test_it_gives_the_values_of_an_object_stored_or_viewed(
    indexer: Callable[[Any], Iterable[str]], fields: dict[str, Any], values: list[str]
) -> None:
    raw = msgspec.json.encode(fields)
    labels = fields["metadata"].get("labels") or {}
    record = Record("n/a", "", "1", labels, raw)
    assert list(indexer(record)) == list(indexer(KubeObject(record))) == values


def test_they_index_what_the_server_sent_whatever_the_model() -> None:
    """A model without labels or owners is indexed like any other."""

    class Bare(msgspec.Struct):
        kind: str = ""

    spec = InformerSpec(
        GroupVersionResource("", "v1", "pods"),
        model=Bare,
        indexers={"app": indexers.label("app"), "node": indexers.node},
    ).checked()
    view = spec.view()
    store = Store(spec.index_functions(view), spec.admission(view))
    raw = msgspec.json.encode(document({"labels": {"app": "web"}}, spec={"nodeName": "node-1"}))
    store.apply(Deltas([Delta(deleted=False, record=Record("n/a", "u", "1", {"app": "web"}, raw))], "1"))
    assert store.index_keys("app", "web") == store.index_keys("node", "node-1") == ["n/a"]


def test_an_object_whose_fields_are_something_else_is_set_aside() -> None:
    store = Store({"node": indexers.node})
    broken = Record("n/a", "u", "1", {}, b'{"metadata":{"name":"a"},"spec":{"nodeName":[1]}}')
    fine = Record("n/b", "u", "1", {}, b'{"metadata":{"name":"b"}}')
    store.apply(Deltas([Delta(deleted=False, record=each) for each in (broken, fine)], "1"))
    assert (store.keys(), isinstance(store.quarantine["n/a"].error, msgspec.ValidationError)) == (["n/b"], True)


def test_two_that_are_made_alike_are_equal() -> None:
    """Everybody who asks for an index by the same label shares one informer."""
    assert indexers.label("app") == indexers.label("app")
    assert indexers.label("app") != indexers.label("tier")
    assert {indexers.label("app"), indexers.label("app")} == {indexers.label("app")}


@pytest.mark.parametrize("key", ["", "a b", "x" * 64, None, 5, "a/b/c"])
def test_what_is_no_label_key_is_refused(key: Any) -> None:
    with pytest.raises(InvalidOption, match="label takes a label's key"):
        indexers.label(key)


def test_one_says_what_it_is() -> None:
    assert repr(indexers.node) == "<indexer node>"
    assert repr(indexers.label("app")) == "LabelIndexer(key='app')"


KEYS, VALUES = st.sampled_from("abc"), st.sampled_from(["", "1", "2", "3"])
REQUIREMENTS = st.one_of(
    st.builds(Requirement, KEYS, st.sampled_from(["in", "notin"]), st.frozensets(VALUES, min_size=1)),
    st.builds(Requirement, KEYS, st.sampled_from(["exists", "!"]), st.just(frozenset())),
    st.builds(Requirement, KEYS, st.sampled_from(["gt", "lt"]), st.just(frozenset({"1"}))),
)
INDEXERS = st.dictionaries(
    st.sampled_from("xyz"),
    st.sampled_from([indexers.label("a"), indexers.label("b"), indexers.label_key, lambda o: o.name]),
)
OBJECTS = st.lists(st.tuples(st.sampled_from("nm"), st.dictionaries(KEYS, VALUES)), max_size=12)
SELECTORS = st.lists(REQUIREMENTS, max_size=3).map(lambda found: LabelSelector(tuple(found)))


def filled(chosen: dict[str, Any], objects: list[tuple[str, dict[str, str]]]) -> Lister[KubeObject]:
    """Each object changes once, so that indexes have to follow."""
    store = Store({name: index_function(indexer, KubeObject) for name, indexer in chosen.items()})
    for version in (1, 2):
        for i, (namespace, labels) in enumerate(objects):
            now = labels if version == 2 else dict(reversed(objects[-i - 1][1].items()))
            record = Record(f"{namespace}/{i}", "u", str(version), now, b"{}")
            store.apply(Deltas([Delta(deleted=False, record=record)], str(version)))
    return Lister(store, KubeObject)


@given(INDEXERS, OBJECTS, SELECTORS, st.sampled_from([None, "n", "m", "elsewhere"]))
def test_a_list_is_the_same_with_indexes_as_without(
    chosen: dict[str, Any], objects: list[tuple[str, dict[str, str]]], selector: LabelSelector, namespace: str | None
) -> None:
    """What may be used to find objects faster changes nothing about which are found."""
    found = [o.key for o in filled(chosen, objects).list(namespace, selector)]
    assert len(found) == len(set(found))
    assert set(found) == {o.key for o in filled({}, objects).list(namespace, selector)}


@pytest.mark.parametrize(
    ("namespace", "selector", "looked_at"),
    [
        (None, "app=web", 2),
        (None, "app in (web,api)", 3),
        (None, "app=web,tier=db", 1),
        (None, "app=none,other", 0),
        (None, "app!=web", 40),
        (None, "tier=db", 40),
        (None, "tier", 40),
        ("m", "app=web", 2),
        ("n", "app in (web,api,x)", 1),
    ],
)
def test_a_list_looks_only_at_what_an_index_leaves(
    monkeypatch: pytest.MonkeyPatch, namespace: str | None, selector: str, looked_at: int
) -> None:
    """Of the indexes that can be used, and the namespace, the one with the fewest objects."""
    labels = [{"app": "web"}, {"app": "web", "tier": "db"}, {"app": "api"}, *[{"app": "x"}] * 37]
    chosen = {"app": indexers.label("app")} | ({"keys": indexers.label_key} if "," in selector else {})
    lister = filled(chosen, [("n" if i == 2 else "m", each) for i, each in enumerate(labels)])
    seen: list[object] = []
    monkeypatch.setattr(LabelSelector, "matches", lambda self, labels: seen.append(labels))
    lister.list(namespace, selector)
    assert len(seen) == looked_at
