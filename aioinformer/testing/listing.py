"""Pages of a collection: consistent at the first page's version for as long as history reaches back to it."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import TYPE_CHECKING, NamedTuple, Protocol

from aioinformer.testing.encoding import JSON, decode, encode
from aioinformer.testing.statuses import BadRequestError, ExpiredError, GroupResource

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aioinformer.testing.mvcc import Snapshot, Stored
    from aioinformer.testing.options import ListOptions
    from aioinformer.testing.selecting import Selection

__all__ = ["Page", "Readable", "list_page"]

_LATEST = -1
_FORMAT = "meta.k8s.io/v1"
_INCONSISTENT = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without the"
    " continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with"
    " the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the"
    " first chunk was returned and now may show up in the list."
)


class Readable(Protocol):
    """The store, or a view of it."""

    @property
    def revision(self) -> int:
        """The latest there is."""
        ...

    def snapshot(self, resource: GroupResource, revision: int | None = None) -> Snapshot:
        """A collection at a revision, or now."""
        ...


class Page(NamedTuple):
    """One answer to a list. ``remaining`` counts what follows it, where the server says so."""

    revision: int
    objects: Sequence[Stored]
    continue_token: str = ""
    remaining: int | None = None

    @property
    def metadata(self) -> JSON:
        """The list's ``metadata``."""
        metadata: JSON = {"resourceVersion": str(self.revision)}
        if self.continue_token:
            metadata["continue"] = self.continue_token
        if self.remaining is not None:
            metadata["remainingItemCount"] = self.remaining
        return metadata


def list_page(
    store: Readable, resource: GroupResource, namespace: str | None, options: ListOptions, selection: Selection
) -> Page:
    """The page a list request gets from a store that has reached the requested version.

    A list from version "0" ignores ``limit``, as a real server's watch cache does.

    Raises:
        BadRequestError: the continue token is not one of ours.
        ExpiredError: history no longer reaches back to the page's version. For an expired token it carries another one,
            which goes on from the same key at the latest version.
    """
    revision, start_key = store.revision, ""
    if options.continue_token:
        revision, start_key = _decode_token(options.continue_token)
        if revision == _LATEST:
            revision = store.revision
    elif options.is_exact:
        revision = options.minimum_version
    limit = 0 if options.resource_version == "0" else options.limit
    try:
        snapshot = store.snapshot(resource, revision)
    except ExpiredError:
        if not start_key:
            raise
        raise ExpiredError(_INCONSISTENT, continue_token=_encode_token(_LATEST, start_key)) from None
    objects, following = _matching(snapshot, snapshot.span(namespace, start_key), limit, selection)
    if following is None:
        return Page(revision, objects)
    last, remaining = following
    token = _encode_token(revision, snapshot.keys[last] + "\0")
    return Page(revision, objects, token, remaining if selection.is_everything else None)


def _matching(
    snapshot: Snapshot, span: tuple[int, int], limit: int, selection: Selection
) -> tuple[Sequence[Stored], tuple[int, int] | None]:
    """The objects of a page and, unless it is the last one, the index of its last key and how many keys follow."""
    start, end = span
    if selection.is_everything:
        stop = min(end, start + limit) if limit else end
        return snapshot.objects[start:stop], (stop - 1, end - stop) if stop < end else None
    objects: list[Stored] = []
    for index in range(start, end):
        if selection.matches(snapshot.objects[index]):
            objects.append(snapshot.objects[index])
            if len(objects) == limit and index + 1 < end:
                return objects, (index, end - index - 1)
    return objects, None


def _encode_token(revision: int, start_key: str) -> str:
    return urlsafe_b64encode(encode({"v": _FORMAT, "rv": revision, "start": start_key})).rstrip(b"=").decode()


def _decode_token(token: str) -> tuple[int, str]:
    try:
        fields = decode(urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        version, revision, start_key = fields["v"], fields["rv"], fields["start"]
    except (ValueError, TypeError, KeyError) as error:
        raise BadRequestError(f"invalid continue token: continue key is not valid: {error}") from None
    if version != _FORMAT or not isinstance(revision, int) or revision == 0 or not start_key:
        raise BadRequestError(
            "invalid continue token: continue key is not valid: incorrect encoded start resourceVersion (version meta.k8s.io/v1)"
        )
    return revision, start_key
