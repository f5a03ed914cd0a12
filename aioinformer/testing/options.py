"""The query of a list or watch, read and checked as a kube-apiserver does it (KEP-3157, "API Concepts")."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aioinformer.testing.statuses import ApiServerError, BadRequestError, GroupResource, InvalidError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ListOptions", "check_version", "parse_flag"]

_KIND = GroupResource("meta.k8s.io", "ListOptions")
_NUMBER = re.compile(r"[0-9]+")
_SIGNED = re.compile(r"[+-]?[0-9]+")
_MATCHES = ("Exact", "NotOlderThan")


def parse_flag(value: str | None) -> bool:
    """A boolean of the query: absent, ``0`` and any spelling of ``false`` are false, all else is true."""
    return value is not None and value.lower() not in ("0", "false")


def check_version(version: str, *, for_list: bool) -> None:
    """Require a resource version to be a number, or empty.

    Raises:
        BadRequestError: it is not, on a list.
        ApiServerError: it is not, elsewhere; a real server has a plain 500 for that.
    """
    if version and not _NUMBER.fullmatch(version):
        complaint = (
            f'resourceVersion: Invalid value: "{version}": strconv.ParseUint: parsing "{version}": invalid syntax'
        )
        raise (
            BadRequestError(f"invalid resource version: {complaint}")
            if for_list
            else ApiServerError(500, "", complaint)
        )


@dataclass(frozen=True, slots=True)
class ListOptions:
    """What one list or watch asked for. ``limit`` 0 is no limit; ``send_initial_events`` is ``None`` when not given."""

    watch: bool = False
    label_selector: str = ""
    field_selector: str = ""
    limit: int = 0
    continue_token: str = ""
    resource_version: str = ""
    match: str = ""
    send_initial_events: bool | None = None
    bookmarks: bool = False
    timeout_seconds: int = 0

    @classmethod
    def parse(cls, query: Mapping[str, str]) -> ListOptions:
        """Read a query.

        Raises:
            BadRequestError: a number is none.
            InvalidError: the options contradict one another.
        """
        initial = query.get("sendInitialEvents")
        options = cls(
            watch=parse_flag(query.get("watch")),
            label_selector=query.get("labelSelector", ""),
            field_selector=query.get("fieldSelector", ""),
            limit=_integer(query, "limit"),
            continue_token=query.get("continue", ""),
            resource_version=query.get("resourceVersion", ""),
            match=query.get("resourceVersionMatch", ""),
            send_initial_events=None if initial is None else parse_flag(initial),
            bookmarks=parse_flag(query.get("allowWatchBookmarks")),
            timeout_seconds=_integer(query, "timeoutSeconds"),
        )
        options.check()
        return options

    @property
    def minimum_version(self) -> int:
        """The version the server has to have reached before it can answer."""
        return int(self.resource_version or 0)

    @property
    def is_exact(self) -> bool:
        """Whether the list has to be of just that version. A limit makes it so too, for want of a match (legacy)."""
        return self.match == "Exact" or (not self.match and self.limit > 0 and self.minimum_version > 0)

    @property
    def starts_with_state(self) -> bool:
        """Whether the watch begins with the present objects: asked for, or from no version in particular (legacy)."""
        if self.send_initial_events is None:
            return self.minimum_version == 0
        return self.send_initial_events

    @property
    def wants_end_mark(self) -> bool:
        """Whether a bookmark has to tell the end of the initial events; legacy watches from "" or "0" get it too."""
        return self.bookmarks and self.starts_with_state

    def check(self) -> None:
        """Refuse what cannot be combined.

        Raises:
            ApiServerError: the resource version is no number, or given along with ``continue``.
            InvalidError: options contradict one another.
        """
        if self.watch:
            self._check_watch()
        else:
            self._check_list()
        check_version(self.resource_version, for_list=not self.watch)
        if not self.watch and self.continue_token and self.minimum_version:
            raise BadRequestError("specifying resource version is not allowed when using continue")

    def _check_list(self) -> None:
        if self.match:
            if not self.resource_version:
                raise _forbidden(
                    "resourceVersionMatch", "resourceVersionMatch is forbidden unless resourceVersion is provided"
                )
            if self.continue_token:
                raise _forbidden("resourceVersionMatch", "resourceVersionMatch is forbidden when continue is provided")
            if self.match not in _MATCHES:
                raise self._unknown_match(*_MATCHES, "")
            if self.match == "Exact" and self.resource_version == "0":
                raise _forbidden(
                    "resourceVersionMatch", 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'
                )
        if self.send_initial_events is not None:
            raise _forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list")

    def _check_watch(self) -> None:
        if self.send_initial_events is not None and self.match != "NotOlderThan":
            raise _forbidden(
                "resourceVersionMatch", "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
            )
        if self.match:
            if self.send_initial_events is None:
                raise _forbidden(
                    "resourceVersionMatch",
                    "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
                )
            if self.match != "NotOlderThan":
                raise self._unknown_match("NotOlderThan")
            if self.continue_token:
                raise _forbidden("resourceVersionMatch", "resourceVersionMatch is forbidden when continue is provided")

    def _unknown_match(self, *known: str) -> InvalidError:
        listed = ", ".join(f'"{value}"' for value in known)
        message = f'Unsupported value: "{self.match}": supported values: {listed}'
        return InvalidError(_KIND, "", "resourceVersionMatch", message, cause="FieldValueNotSupported")


def _forbidden(field: str, message: str) -> InvalidError:
    return InvalidError(_KIND, "", field, f"Forbidden: {message}", cause="FieldValueForbidden")


def _integer(query: Mapping[str, str], name: str) -> int:
    value = query.get(name, "")
    if value and not _SIGNED.fullmatch(value):
        raise BadRequestError(f'strconv.ParseInt: parsing "{value}": invalid syntax')
    return max(0, int(value or 0))
