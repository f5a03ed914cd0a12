from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from aioinformer.batches import Delta, Deltas
from aioinformer.errors import InvalidOption, InvalidSelector
from aioinformer.lister import Lister
from aioinformer.objects import KubeObject, Record, key_of
from aioinformer.selectors import LabelSelector
from aioinformer.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable


def record(name: str, namespace: str = "n", **labels: str) -> Record:
    raw = b'{"metadata":{"name":"%b"},"data":{"mutable":[]}}' % name.encode()
    return Record(key_of(namespace, name), f"uid-{name}", "1", labels, raw)


@pytest.fixture
def store() -> Store:
    store = Store({"tier": lambda r: [r.labels["tier"]] if "tier" in r.labels else []})
    records = (record("a", tier="web"), record("b", tier="db"), record("a", "m", tier="web"), record("node", ""))
    store.apply(Deltas([Delta(deleted=False, record=r) for r in records], "1"))
    return store


@pytest.fixture
def lister(store: Store) -> Lister[KubeObject]:
    return Lister(store, KubeObject)


def keys(objects: list[KubeObject]) -> list[str]:
    return [each.key for each in objects]


def test_get_takes_name_and_namespace_or_a_whole_key(lister: Lister[KubeObject]) -> None:
    for found in (lister.get("a", "n"), lister.get("n/a"), lister.namespace("n").get("a")):
        assert found is not None
        assert found.key == "n/a"
    node = lister.get("node")
    assert node is not None
    assert node.namespace == ""


def test_get_gives_none_for_what_is_not_there(lister: Lister[KubeObject]) -> None:
    assert lister.get("a") is None
    assert lister.get("a", "elsewhere") is None
    assert lister.namespace("m").get("b") is None


def test_list_gives_all_objects_or_a_namespaces(lister: Lister[KubeObject]) -> None:
    assert keys(lister.list()) == ["n/a", "n/b", "m/a", "node"]
    assert keys(lister.list("n")) == keys(lister.namespace("n").list()) == ["n/a", "n/b"]
    assert lister.list("elsewhere") == []


@pytest.mark.parametrize(
    ("selector", "found"),
    [
        (None, ["n/a", "n/b", "m/a", "node"]),
        ("", ["n/a", "n/b", "m/a", "node"]),
        ("tier=web", ["n/a", "m/a"]),
        ({"tier": "db"}, ["n/b"]),
        (LabelSelector.parse("!tier"), ["node"]),
        ("tier=none", []),
    ],
)
def test_list_gives_what_a_label_selector_matches(
    lister: Lister[KubeObject], selector: str | dict[str, str] | LabelSelector | None, found: list[str]
) -> None:
    assert keys(lister.list(label_selector=selector)) == found


def test_a_namespaces_list_takes_a_label_selector_too(lister: Lister[KubeObject]) -> None:
    assert keys(lister.namespace("n").list("tier=web")) == keys(lister.list("n", "tier=web")) == ["n/a"]


def test_a_selector_that_does_not_parse_is_refused(lister: Lister[KubeObject]) -> None:
    with pytest.raises(InvalidSelector):
        lister.list(label_selector="tier in")
    with pytest.raises(InvalidSelector):
        lister.namespace("n").list("==")


def test_by_index_gives_views_of_the_objects_with_that_value(lister: Lister[KubeObject]) -> None:
    assert keys(lister.by_index("tier", "web")) == ["n/a", "m/a"]
    assert lister.by_index("tier", "none") == []
    with pytest.raises(InvalidOption, match="nodes"):
        lister.by_index("nodes", "node-1")


def test_it_has_the_length_the_keys_and_the_objects_of_the_cache(lister: Lister[KubeObject]) -> None:
    assert len(lister) == 4
    assert "n/a" in lister
    assert "a" not in lister
    assert [each.key for each in lister] == keys(lister.list())


def test_an_iteration_sees_what_was_there_when_it_began(store: Store, lister: Lister[KubeObject]) -> None:
    objects = iter(lister)
    next(objects)
    store.apply(Deltas([Delta(deleted=True, record=record("b"))], "2"))
    assert [each.key for each in objects] == ["n/b", "m/a", "node"]
    assert keys(lister.list()) == ["n/a", "m/a", "node"]


def test_every_read_makes_views_of_its_own(lister: Lister[KubeObject]) -> None:
    """What a reader does to what it got can never change the cache, nor what another reader gets."""
    reads: tuple[Callable[[], KubeObject | None], ...] = (
        lambda: lister.get("n/a"),
        lambda: lister.namespace("n").get("a"),
        lambda: lister.list("n")[0],
        lambda: lister.by_index("tier", "web")[0],
        lambda: next(iter(lister)),
    )
    for read in reads:
        mine = read()
        assert mine is not None
        mine["data"]["mutable"].append("spoilt")
        mine.to_dict()["data"] = "spoilt"
        again = read()
        assert again is not None
        assert again is not mine
        assert again["data"] == {"mutable": []}


@pytest.mark.parametrize("wrong", [5, b"a", ("n", "a"), None])
def test_what_is_no_name_is_refused_by_name(lister: Lister[KubeObject], wrong: Any) -> None:
    """And not with whatever error Python has for it, nor taken for the name of nothing."""
    with pytest.raises(InvalidOption, match="name is an object's name, or a key such as 'default/web', not "):
        lister.get(wrong)
    with pytest.raises(InvalidOption, match="name is an object's name"):
        lister.namespace("n").get(wrong)
    with pytest.raises(InvalidOption, match="value is one of an index's, which are strings, not "):
        lister.by_index("tier", wrong)


def test_a_whole_key_and_a_namespace_are_one_too_many(lister: Lister[KubeObject]) -> None:
    """Nothing can be called so: it would be taken for absent, and made again."""
    with pytest.raises(InvalidOption, match="'n/a' is a whole key: leave namespace='n' out"):
        lister.get("n/a", "n")
    with pytest.raises(InvalidOption, match="'n/a' is a whole key: leave namespace='n' out"):
        lister.namespace("n").get("n/a")


def test_no_namespace_is_what_objects_without_one_say(store: Store) -> None:
    """So that ``get(other.name, other.namespace)`` is right for all; where one is needed it says so."""
    node = Lister(store, KubeObject).get("node", "")
    assert node is not None
    assert node.key == "node"
    found = Lister(store, KubeObject, namespace=lambda: "n").get("a", "")
    assert found is not None
    assert found.key == "n/a"
    with pytest.raises(InvalidOption, match="which namespace's 'a'"):
        Lister(store, KubeObject, namespaced=True).get("a", "")


def test_an_empty_namespace_is_not_all_of_them(lister: Lister[KubeObject]) -> None:
    """client-go calls them so; here nothing would be found, without a word."""
    with pytest.raises(InvalidOption, match="namespace is one namespace, or None for all of them, not ''"):
        lister.list("")
    with pytest.raises(InvalidOption, match="namespace is one namespace, or None for all of them, not ''"):
        lister.namespace("")


def test_repr_tells_how_much_there_is(lister: Lister[KubeObject]) -> None:
    assert (repr(lister), repr(lister.namespace("n"))) == ("<Lister objects=4>", "<NamespaceLister n>")


@pytest.mark.parametrize("wrong", [5, b"n", ["n"]])
def test_what_is_no_namespace_is_refused_by_name(lister: Lister[KubeObject], wrong: Any) -> None:
    for read in (lambda: lister.get("a", wrong), lambda: lister.list(wrong), lambda: lister.namespace(wrong)):
        with pytest.raises(InvalidOption, match="namespace is one namespace, or None for all of them, not "):
            read()
