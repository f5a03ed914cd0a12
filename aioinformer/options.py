"""What an informer is asked for, checked once, where it is asked for."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, TypedDict, get_args

from aioinformer.errors import InvalidOption
from aioinformer.failures import OnError  # noqa: TC001  # read at run time, with the options
from aioinformer.field_selectors import check_field_selector
from aioinformer.functions import is_function
from aioinformer.listwatch import PAGE_SIZE, InitialList
from aioinformer.models import model_builder
from aioinformer.objects import KubeObject
from aioinformer.packing import Storage
from aioinformer.resource import APIResource, GroupVersionResource, ResourceName, find_builtin
from aioinformer.selectors import LabelSelector, SelectorLike
from aioinformer.shapes import Indexer, ModelView, Transform, View, admission, index_function  # as above

if TYPE_CHECKING:
    from aioinformer.cache import IndexFunction
    from aioinformer.store import Admission

__all__ = [
    "InformerDefaults",
    "InformerOptions",
    "InformerSpec",
    "namespace_scope",
]

NAMESPACES = "namespace is a namespace's name, a list, tuple or set of some, or None for all of them, not {!r}"


class InformerDefaults(TypedDict, total=False):
    """The options that a factory takes as ``**defaults`` and ``factory.informer`` takes for one informer."""

    label_selector: SelectorLike
    """Evaluated by the server. An object that stops matching comes out as ``Deleted``."""
    field_selector: str | None
    """Evaluated by the server, which supports few fields: ``"spec.nodeName=node-1"``. One that it does not support is its 400."""
    metadata_only: bool
    """Ask for PartialObjectMetadata: a fraction of the bytes, and no spec, status or data."""
    transform: Transform | None
    """Sees each version of an object once, as a dict it may change and return; ``None`` leaves the object out. It cannot
    change name, namespace, uid or version. One that raises puts the object into quarantine."""
    indexers: Mapping[str, Indexer] | None
    """Index names and functions from an object to its value, its values, or ``None``."""
    initial_list: InitialList
    """``"stream"`` (default; falls back to pages by itself), ``"consistent"`` pages, or ``"cached"``: from the server's
    watch cache, cheaper for the server and possibly a little behind. A server answers that in one response."""
    page_size: int
    """Objects per list page, 500 by default; 0 for all in one response."""
    strict: bool
    """An object that cannot be decoded, transformed or indexed stops the informer with ``ObjectRejected``, instead of being
    quarantined by itself."""
    audit: float | None
    """Seconds between audits (give or take a quarter), each a list of metadata; see ``Informer.audit``. ``None``: none."""
    storage: Storage
    """``"compressed"`` (default): once there is a mebibyte of objects they are kept as compressed bytes, a tenth of the
    size, and decompressed when they are read, in some microseconds. ``"plain"``: as they came."""
    keep_managed_fields: bool
    """Keep ``metadata.managedFields``, who set which field: often a third of an object. Off by default: it is cut from the
    bytes as they arrive, so that not even ``transform`` sees it."""
    on_error: OnError | None
    """Called with a ``Failure`` for everything that goes wrong, as it does, with the decision taken: what is in ``status`` and in
    the log. On the loop, so it has to be quick, and no ``async def``. One that raises is logged, and harms nobody."""
    compress_lists: bool
    """Let the server gzip list pages: a tenth of the bytes for more CPU on both sides. Pays off on slow links only, so it
    is off by default. Watches, and with them streamed lists, are never compressed by kube-apiserver."""


class InformerOptions(InformerDefaults, total=False):
    """The keyword arguments of ``factory.informer``."""

    namespace: str | Collection[str] | None
    """One namespace, several, or ``None`` for all of them. Each of several is listed and watched by itself, so that access to
    it is all that is needed; order and repetition do not matter."""
    resync: float | None
    """Seconds after which every subscription gets a ``Resynced`` for each object, again and again."""
    restore_from: str | os.PathLike[str] | None
    """A file of ``informer.snapshot_to`` to start from. The cache is in sync as soon as the server has accepted a watch from
    its version, or has sent a snapshot that was compared with it: either way subscribers get what was saved as
    ``Added(initial=True)``, then ``Synced``, then what changed meanwhile. A file that cannot be used is refused, with a
    warning and ``status.warm_start``, and the start is cold; so it is after a ``rescope`` before the cache was in sync. Not
    with ``transform`` or several namespaces, and for resources in full only."""


@dataclass(frozen=True, slots=True)
class InformerSpec:
    """Checked options. What ``identity`` returns is what two callers have to agree on to share an informer."""

    resource: GroupVersionResource | ResourceName
    namespace: str | tuple[str, ...] | None = None
    """As ``namespace_scope`` puts it."""
    label_selector: LabelSelector = field(default_factory=LabelSelector)
    field_selector: str | None = None
    metadata_only: bool = False
    model: type[Any] | None = None
    transform: Transform | None = None
    indexers: Mapping[str, Indexer] = field(default_factory=dict[str, Indexer])
    resync: float | None = None
    initial_list: InitialList = "stream"
    page_size: int = PAGE_SIZE
    strict: bool = False
    audit: float | None = None
    compress_lists: bool = False
    storage: Storage = "compressed"
    keep_managed_fields: bool = False
    restore_from: str | os.PathLike[str] | None = None
    on_error: OnError | None = None
    namespace_is_default: bool = False
    """Whether the namespace is the factory's: a cluster-scoped resource then does without."""

    @property
    def identity(self) -> tuple[object, ...]:
        """Resource, scope and selectors: one watch, one cache."""
        return (self.resource, self.namespace, self.label_selector, self.field_selector, self.metadata_only)

    @property
    def builtin(self) -> APIResource | None:
        """The built-in resource, if it is one."""
        name = self.resource
        if isinstance(name, GroupVersionResource):
            name = ResourceName(name.resource, name.version, name.group)
        return find_builtin(name)

    @property
    def namespaces(self) -> tuple[str | None, ...]:
        """What is listed and watched by itself: namespaces, or ``None`` for all at once."""
        return self.namespace if isinstance(self.namespace, tuple) else (self.namespace,)

    @property
    def one_namespace(self) -> str | None:
        """The namespace, if it is one alone."""
        return None if isinstance(self.namespace, tuple) else self.namespace

    def __str__(self) -> str:
        where = f" in {', '.join(filter(None, self.namespaces))}" if self.namespace else ""
        what = ", ".join(filter(None, (str(self.label_selector), self.field_selector)))
        metadata = " metadata" if self.metadata_only else ""
        return f"{self.resource}{metadata}{where}{f' ({what})' if what else ''}"

    def checked(self) -> InformerSpec:
        """Itself.

        Raises:
            InvalidOption: an option cannot work; the message names it and what can.
        """
        if self.namespace is not None and not (self.namespace and all(map(_is_name, self.namespaces))):
            raise InvalidOption(NAMESPACES.format(self.namespace))
        if self.namespace and (builtin := self.builtin) is not None and not builtin.namespaced:
            raise InvalidOption(f"{builtin.gvr} is cluster-scoped: leave namespace={self.namespace!r} out")
        for option, seconds in (("resync", self.resync), ("audit", self.audit)):
            if seconds is not None:
                check_seconds(option, seconds)
        self._check_choices()
        if not _is_a(int, self.page_size) or self.page_size < 0:
            raise InvalidOption(f"page_size is a number of objects, or 0 for all at once, not {self.page_size!r}")
        self._check_what_is_selected_and_done()
        self._check_restore_from()
        if self.model is not None:
            try:
                model_builder(self.model)
            except TypeError as error:
                raise InvalidOption(f"model: {error}") from None
        return self

    def _check_choices(self) -> None:
        for option, value, choices in (
            ("initial_list", self.initial_list, InitialList),
            ("storage", self.storage, Storage),
        ):
            if value not in get_args(choices):
                raise InvalidOption(f"{option} is one of {', '.join(get_args(choices))}, not {value!r}")
        for option in ("metadata_only", "strict", "compress_lists", "keep_managed_fields"):
            check_flag(option, getattr(self, option))

    def _check_restore_from(self) -> None:
        if self.restore_from is None:
            return
        check_path("restore_from", self.restore_from)
        self.check_savable("restore_from")

    def check_covers(self, namespaces: Iterable[str]) -> None:
        """Refuse namespaces of which an informer like this has nothing.

        Raises:
            InvalidOption: one is no name, or outside of what it is on; or the resource has none.
        """
        builtin = self.builtin
        for namespace in namespaces:
            if not _is_name(namespace):
                raise InvalidOption(NAMESPACES.format(namespace))
            if builtin is not None and not builtin.namespaced:
                raise InvalidOption(f"{builtin.gvr} is cluster-scoped: leave namespace={namespace!r} out")
            if None not in self.namespaces and namespace not in self.namespaces:
                raise InvalidOption(f"namespace {namespace!r} is none of those of {self}")

    def check_key(self, key: str) -> None:
        """Refuse what is no key of an object of this resource.

        Raises:
            InvalidOption: it is no string, has no namespace and needs one, or has one and there is none.
        """
        if not isinstance(key, str):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers without a type checker
            raise InvalidOption(f"key is an object's, such as 'default/web' or 'node-1', not {key!r}")
        builtin = self.builtin
        namespace, slash, name = key.partition("/")
        is_key = bool(namespace) and "/" not in name and bool(name) is bool(slash)
        if not is_key or (builtin is not None and builtin.namespaced is not bool(slash)):
            example = "default/web" if builtin is None or builtin.namespaced else "web"
            raise InvalidOption(f"{key!r} is no key of {self}: those look like {example!r}")

    def check_savable(self, option: str) -> None:
        """Refuse to save, or start from, what could not be told from something else.

        Raises:
            InvalidOption: objects are transformed, there are several namespaces, or which version of the resource is
                served is looked up.
        """
        if self.transform is not None:
            raise InvalidOption(
                f"{option} does not go with transform, of which a file cannot tell whether it has changed"
            )
        if not isinstance(self.resource, GroupVersionResource):
            raise InvalidOption(
                f"{option} needs the resource in full, such as 'widgets.v1.example.com', not {self.resource}"
            )
        if len(self.namespaces) > 1:
            raise InvalidOption(f"{option} is for one namespace or for all: of several, each has a version of its own")

    def _check_what_is_selected_and_done(self) -> None:
        if self.field_selector is not None:
            check_field_selector(self.field_selector)
        if self.transform is not None and not is_function(self.transform):
            raise InvalidOption(f"transform is a function of a dict, not {self.transform!r}")
        if self.on_error is not None and not is_function(self.on_error):
            raise InvalidOption(f"on_error is a function of a Failure, and no 'async def', not {self.on_error!r}")
        if not _is_a(Mapping, self.indexers) or not all(
            _is_a(str, name) and is_function(indexer) for name, indexer in self.indexers.items()
        ):
            raise InvalidOption(f"indexers maps names to functions of an object, not {self.indexers!r}")

    def conflicts_with(self, other: InformerSpec, given: Collection[str]) -> list[str]:
        """The options in which a later request contradicts this one.

        What it leaves out (is not among the ``given``) it does not contradict, but for what decides what objects look like.
        """
        compared = {"model", "transform"}.union(given) & {field.name for field in fields(self)}
        return sorted(name for name in compared if getattr(self, name) != getattr(other, name))

    def view(self) -> View:
        """The function that makes what readers get."""
        return KubeObject if self.model is None else ModelView(self.model)

    def admission(self, view: View) -> Admission | None:
        """The function that sees each new version once: transform, and the proof that the model can hold it."""
        return admission(self.transform, view)

    def index_functions(self, view: View) -> dict[str, IndexFunction]:
        """The indexers, as functions of a record."""
        return {name: index_function(indexer, view) for name, indexer in self.indexers.items()}


def _is_a(kind: type[Any] | tuple[type[Any], ...], value: object) -> bool:
    """``isinstance`` for arguments whose annotation a caller without a type checker may have broken."""
    return isinstance(value, kind) and not isinstance(value, bool)


def namespace_scope(namespace: str | Collection[str] | None) -> str | tuple[str, ...] | None:
    """The same namespaces always alike: one by its name, several in order and once each.

    Raises:
        InvalidOption: it is no namespace, and no collection of some.
    """
    if namespace is None or isinstance(namespace, str):
        return namespace
    if not _is_a((list, tuple, set, frozenset), namespace) or not namespace or not all(map(_is_name, namespace)):
        raise InvalidOption(NAMESPACES.format(namespace))
    names = frozenset(namespace)
    return next(iter(names)) if len(names) == 1 else tuple(sorted(names))


def _is_name(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch("[a-z0-9]([-a-z0-9]*[a-z0-9])?", value) is not None


def check_seconds(option: str, value: float) -> None:
    """Refuse a period that is none.

    Raises:
        InvalidOption: it is not a positive number of seconds.
    """
    if not (_is_a((int, float), value) and 0 < value < float("inf")):
        raise InvalidOption(f"{option} is a positive number of seconds, or None, not {value!r}")


def check_path(option: str, value: object) -> None:
    """Refuse what is no path.

    Raises:
        InvalidOption: it is neither a string nor a path.
    """
    if not isinstance(value, str | os.PathLike) or not os.fspath(value):
        raise InvalidOption(f"{option} is the path of a file, not {value!r}")


def check_flag(option: str, value: object) -> None:
    """Refuse what is neither yes nor no.

    Raises:
        InvalidOption: it is not a bool.
    """
    if not isinstance(value, bool):
        raise InvalidOption(f"{option} is True or False, not {value!r}")
