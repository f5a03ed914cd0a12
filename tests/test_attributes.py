from __future__ import annotations

from typing import Any, cast

import pytest

from aioinformer.attributes import Branch, Leaf, Node
from aioinformer.resource import GroupVersionResource


class V1(Node):
    widgets = Leaf("example.com", "v1")
    gadgets = Leaf("example.com", "v1")


class Example(Node):
    v1 = Branch(V1)


class Factory:
    """Gives an informer, here a tuple, for each resource and notes which were asked for."""

    example = Branch(Example)

    def __init__(self) -> None:
        self.asked: list[GroupVersionResource] = []

    def informer(self, resource: GroupVersionResource) -> Any:
        self.asked.append(resource)
        return ("informer", resource)


def test_an_attribute_is_the_factorys_informer_on_the_resource_of_its_name() -> None:
    factory = Factory()
    widgets = GroupVersionResource("example.com", "v1", "widgets")
    assert cast("object", factory.example.v1.widgets) == ("informer", widgets)
    assert factory.asked == [widgets]


def test_the_way_there_asks_for_nothing() -> None:
    factory = Factory()
    assert factory.example.v1.factory is factory
    assert factory.asked == []


def test_each_access_asks_the_factory_again() -> None:
    """Which gives the shared informer, or a fresh one where that has been closed."""
    factory = Factory()
    _ = factory.example.v1.widgets, factory.example.v1.widgets, factory.example.v1.gadgets
    assert [resource.resource for resource in factory.asked] == ["widgets", "widgets", "gadgets"]


def test_factories_do_not_mix() -> None:
    one, other = Factory(), Factory()
    _ = one.example.v1.widgets
    assert other.asked == []


def test_there_is_nothing_else() -> None:
    with pytest.raises(AttributeError):
        _ = Factory().example.v1.sprockets  # type: ignore[attr-defined]  # the point
