"""The four patch formats.

* merge patch: RFC 7386, whole.
* JSON patch: RFC 6902, whole.
* strategic merge patch: lists of objects merge by the key that is usual for the field's name (`_MERGE_KEYS`), ``finalizers`` as a set,
  all other lists are replaced; ``$patch`` (``delete``, ``replace``) and ``$deleteFromPrimitiveList`` work, ``$setElementOrder`` and
  ``$retainKeys`` are ignored. A real server knows each type's own merge keys.
* apply: merged like a strategic merge patch, without field ownership: nothing is removed, nothing conflicts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aioinformer.testing.encoding import JSON, JSONValue, copy, is_list, is_object
from aioinformer.testing.statuses import ApiServerError, BadRequestError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["apply_patch", "json_patch", "merge_patch", "strategic_merge_patch"]

_MERGE_KEYS: Mapping[str, tuple[str, ...]] = {
    "conditions": ("type",),
    "containers": ("name",),
    "env": ("name",),
    "ephemeralContainers": ("name",),
    "hostAliases": ("ip",),
    "imagePullSecrets": ("name",),
    "initContainers": ("name",),
    "ownerReferences": ("uid",),
    "ports": ("containerPort", "port"),
    "secrets": ("name",),
    "taints": ("key",),
    "topologySpreadConstraints": ("topologyKey",),
    "volumeDevices": ("devicePath",),
    "volumeMounts": ("mountPath",),
    "volumes": ("name",),
}
_SETS = ("finalizers",)
_DELETE_PRIMITIVES = "$deleteFromPrimitiveList/"


def merge_patch(document: JSON, patch: Mapping[str, object]) -> JSON:
    """RFC 7386: objects merge, ``None`` removes, everything else replaces."""
    merged = dict(document)
    for field, value in patch.items():
        if value is None:
            merged.pop(field, None)
        elif is_object(value):
            known = merged.get(field)
            merged[field] = merge_patch(known if is_object(known) else {}, value)
        else:
            merged[field] = value
    return merged


def strategic_merge_patch(document: JSON, patch: JSON) -> JSON:
    """Merge patch with lists merged by key, as the module's head says."""
    if patch.get("$patch") == "replace":
        return {field: value for field, value in patch.items() if field != "$patch"}
    merged = dict(document)
    for field, value in patch.items():
        if field.startswith(_DELETE_PRIMITIVES):
            target = field.removeprefix(_DELETE_PRIMITIVES)
            merged[target] = [item for item in merged.get(target) or () if item not in value]
        elif field.startswith("$"):
            continue
        elif value is None or (is_object(value) and value.get("$patch") == "delete"):
            merged.pop(field, None)
        else:
            merged[field] = _strategic_value(field, merged.get(field), value)
    return merged


def _strategic_value(field: str, old: JSONValue, new: JSONValue) -> JSONValue:
    if is_object(new):
        return strategic_merge_patch(old if is_object(old) else {}, new)
    if not is_list(new):
        return new
    known: list[JSONValue] = old if is_list(old) else []
    if field in _SETS:
        return known + [item for item in new if item not in known]
    key = _merge_key(field, new)
    return new if key is None else _merge_items(known, new, key)


def _merge_key(field: str, items: list[JSONValue]) -> str | None:
    if not all(is_object(item) for item in items):
        return None
    keyed = [item for item in items if "$patch" not in item or len(item) > 1]
    return next((key for key in _MERGE_KEYS.get(field, ()) if all(key in item for item in keyed)), None)


def _merge_items(old: list[JSON], new: list[JSON], key: str) -> list[JSON]:
    if any(item == {"$patch": "replace"} for item in new):
        return [item for item in new if item != {"$patch": "replace"}]
    merged = {item.get(key): item for item in old}
    for item in new:
        if item.get("$patch") == "delete":
            merged.pop(item[key], None)
        else:
            merged[item[key]] = strategic_merge_patch(merged.get(item[key], {}), item)
    return list(merged.values())


def apply_patch(document: JSON | None, patch: JSON) -> JSON:
    """What server-side apply makes of an object that may not exist yet; without field ownership."""
    return strategic_merge_patch(document or {}, patch)


def json_patch(document: JSON, operations: list[JSON]) -> JSON:
    """RFC 6902.

    Raises:
        BadRequestError: an operation is malformed.
        ApiServerError: 422, a path does not exist or a test fails.
    """
    patched = copy(document)
    for operation in operations:
        try:
            patched = _operate(patched, operation)
        except KeyError as error:
            raise BadRequestError(f"the json patch operation lacks {error}") from None
    return patched


def _operate(document: JSON, operation: JSON) -> JSON:
    # the document is wrapped so that the empty path has a parent too
    root: JSON = {"": document}
    path = operation["path"]
    match operation["op"]:
        case "add":
            _add(root, path, operation["value"])
        case "remove":
            _remove(root, path)
        case "replace":
            _remove(root, path)
            _add(root, path, operation["value"])
        case "move":
            _add(root, path, _remove(root, operation["from"]))
        case "copy":
            _add(root, path, copy({"": _value(root, operation["from"])})[""])
        case "test":
            if _value(root, path) != operation["value"]:
                raise _unprocessable()
        case unknown:
            raise BadRequestError(f"unknown json patch operation {unknown!r}")
    changed: JSON = root[""]
    return changed


def _unprocessable() -> ApiServerError:
    return ApiServerError(422, "Invalid", "the server rejected our request due to an error in our request", details={})


def _parent(root: JSON, path: str) -> tuple[JSONValue, str]:
    *parents, last = [part.replace("~1", "/").replace("~0", "~") for part in f"{path}".split("/")]
    node: JSONValue = root
    for part in parents:
        node = _child(node, part)
    return node, last


def _child(node: JSONValue, part: str) -> JSONValue:
    if is_list(node) and part.isdecimal() and int(part) < len(node):
        return node[int(part)]
    if is_object(node) and part in node:
        return node[part]
    raise _unprocessable()


def _value(root: JSON, path: str) -> JSONValue:
    node, last = _parent(root, path)
    return _child(node, last)


def _remove(root: JSON, path: str) -> JSONValue:
    node, last = _parent(root, path)
    value = _child(node, last)
    if is_list(node):
        del node[int(last)]
    else:
        del node[last]
    return value


def _add(root: JSON, path: str, value: JSONValue) -> None:
    node, last = _parent(root, path)
    if is_object(node):
        node[last] = value
    elif is_list(node) and (last == "-" or (last.isdecimal() and int(last) <= len(node))):
        node.insert(len(node) if last == "-" else int(last), value)
    else:
        raise _unprocessable()
