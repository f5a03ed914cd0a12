"""Request bodies: read within limits, decoded by content type, patches turned into what they do to an object."""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

from aioinformer.testing.encoding import JSON, JSONValue, decode, is_list, is_object
from aioinformer.testing.patching import json_patch, merge_patch, strategic_merge_patch
from aioinformer.testing.statuses import ApiServerError, BadRequestError, UnsupportedMediaError

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp import web

__all__ = ["APPLY", "PATCH_TYPES", "read_document", "read_patch"]

APPLY = "application/apply-patch+yaml"
_STRATEGIC = "application/strategic-merge-patch+json"
PATCH_TYPES = ("application/json-patch+json", "application/merge-patch+json", _STRATEGIC, APPLY)
_MAX_BYTES = 3 * 1024 * 1024
_YAML = ("application/yaml", "text/yaml", APPLY)
_KNOWN = ("", "application/json", "application/octet-stream", *_YAML)


async def read_document(request: web.BaseRequest, kind: str) -> JSON:
    """The object in the body, meant to be of a kind; an empty body is an empty object.

    Raises:
        ApiServerError: 413 past 3 MiB, 415 for an unknown content type, 400 for what is no object.
    """
    if request.content_type not in _KNOWN:
        raise UnsupportedMediaError("application/json", "application/yaml", "application/vnd.kubernetes.protobuf")
    unrecognized = (
        f"the object provided is unrecognized (must be of type {kind}): couldn't get version/kind; json parse error"
    )
    try:
        value = await _read(request)
    except ValueError as error:
        raise BadRequestError(f"{unrecognized}: {error}") from None
    if not is_object(value):
        raise BadRequestError(
            f"{unrecognized}: json: cannot unmarshal {type(value).__name__} into Go value of type struct"
        )
    return value


async def read_patch(request: web.BaseRequest, *, builtin: bool) -> Callable[[JSON], JSON]:
    """What the patch in the body does to an object. Custom resources have no strategic merge patch.

    Raises:
        ApiServerError: as for `read_document`.
    """
    accepted = [kind for kind in PATCH_TYPES if builtin or kind != _STRATEGIC]
    if request.content_type not in PATCH_TYPES:
        raise UnsupportedMediaError
    if request.content_type not in accepted:
        raise UnsupportedMediaError(*accepted)
    try:
        patch = await _read(request)
    except ValueError as error:
        raise BadRequestError(f"error decoding patch: {error}") from None
    if request.content_type == PATCH_TYPES[0]:
        if not is_list(patch):
            raise BadRequestError(
                "error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp"
            )
        operations: list[JSON] = patch
        return lambda document: json_patch(document, operations)
    if not is_object(patch):
        raise BadRequestError(
            "error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}"
        )
    merge = merge_patch if request.content_type == PATCH_TYPES[1] else strategic_merge_patch
    fields: JSON = patch
    return lambda document: merge(document, fields)


async def _read(request: web.BaseRequest) -> JSONValue:
    data = await request.content.read(_MAX_BYTES + 1)
    while len(data) <= _MAX_BYTES and (more := await request.content.read(_MAX_BYTES + 1 - len(data))):
        data += more
    if len(data) > _MAX_BYTES:
        raise ApiServerError(413, message=f"Request entity too large: limit is {_MAX_BYTES}")
    try:
        if request.content_type in _YAML:
            return yaml.safe_load(data) or {}
        return decode(data) if data else {}
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from None
