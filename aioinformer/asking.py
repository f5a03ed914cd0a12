"""What a factory is asked for, with its defaults, made into a checked spec; and whether two who ask can share."""

from __future__ import annotations

import difflib
from dataclasses import replace
from typing import TYPE_CHECKING, Any, get_type_hints

from aioinformer.errors import InformerConflict, InvalidOption
from aioinformer.naming import named_resource
from aioinformer.options import InformerOptions, InformerSpec, namespace_scope
from aioinformer.selectors import LabelSelector

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from aioinformer.resource import GroupVersionResource

__all__ = ["asked_for", "check_conflict", "check_defaults"]

_OPTIONS = get_type_hints(InformerOptions).keys()
_DEFAULTS = _OPTIONS - {"restore_from"}


def asked_for(
    resource: GroupVersionResource | str | type[Any],
    model: type[Any] | None,
    options: Mapping[str, Any],
    defaults: Mapping[str, Any],
) -> InformerSpec:
    """The informer that is wanted.

    Raises:
        InvalidOption: an option that does not exist or cannot work, or a name that is none.
    """
    _check_names(options, {"model", *_OPTIONS})
    if isinstance(resource, type):
        model = model or resource
    given = _parsed({**defaults, "model": model, **options})
    spec = InformerSpec(named_resource(resource), **given)
    if "namespace" not in options and spec.namespace is not None:
        builtin = spec.builtin
        scoped = builtin is None or builtin.namespaced
        spec = replace(spec, namespace=spec.namespace if scoped else None, namespace_is_default=True)
    return spec.checked()


def check_defaults(defaults: Mapping[str, Any]) -> None:
    """Refuse what would fail every informer.

    Raises:
        InvalidOption: an option that does not exist or cannot work.
    """
    for own, what in (("restore_from", "file"), ("model", "model")):
        if defaults.get(own) is not None:
            raise InvalidOption(f"{own} is one informer's own {what}: pass it to factory.informer()")
    _check_names(defaults, _DEFAULTS)
    InformerSpec(named_resource("pods"), **_parsed(defaults)).checked()


def _check_names(options: Mapping[str, Any], choices: Collection[str]) -> None:
    unknown = sorted(name for name in options if name not in choices)
    if unknown:
        close = difflib.get_close_matches(unknown[0], choices)
        hint = f"did you mean {' or '.join(close)}?" if close else f"there are {', '.join(sorted(choices))}"
        raise InvalidOption(f"there is no option {unknown[0]!r}; {hint}")


def _parsed(options: Mapping[str, Any]) -> dict[str, Any]:
    parsed = {name: value for name, value in options.items() if value is not None}
    if "namespace" in parsed:
        parsed["namespace"] = namespace_scope(parsed["namespace"])
    if "label_selector" in parsed:
        parsed["label_selector"] = LabelSelector.parse(parsed["label_selector"])
    return parsed


def check_conflict(known: InformerSpec, asked: InformerSpec, options: Mapping[str, Any]) -> None:
    """Refuse to share an informer with other options.

    Raises:
        InformerConflict: what was asked for contradicts what is there.
    """
    conflicts = known.conflicts_with(asked, [name for name, value in options.items() if value is not None])
    if conflicts:
        raise InformerConflict(
            f"there is an informer on {known} already, with other {' and '.join(conflicts)}: use the same everywhere, "
            + ("add_indexer() on the informer, " if conflicts == ["indexers"] else "")
            + "or a factory of its own"
        )
