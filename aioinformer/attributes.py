"""The descriptors behind ``factory.apps.v1.deployments``: a group leads to versions, a version to informers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, Protocol, TypeVar, overload

from aioinformer.resource import GroupVersionResource

if TYPE_CHECKING:
    from typing import Self

    from aioinformer.informer import Informer
    from aioinformer.objects import KubeObject

__all__ = ["Branch", "Leaf", "Node"]


class _Factory(Protocol):
    def informer(self, resource: GroupVersionResource) -> Informer[KubeObject]: ...


class Node:
    """A place on the way from the factory to an informer."""

    __slots__ = ("factory",)

    def __init__(self, factory: _Factory) -> None:
        self.factory = factory


N = TypeVar("N", bound=Node)


class Branch(Generic[N]):
    """An attribute that leads to a further node."""

    def __init__(self, node: type[N]) -> None:
        self._node = node

    @overload
    def __get__(self, owner: None, kind: type[object]) -> Self: ...
    @overload
    def __get__(self, owner: Node | _Factory, kind: type[object]) -> N: ...
    def __get__(self, owner: Node | _Factory | None, kind: type[object]) -> N | Self:
        if owner is None:
            return self
        return self._node(owner.factory if isinstance(owner, Node) else owner)


class Leaf:
    """An attribute that is the shared informer on the built-in resource of its name."""

    def __init__(self, group: str, version: str) -> None:
        self._group = group
        self._version = version

    def __set_name__(self, owner: type[object], name: str) -> None:
        self._resource = GroupVersionResource(self._group, self._version, name)

    @overload
    def __get__(self, owner: None, kind: type[object]) -> Self: ...
    @overload
    def __get__(self, owner: Node, kind: type[object]) -> Informer[KubeObject]: ...
    def __get__(self, owner: Node | None, kind: type[object]) -> Informer[KubeObject] | Self:
        return self if owner is None else owner.factory.informer(self._resource)
