"""Does the cache say what the server says? A list of metadata at one version, compared key by key.

An audit trusts neither the watch nor itself: what differs at first may be an event that is still on its way, so it is
looked at again once the cache has reached the list's version; and what changes while it looks is left to the next one.
What remains is repaired by a relist, which travels the same way as every other and comes out as ordinary events.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

from aioinformer.batches import Delta
from aioinformer.errors import InformerError, NetworkError, ResourceExpired
from aioinformer.objects import digest
from aioinformer.reflector import read_whole
from aioinformer.resource import at_least, is_newer, oldest
from aioinformer.wire import decode_item, decode_page

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from aioinformer.bell import Bell
    from aioinformer.reflector import Source
    from aioinformer.store import Store
    from aioinformer.turns import Lane
    from aioinformer.wire import ListPage

__all__ = ["AuditReport", "Audited", "Auditor", "merged"]

T = TypeVar("T")

SLICE = 64
"""Objects looked at before the loop gets a turn: a millisecond's worth."""
PAGE_TIMEOUT = 75.0
"""Seconds for one page; a kube-apiserver gives up on a list after 60."""
CATCH_UP = 90.0
"""Seconds for the cache to reach the list's version; where nothing changes, the next bookmark takes it there."""
UNCOMPARABLE = 5.0
"""Seconds that events get to arrive where the server's versions cannot be compared."""
ATTEMPTS = 5
NAMED = 5
"""Keys that a report names per finding when it is printed."""


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What an audit found. Keys are ``namespace/name``; all four tuples are empty for a healthy cache."""

    resource_version: str
    """The version of the list that the cache was compared with."""
    checked: int
    """Objects on the server."""
    missing: tuple[str, ...]
    """On the server, not in the cache."""
    surplus: tuple[str, ...]
    """In the cache or in quarantine, not on the server."""
    outdated: tuple[str, ...]
    """On both sides, with another uid or version; what is in quarantine counts as what it was when it was set aside."""
    damaged: tuple[str, ...]
    """Cached under a key or index value that their own bytes contradict."""
    repaired: bool
    """Whether a relist has put right what was found."""
    finished_at: datetime

    @property
    def clean(self) -> bool:
        """Whether nothing was found."""
        return not (self.missing or self.surplus or self.outdated or self.damaged)

    def __str__(self) -> str:
        found = {"missing": self.missing, "surplus": self.surplus, "outdated": self.outdated, "damaged": self.damaged}
        said = [f"{len(keys)} {what} ({_some(keys)})" for what, keys in found.items() if keys]
        repaired = ", repaired by a relist" if self.repaired else ""
        return (
            f"{self.checked} objects at version {self.resource_version}: {', '.join(said) or 'all as cached'}{repaired}"
        )


class Audited(Protocol):
    """What an auditor needs of an informer."""

    store: Store
    bell: Bell
    lane: Lane

    @property
    def snapshots(self) -> int:
        """How many snapshots have become the cache."""
        ...

    @property
    def resource_version(self) -> str:
        """The version that the cache has reached."""
        ...

    def keys(self) -> list[str]:
        """The keys of what is cached."""
        ...

    def covers(self, key: str) -> bool:
        """Whether an object of this key is its affair."""
        ...

    @property
    def blocked_by(self) -> InformerError | None:
        """The refusal that only a person can mend, if there is one."""
        ...

    def relist(self) -> None:
        """Fetch a new snapshot."""
        ...


class _Listed(NamedTuple):
    """The server's word: digests of uid and version by key, and the keys of what could not be read."""

    resource_version: str
    digests: dict[str, int]
    unreadable: set[str]


class _Findings(NamedTuple):
    missing: list[str]
    surplus: list[str]
    outdated: list[str]
    damaged: list[str]

    @property
    def keys(self) -> list[str]:
        return [*self.missing, *self.surplus, *self.outdated, *self.damaged]


class Auditor:
    """Compares one informer's cache with what ``source`` lists; one audit at a time."""

    def __init__(self, audited: Audited, source: Source, page_size: int) -> None:
        self._audited = audited
        self._store = audited.store
        self._lane = audited.lane
        self._source = source
        self._page_size = page_size
        self._turn = asyncio.Lock()

    async def audit(self, *, repair: bool) -> AuditReport:
        """List, compare, and relist if something is wrong and ``repair``. Cancelling it loses nothing; do so when it stops.

        Raises:
            APIError, NetworkError, MalformedResponse: the list failed, and nothing was compared.
            InformerError: the list is older than the cache, or the relist is refused.
        """
        async with self._turn:
            listed, findings = await self._undisturbed()
            keys = findings.keys
            repaired = bool(keys) and repair
            if repaired:
                await self._repair(keys)
        return AuditReport(
            resource_version=listed.resource_version,
            checked=len(listed.digests) + len(listed.unreadable),
            missing=tuple(findings.missing),
            surplus=tuple(findings.surplus),
            outdated=tuple(findings.outdated),
            damaged=tuple(findings.damaged),
            repaired=repaired,
            finished_at=datetime.now(UTC),
        )

    async def _undisturbed(self) -> tuple[_Listed, _Findings]:
        """A comparison during which no snapshot became the cache: after one, every key would have to be left out."""
        for _ in range(ATTEMPTS):
            before, version = self._audited.snapshots, self._audited.resource_version
            self._store.touched = set()
            try:
                listed = await self._list()
                _check_age(listed.resource_version, version)
                findings = await self._compare(listed)
                if findings.keys:
                    await self._catch_up(listed.resource_version)
                    findings = await self._compare(listed)
            finally:
                self._store.touched = None
            if self._audited.snapshots == before:
                return listed, findings
        raise InformerError(f"no audit: the cache was rebuilt during each of {ATTEMPTS} attempts")

    async def _list(self) -> _Listed:
        """All pages; from the beginning again when the server has forgotten the list half-way."""
        for _ in range(ATTEMPTS - 1):
            with suppress(ResourceExpired):
                return await self._pages()
        return await self._pages()

    async def _pages(self) -> _Listed:
        listed = _Listed("", {}, set())
        token = ""
        while True:
            page = await self._page(token)
            for items in _sliced(page.items, SLICE):
                await self._lane.turn()
                for item in items:
                    found = decode_item(item, page.kind, page.api_version)
                    if isinstance(found, Delta):
                        listed.digests[found.record.key] = digest(found.record)
                    else:
                        listed.unreadable.add(found.key)
            listed = listed._replace(resource_version=listed.resource_version or page.resource_version)
            token = page.continue_token
            if not token:
                return listed

    async def _page(self, token: str) -> ListPage:
        query = {"limit": str(self._page_size)} if self._page_size else {}
        if token:
            query["continue"] = token
        try:
            async with asyncio.timeout(PAGE_TIMEOUT), self._source.open(query) as body:
                return decode_page(await read_whole(body.read))
        except TimeoutError:
            raise NetworkError(f"no audit: a page of the list was not there within {PAGE_TIMEOUT:g} s") from None

    async def _compare(self, listed: _Listed) -> _Findings:
        findings = _Findings([], [], [], [])
        for keys in _sliced(list(listed.digests), SLICE):
            await self._lane.turn()
            for key in self._judgeable(keys):
                held = self._store.digest(key)
                if held is None:
                    findings.missing.append(key)
                elif held != listed.digests[key]:
                    findings.outdated.append(key)
        await self._examine(listed, findings)
        return findings

    async def _examine(self, listed: _Listed, findings: _Findings) -> None:
        """What is in the cache and should not be, or not so."""
        store, quarantine = self._store, self._store.quarantine
        set_aside = (key for key in quarantine if key not in store and self._audited.covers(key))
        for keys in _sliced([*self._audited.keys(), *set_aside], SLICE):
            await self._lane.turn()
            for key in self._judgeable(key for key in keys if key in store or key in quarantine):
                if key not in listed.digests and key not in listed.unreadable:
                    findings.surplus.append(key)
                elif key not in quarantine and store.is_damaged(key):
                    findings.damaged.append(key)
        await self._lane.turn()
        found = set(findings.keys)
        for strays in store.strays():
            own = self._judgeable(filter(self._audited.covers, dict.fromkeys(strays)))
            new = [key for key in own if key not in found and key not in quarantine]
            findings.damaged.extend(new)
            found.update(new)
            await self._lane.turn()

    def _judgeable(self, keys: Iterable[str]) -> Iterator[str]:
        """Those that stood still since before the list, and that are not in quarantine without a word on who they are."""
        touched, quarantine = self._store.touched or (), self._store.quarantine
        return (
            key for key in keys if key not in touched and (key not in quarantine or self._store.digest(key) is not None)
        )

    async def _catch_up(self, version: str) -> None:
        """Give events that were under way time to arrive. A cache that does not get there is judged as it is."""
        try:
            reached = at_least(version)
        except ValueError:
            await asyncio.sleep(UNCOMPARABLE)
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(CATCH_UP):
                await self._audited.bell.until(lambda: reached(self._audited.resource_version))

    async def _repair(self, keys: Sequence[str]) -> None:
        self._store.distrust(keys)
        self._audited.relist()
        await self._audited.bell.until(lambda: not self._store.distrusts(keys) or self._audited.blocked_by is not None)
        if self._audited.blocked_by is not None:
            raise InformerError("the relist that would repair the cache is refused") from self._audited.blocked_by


def merged(reports: Sequence[AuditReport]) -> AuditReport:
    """What the audits of several collections found, as one; its version is the oldest."""
    if len(reports) == 1:
        return reports[0]
    return AuditReport(
        resource_version=oldest(report.resource_version for report in reports),
        checked=sum(report.checked for report in reports),
        missing=tuple(key for report in reports for key in report.missing),
        surplus=tuple(key for report in reports for key in report.surplus),
        outdated=tuple(key for report in reports for key in report.outdated),
        damaged=tuple(key for report in reports for key in report.damaged),
        repaired=any(report.repaired for report in reports),
        finished_at=reports[-1].finished_at,
    )


def _check_age(listed: str, cached: str) -> None:
    """Refuse to judge a cache by an older state; what does not compare is let pass."""
    if listed.isdecimal() and cached.isdecimal() and is_newer(cached, listed):
        raise InformerError(
            f"no audit: the server answered as of version {listed}, before the cache's {cached}: does a replica lag?"
        )


def _sliced(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def _some(keys: Sequence[str]) -> str:
    return ", ".join(keys[:NAMED]) + (", ..." if len(keys) > NAMED else "")
