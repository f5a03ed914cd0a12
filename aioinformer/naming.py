"""What people pass for a resource, made into one."""

from __future__ import annotations

import re
from typing import Any

from aioinformer.errors import InvalidOption
from aioinformer.resource import BUILTIN_RESOURCES, GroupVersionResource, ResourceName, find_builtin

__all__ = ["named_resource"]

_GENERATED = re.compile(
    r"(?P<group>[A-Z][a-z]+|)(?P<version>V[0-9]+((Alpha|Beta|alpha|beta)[0-9]+)?)(?P<kind>[A-Z]\w*)"
)


def named_resource(resource: GroupVersionResource | str | type[Any]) -> GroupVersionResource | ResourceName:
    """The resource, in full where no server needs to be asked, else the name to ask about.

    Raises:
        InvalidOption: it is no resource name, and no class that names one.
    """
    if isinstance(resource, GroupVersionResource):
        return resource
    if isinstance(resource, type):
        named = getattr(resource, "__resource__", None)
        return named_resource(named) if named is not None else _of_model(resource)
    if not isinstance(resource, str):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers without a type checker
        raise InvalidOption(
            f"a resource is a name such as 'pods', a GroupVersionResource or a model class, not {resource!r}"
        )
    try:
        name = ResourceName.parse(resource)
        builtin = find_builtin(name)
        if builtin is not None:
            return builtin.gvr
        if name.version is not None and name.group is not None:
            return GroupVersionResource(name.group, name.version, name.name)
    except ValueError as error:
        raise InvalidOption(str(error)) from None
    return name


def _of_model(model: type[Any]) -> GroupVersionResource:
    """The built-in resource of a generated model: ``V1Deployment``, or ``EventsV1Event`` where the kind alone is ambiguous."""
    match = _GENERATED.fullmatch(model.__name__)
    if match is not None:
        for builtin in BUILTIN_RESOURCES:
            group = builtin.gvr.group.partition(".")[0] or "core"
            if (
                match["group"].lower() in {"", group}
                and builtin.kind == match["kind"]
                and builtin.gvr.version == match["version"].lower()
            ):
                return builtin.gvr
    raise InvalidOption(
        f"{model.__name__} names no resource: give it a __resource__ = 'widgets.v1.example.com', or pass the resource and model="
    )
