"""Waiting for what an informer's cache will hold: its first sync, an object, a condition, a version."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol, TypeVar

from aioinformer.errors import InvalidOption, WaitTimeout
from aioinformer.events import Added, Resynced, Updated
from aioinformer.functions import is_function
from aioinformer.resource import at_least

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from aioinformer.conditions import Condition
    from aioinformer.mirror import Mirror
    from aioinformer.objects import Stored
    from aioinformer.options import InformerSpec
    from aioinformer.subscription import Subscription

__all__ = [
    "Versioned",
    "check_timeout",
    "until_all_reach",
    "until_found",
    "until_holds",
    "until_reached",
]

T = TypeVar("T")


class Versioned(Protocol):
    """An informer, as far as its version goes."""

    @property
    def resource_version(self) -> str:
        """Where its cache stands."""
        ...

    async def wait_for_version(self, resource_version: str) -> None:
        """Return once it has got there."""
        ...

    def explain_sync(self) -> str:
        """How it is doing."""
        ...


def check_timeout(timeout: float | None) -> None:
    """Refuse what is no time to wait.

    Raises:
        InvalidOption: it is neither a number of seconds nor ``None``.
    """
    is_number = isinstance(timeout, int | float) and not isinstance(timeout, bool)
    if timeout is not None and not (is_number and timeout >= 0):
        raise InvalidOption(f"timeout is a number of seconds, or None to wait for ever, not {timeout!r}")


def _check_keys(spec: InformerSpec, keys: tuple[str, ...]) -> None:
    """Refuse keys of which an informer like this can tell nothing.

    Raises:
        InvalidOption: one is no key, has no namespace and needs one, or has one that is not covered.
    """
    for key in keys:
        spec.check_key(key)
        namespace = key.rpartition("/")[0]
        if namespace and None not in spec.namespaces and namespace not in spec.namespaces:
            raise InvalidOption(f"{key!r} is outside {spec}, which cannot tell whether there is such an object")


async def until_found(
    mirror: Mirror,
    subscribe: Callable[[], Subscription[T]],
    what: str | Callable[[T], bool],
    timeout: float | None,  # noqa: ASYNC109  # the error says why
) -> T:
    """Wait for an object by its key or a predicate; see ``Informer.wait_for``."""
    check_timeout(timeout)
    if isinstance(what, str):
        _check_keys(mirror.spec, (what,))
    elif not is_function(what):
        raise InvalidOption(f"what to wait for is a key, a predicate or a condition, not {what!r}")
    mirror.check_running()
    deadline = asyncio.timeout(timeout)
    try:
        async with deadline, subscribe() as events:
            async for event in events:
                if isinstance(event, Added | Updated | Resynced) and (
                    event.key == what if isinstance(what, str) else what(event.object)
                ):
                    return event.object
    except TimeoutError:
        if not deadline.expired():
            raise  # it is the predicate's own
        wanted = f"object {what!r}" if isinstance(what, str) else "object that meets the predicate"
        raise WaitTimeout(f"no {wanted} among {mirror.spec} within {timeout:g} s: {mirror.status.explain()}") from None
    raise mirror.closed_error()


async def until_reached(
    mirror: Mirror,
    version: str,
    timeout: float | None,  # noqa: ASYNC109  # the error says why
    *,
    namespace: str | None,
) -> None:
    """Wait until the cache has reached a version; see ``Informer.wait_for_version``."""
    check_timeout(timeout)
    try:
        reached = at_least(version)
    except ValueError as error:
        raise InvalidOption(str(error)) from None
    if namespace is not None:
        mirror.spec.check_covers((namespace,))
    stands_at = mirror.version_of
    if not reached(stands_at(namespace)):
        mirror.check_running()
    try:
        async with asyncio.timeout(timeout):
            await mirror.bell.until(lambda: mirror.stopped or reached(stands_at(namespace)))
    except TimeoutError:
        raise WaitTimeout(
            f"{mirror.spec} stands at version {stands_at(namespace) or 'none'} and did not reach {version} "
            f"within {timeout:g} s: {mirror.status.explain()}"
        ) from None
    if not reached(stands_at(namespace)):
        raise mirror.closed_error()


async def until_holds(mirror: Mirror, condition: Condition, timeout: float | None) -> dict[str, Stored]:  # noqa: ASYNC109  # the error says why
    """Wait until a condition holds; the objects that it is about, by key, as they are at that moment.

    Raises:
        NotRunning, InvalidOption, WaitTimeout, InformerClosed: see ``Informer.wait_for``.
    """
    check_timeout(timeout)
    mirror.check_running()
    _check_keys(mirror.spec, condition.keys)
    wait = _Wait(mirror, condition)
    deadline = asyncio.timeout(timeout)
    try:
        async with deadline:
            await mirror.bell.until(wait.is_over)
    except TimeoutError:
        if not deadline.expired():
            raise  # it is the predicate's own
        raise WaitTimeout(
            f"{condition} did not hold of {mirror.spec} within {timeout:g} s: {wait.standing()}; {mirror.status.explain()}"
        ) from None
    mirror.check_alive()
    found = {key: mirror.store.get(key) for key in condition.keys}
    return {key: record for key, record in found.items() if record is not None}


async def until_all_reach(informers: Sequence[Versioned], version: str, timeout: float | None) -> None:  # noqa: ASYNC109  # the error says why
    """Wait until all of them stand at a version or later, at the same moment.

    Raises:
        InvalidOption, WaitTimeout, InformerClosed, NotRunning: see ``SharedInformerFactory.consistent``.
    """
    check_timeout(timeout)
    try:
        reached = at_least(version)
    except ValueError as error:
        raise InvalidOption(f"at_least: {error}") from None

    def late() -> list[Versioned]:
        return [informer for informer in informers if not reached(informer.resource_version)]

    deadline = asyncio.timeout(timeout)
    try:
        async with deadline:
            while lagging := late():
                await lagging[0].wait_for_version(version)
    except TimeoutError:
        stands = " | ".join(f"at {i.resource_version or 'none'}: {i.explain_sync()}" for i in late())
        raise WaitTimeout(f"not all at version {version} within {timeout:g} s: {stands}") from None


class _Wait:
    """One wait: looks at the condition again when one of its objects has changed."""

    def __init__(self, mirror: Mirror, condition: Condition) -> None:
        self._mirror = mirror
        self._condition = condition
        self._begun: Condition | None = None
        self._seen: list[tuple[str, str] | None] | None = None

    def is_over(self) -> bool:
        """Whether the condition holds, or never will be looked at again."""
        if self._mirror.stopped:
            return True
        if not self._mirror.synced:
            return False
        store = self._mirror.store
        if self._begun is None:
            self._begun = self._condition.begun(store)
        records = map(store.get, self._condition.keys)
        present = [None if record is None else (record.uid, record.resource_version) for record in records]
        if present == self._seen:
            return False
        self._seen = present
        return self._begun.holds(store)

    def standing(self) -> str:
        """How things stand with what does not hold."""
        if self._begun is None:
            return "there was no sync yet"
        return self._begun.standing(self._mirror.store)
