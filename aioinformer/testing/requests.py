"""Requests as the server understood them, and the record it keeps of them for tests to look at."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from aioinformer.resource import GroupVersionResource
from aioinformer.testing.options import parse_flag

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Journal", "Request", "parse_request", "product"]

_PRODUCT_END = re.compile(r"[/ ]")
_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch"}
_CORE_PARTS, _GROUP_PARTS = 2, 3  # api/v1, apis/apps/v1


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request.

    ``verb`` is Kubernetes's word (``list``, ``watch``, ``get``, ``create``, ``update``, ``patch``, ``delete``, ``deletecollection``);
    for a path outside the resources it is the HTTP method in lower case and ``resource`` is ``None``. ``namespace`` is ``None`` for
    cluster-wide requests. ``status`` is the HTTP status answered, 0 while there is no answer. Numbers count from 1.
    """

    method: str
    path: str
    verb: str
    resource: GroupVersionResource | None = None
    namespace: str | None = None
    name: str = ""
    subresource: str = ""
    query: Mapping[str, str] = field(default_factory=dict[str, str])
    user_agent: str = ""
    number: int = 0
    status: int = 0

    @property
    def client(self) -> str:
        """What the client calls itself: its User-Agent up to the first slash or space."""
        return product(self.user_agent)


def product(user_agent: str) -> str:
    """Who a User-Agent says that it is, without version and comments."""
    return _PRODUCT_END.split(user_agent, maxsplit=1)[0]


def parse_request(method: str, path: str, query: Mapping[str, str], user_agent: str = "") -> Request:
    """What an HTTP request line means."""
    plain = Request(method, path, method.lower(), query=query, user_agent=user_agent)
    parts = [part for part in path.split("/") if part]
    skipped = {"api": _CORE_PARTS, "apis": _GROUP_PARTS}.get(parts[0] if parts else "", 0)
    rest = parts[skipped:]
    if not skipped or not rest:
        return plain
    group, version = ("", parts[1]) if parts[0] == "api" else (parts[1], parts[2])
    namespace = None
    if rest[0] == "namespaces" and len(rest) > 2 and not (len(rest) == 3 and rest[2] in ("status", "finalize")):  # noqa: PLR2004 - namespaces/x/pods
        namespace, rest = rest[1], rest[2:]
    plural, name, subresource, *more = (*rest, "", "")[: max(3, len(rest))]
    try:
        resource = GroupVersionResource(group, version, plural)
    except ValueError:
        return plain
    if more:
        subresource = "/".join((subresource, *more))
    verb = _verb(method, name, query)
    return replace(plain, verb=verb, resource=resource, namespace=namespace, name=name, subresource=subresource)


def _verb(method: str, name: str, query: Mapping[str, str]) -> str:
    if method == "DELETE":
        return "delete" if name else "deletecollection"
    if method in ("GET", "HEAD"):
        return "get" if name else "watch" if parse_flag(query.get("watch")) else "list"
    return _VERBS.get(method, method.lower())


class Journal:
    """The requests so far, and a way to await that something has come about. ``changed`` wakes those who wait."""

    def __init__(self) -> None:
        self._requests: list[Request] = []
        self._waiters: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []

    @property
    def requests(self) -> tuple[Request, ...]:
        """All requests, in order of arrival."""
        return tuple(self._requests)

    def arrived(self, request: Request) -> Request:
        """Record a request; returns it with its number."""
        numbered = replace(request, number=len(self._requests) + 1)
        self._requests.append(numbered)
        self.changed()
        return numbered

    def answered(self, request: Request, status: int) -> None:
        """Record how a request was answered."""
        self._requests[request.number - 1] = replace(request, status=status)
        self.changed()

    def changed(self) -> None:
        """Let those go on whose condition has come true."""
        for condition, waiter in tuple(self._waiters):
            if not waiter.done() and condition():
                waiter.set_result(None)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Return as soon as a condition holds, at once if it does. Cancelling is harmless."""
        if condition():
            return
        entry = condition, asyncio.get_running_loop().create_future()
        self._waiters.append(entry)
        try:
            await entry[1]
        finally:
            self._waiters.remove(entry)
