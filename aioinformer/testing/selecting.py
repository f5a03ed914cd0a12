"""Which objects a request means: field selectors, and both kinds of selector together."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeAlias

from aioinformer.testing.encoding import is_object
from aioinformer.testing.labels import label_predicate
from aioinformer.testing.statuses import BadRequestError, GroupResource

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aioinformer.testing.encoding import JSON
    from aioinformer.testing.mvcc import Stored

__all__ = ["Selection", "field_predicate"]

FieldPredicate: TypeAlias = "Callable[[Stored], bool]"

_COMMON_FIELDS = ("metadata.name", "metadata.namespace")
_EVENT_FIELDS = tuple(
    f"involvedObject.{name}"
    for name in ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
)
_FIELDS: Mapping[GroupResource, tuple[str, ...]] = {
    GroupResource("", "pods"): (
        "spec.nodeName",
        "spec.restartPolicy",
        "spec.schedulerName",
        "spec.serviceAccountName",
        "spec.hostNetwork",
        "status.phase",
        "status.podIP",
        "status.nominatedNodeName",
    ),
    GroupResource("", "events"): (*_EVENT_FIELDS, "reason", "reportingComponent", "source", "type"),
    GroupResource("", "secrets"): ("type",),
    GroupResource("", "services"): ("spec.clusterIP", "spec.type"),
    GroupResource("", "namespaces"): ("status.phase",),
    GroupResource("", "nodes"): ("spec.unschedulable",),
    GroupResource("", "replicationcontrollers"): ("status.replicas",),
    GroupResource("batch", "jobs"): ("status.successful",),
    GroupResource("certificates.k8s.io", "certificatesigningrequests"): ("spec.signerName",),
}
_DEFAULTS = {"spec.hostNetwork": "false", "spec.unschedulable": "false", "status.replicas": "0"}
_TERM = re.compile(r"(.*?)(==|!=|=)(.*)", re.DOTALL)
_UNESCAPED = re.compile(r"\\[\\,=]|[^\\,=]", re.DOTALL)
"""What a value is made of; anything else makes it none."""
_COMMA = re.compile(r"((?:\\.|[^,\\]|\\$)*)(?:,|$)", re.DOTALL)


def field_predicate(
    selector: str, resource: GroupResource, selectable: tuple[str, ...] | None = None
) -> FieldPredicate:
    """What a field selector on that resource says yes to. ``selectable`` are a custom resource's own fields.

    Raises:
        BadRequestError: it cannot be parsed, or the resource does not offer the field.
    """
    terms = [_field_term(selector, part) for part in _COMMA.findall(selector) if part]
    own = selectable if selectable is not None else _FIELDS.get(resource)
    for path, _, _ in terms:
        if path not in _COMMON_FIELDS + (own or ()):
            raise _unknown_field(path, only_common=own is None)
    decoded = [path for path, _, _ in terms if not path.startswith("metadata.")]

    def matches(stored: Stored) -> bool:
        document = stored.document() if decoded else {}
        return all((_field(stored, document, path) == value) is equal for path, equal, value in terms)

    return matches


def _unknown_field(path: str, *, only_common: bool) -> BadRequestError:
    if only_common:
        return BadRequestError(f'"{path}" is not a known field selector: only "metadata.name", "metadata.namespace"')
    return BadRequestError(f"field label not supported: {path}")


def _field_term(selector: str, part: str) -> tuple[str, bool, str]:
    match = _TERM.fullmatch(part)
    if not match:
        raise BadRequestError(f"invalid selector: '{selector}'; can't understand '{part}'")
    path, operator, value = match.groups()
    fault = _UNESCAPED.sub("", value)
    if fault:
        raise BadRequestError(f"invalid selector: {selector!r}: invalid field selector: {fault[:2]!r}")
    return path, operator != "!=", re.sub(r"\\(.)", r"\1", value)


def _field(stored: Stored, document: JSON, path: str) -> str:
    if path == "metadata.name":
        return stored.name
    if path == "metadata.namespace":
        return stored.namespace
    if path == "source":
        path = "source.component"
    value: object = document
    for part in path.split("."):
        value = value.get(part) if is_object(value) else None
    if value is None:
        return _DEFAULTS.get(path, "")
    return str(value).lower() if isinstance(value, bool) else str(value)


class Selection:
    """Both selectors of one request. ``is_everything`` when neither restricts anything."""

    def __init__(
        self, resource: GroupResource, labels: str = "", fields: str = "", *, selectable: tuple[str, ...] | None = None
    ) -> None:
        self.is_everything = not labels and not fields
        self._labels = label_predicate(labels) if labels else None
        self._fields = field_predicate(fields, resource, selectable) if fields else None

    def matches(self, stored: Stored) -> bool:
        """Whether an object passes both."""
        return (self._labels is None or self._labels(stored.labels)) and (self._fields is None or self._fields(stored))
