from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import kubernetes_asyncio.client
import pytest

from aioinformer import SharedInformerFactory, groups
from aioinformer.groups import Groups
from aioinformer.resource import BUILTIN_RESOURCES, APIResource, GroupVersionResource
from scripts.generate_groups import TARGET, rendered, spelled


class Recorder(Groups):
    """A factory whose informers are the resources they were asked for."""

    def informer(self, resource: GroupVersionResource) -> Any:
        return resource


def test_the_module_is_what_its_generator_writes() -> None:
    """Run ``python scripts/generate_groups.py`` when it is not; formatting does not count."""
    written = Path(groups.__file__).read_text(encoding="utf-8")
    assert ast.unparse(ast.parse(written)) == ast.unparse(ast.parse(rendered()))
    assert TARGET.samefile(groups.__file__)


@pytest.mark.parametrize("resource", BUILTIN_RESOURCES, ids=lambda resource: str(resource.gvr))
def test_every_built_in_resource_is_an_attribute(resource: APIResource) -> None:
    gvr = resource.gvr
    assert getattr(getattr(getattr(Recorder(), spelled(gvr.group)), gvr.version), gvr.resource) == gvr


def attributes(node: type[object]) -> list[str]:
    return [name for name, value in vars(node).items() if type(value).__name__ in {"Branch", "Leaf"}]


def test_there_are_no_other_attributes() -> None:
    factory = Recorder()
    reached = [
        getattr(getattr(getattr(factory, group), version), resource)
        for group in attributes(Groups)
        for version in attributes(type(getattr(factory, group)))
        for resource in attributes(type(getattr(getattr(factory, group), version)))
    ]
    assert sorted(reached) == sorted(resource.gvr for resource in BUILTIN_RESOURCES)


@pytest.mark.parametrize("group", attributes(Groups))
def test_groups_are_spelled_as_in_the_clients_class_names(group: str) -> None:
    assert hasattr(kubernetes_asyncio.client, f"{group.title().replace('_', '')}Api")


def test_no_method_of_the_factory_hides_a_group() -> None:
    assert [name for name in attributes(Groups) if name in vars(SharedInformerFactory)] == []
