"""What an object has to fulfil whatever its type, with the refusals in the real server's words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aioinformer.testing.encoding import inner, is_list, is_object
from aioinformer.testing.labels import LABEL_KEY_RULE, LABEL_VALUE_RULE, is_label_key, is_label_value
from aioinformer.testing.statuses import BadRequestError, ConflictError, InvalidError

if TYPE_CHECKING:
    from aioinformer.testing.catalog import Served
    from aioinformer.testing.encoding import JSON
    from aioinformer.testing.mvcc import Stored

__all__ = ["check_labels", "check_metadata", "check_name", "check_preconditions", "check_type"]

_TEXTS = ("name", "generateName", "namespace", "uid", "resourceVersion")
_SUBDOMAIN = re.compile(r"(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_PATH_SEGMENT = re.compile(r"(?!\.{1,2}$)[^/%]+")
_NAME_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an"
    " alphanumeric character (e.g. 'example.com', regex used for validation is"
    r" '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)


def check_type(served: Served, document: JSON) -> None:
    """Take kind and apiVersion off an object after making sure that they are the resource's, where given."""
    kind, version = document.pop("kind", served.kind), document.pop("apiVersion", served.gvr.api_version)
    if (kind, version) != (served.kind, served.gvr.api_version):
        raise BadRequestError(f'{kind} in version "{version}" cannot be handled as a {served.kind}')
    if not is_object(document.get("metadata", {})):
        raise _unreadable(served, document["metadata"], f"{served.kind}.metadata of type v1.ObjectMeta")


def check_name(served: Served, name: str) -> None:
    """Require a name that objects may have; those of RBAC need only fit into a URL."""
    if not name:
        message = "Required value: name or generateName is required"
        raise InvalidError(served.group_kind, "", "metadata.name", message, cause="FieldValueRequired")
    allowed = _PATH_SEGMENT if served.gvr.group == "rbac.authorization.k8s.io" else _SUBDOMAIN
    if not allowed.fullmatch(name):
        raise InvalidError(served.group_kind, name, "metadata.name", f'Invalid value: "{name}": {_NAME_RULE}')


def check_metadata(served: Served, metadata: JSON) -> None:
    """Require texts where metadata has texts, after taking away the nulls, which stand for nothing."""
    for field in (*_TEXTS, "labels", "annotations", "finalizers"):
        if metadata.get(field, "") is None:
            del metadata[field]
    for field in _TEXTS:
        _require_text(served, metadata.get(field, ""), field)
    for field in ("labels", "annotations"):
        texts = metadata.get(field, {})
        if not is_object(texts):
            raise _unreadable(served, texts, f"ObjectMeta.metadata.{field} of type map[string]string")
        for text in texts.values():
            _require_text(served, text, field)
    finalizers = metadata.get("finalizers", [])
    if not is_list(finalizers):
        raise _unreadable(served, finalizers, "ObjectMeta.metadata.finalizers of type []string")
    for text in finalizers:
        _require_text(served, text, "finalizers")


def check_labels(served: Served, metadata: JSON) -> None:
    """Require labels that are labels."""
    name: str = metadata.get("name", "")
    for key, value in inner(metadata, "labels").items():
        if not is_label_key(key):
            raise InvalidError(served.group_kind, name, "metadata.labels", f'Invalid value: "{key}": {LABEL_KEY_RULE}')
        if not is_label_value(value):
            raise InvalidError(
                served.group_kind, name, "metadata.labels", f'Invalid value: "{value}": {LABEL_VALUE_RULE}'
            )


def _require_text(served: Served, value: object, field: str) -> None:
    if not isinstance(value, str):
        raise _unreadable(served, value, f"ObjectMeta.metadata.{field} of type string")


def _unreadable(served: Served, value: object, target: str) -> BadRequestError:
    found = (
        "object" if is_object(value) else "array" if is_list(value) else "bool" if isinstance(value, bool) else "number"
    )
    found = "string" if isinstance(value, str) else found
    return BadRequestError(
        f'{served.kind} in version "{served.gvr.version}" cannot be handled as a {served.kind}:'
        f" json: cannot unmarshal {found} into Go struct field {target}"
    )


def check_preconditions(served: Served, stored: Stored, wanted: JSON) -> None:
    """Require what a deletion's preconditions want of uid and resource version."""
    for field, name, actual, since in (
        ("uid", "UID", stored.uid, "deleted and then recreated"),
        ("resourceVersion", "ResourceVersion", str(stored.revision), "modified"),
    ):
        if wanted.get(field, actual) != actual:
            why = (
                f"the {name} in the precondition ({wanted[field]}) does not match the {name} in record ({actual})."
                f" The object might have been {since}"
            )
            raise ConflictError(served.group_kind, stored.name, why)
