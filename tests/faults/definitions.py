"""A custom resource, for objects of more than a ConfigMap's size and for definitions that come and go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.faults.writer import Resource

if TYPE_CHECKING:
    from tests.faults.administrator import Administrator, Object

GROUP = "faults.example.com"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def resource(plural: str) -> Resource:
    """The custom resource; a definition keeps those fields of its objects that its schema has."""
    return Resource(
        f"{plural}.v1.{GROUP}",
        f"/apis/{GROUP}/v1",
        plural,
        lambda step: {
            "apiVersion": f"{GROUP}/v1",
            "kind": plural.removesuffix("s").capitalize(),
            "spec": {"size": step, "colour": f"colour {step}"},
        },
    )


def definition(plural: str, **fields: str) -> Object:
    """A definition whose ``spec`` has fields of these types, and drops all others."""
    kind = plural.removesuffix("s").capitalize()
    spec = {"type": "object", "properties": {name: {"type": of} for name, of in fields.items()}}
    schema = {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}}
    version = {"name": "v1", "served": True, "storage": True, "schema": schema}
    names = {"plural": plural, "kind": kind}
    return {
        "metadata": {"name": f"{plural}.{GROUP}"},
        "spec": {"group": GROUP, "scope": "Namespaced", "names": names, "versions": [version]},
    }


async def install(administrator: Administrator, document: Object) -> None:
    """Create a definition, and return when its resource is served."""
    await administrator.create(DEFINITIONS, document)
    plural = document["spec"]["names"]["plural"]
    while (await administrator.insist("GET", f"/apis/{GROUP}/v1/{plural}"))[0] != 200:
        pass


async def uninstall(administrator: Administrator, plural: str) -> None:
    """Delete a definition and with it every object, and return when both are gone."""
    path = f"{DEFINITIONS}/{plural}.{GROUP}"
    await administrator.insist("DELETE", path)
    while (await administrator.insist("GET", path))[0] != 404:
        pass
