"""Write aioinformer/groups.py from the table of built-in resources, so that editors complete factory.apps.v1.deployments."""

from __future__ import annotations

import itertools
from pathlib import Path

from aioinformer.resource import BUILTIN_RESOURCES, GroupVersionResource

TARGET = Path(__file__).parent.parent / "aioinformer" / "groups.py"

HEAD = '''"""``factory.<group>.<version>.<plural>`` for every built-in resource, for editors and type checkers.

Generated from the table in ``resource.py`` by ``scripts/generate_groups.py``; do not edit. Groups are spelled as in
kubernetes_asyncio's API class names.
"""

from __future__ import annotations

from aioinformer.attributes import Branch, Leaf, Node

__all__ = ["Groups"]

'''


def spelled(group: str) -> str:
    """``rbac.authorization.k8s.io`` is ``rbac_authorization``, the core group is ``core``."""
    return group.removesuffix(".k8s.io").replace(".", "_").replace("-", "_") or "core"


def class_name(*parts: str) -> str:
    """``_AppsV1``."""
    return "_" + "".join(part.title().replace("_", "") for part in parts)


def rendered() -> str:
    """The module's text."""
    resources = sorted(resource.gvr for resource in BUILTIN_RESOURCES)
    blocks: list[str] = []
    groups: list[str] = []
    for group, of_group in itertools.groupby(resources, key=lambda gvr: gvr.group):
        versions: list[str] = []
        for version, members in itertools.groupby(of_group, key=lambda gvr: gvr.version):
            blocks.append(_version_class(group, version, list(members)))
            versions.append(f"    {version} = Branch({class_name(spelled(group), version)})")
        name = class_name(spelled(group))
        blocks.append("\n".join([f"class {name}(Node):", *versions]))
        groups.append(f"    {spelled(group)} = Branch({name})")
    blocks.append("\n".join(["class Groups:", '    """The built-in API groups."""', "", *groups]))
    return HEAD + "\n\n" + "\n\n\n".join(blocks) + "\n"


def _version_class(group: str, version: str, members: list[GroupVersionResource]) -> str:
    lines = [f"class {class_name(spelled(group), version)}(Node):"]
    lines += [f'    {gvr.resource} = Leaf("{gvr.group}", "{gvr.version}")' for gvr in members]
    return "\n".join(lines)


if __name__ == "__main__":
    TARGET.write_text(rendered())
