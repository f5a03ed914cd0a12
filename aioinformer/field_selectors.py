r"""Field selectors, as far as they can be judged without the server: their grammar, not which fields it supports.

The grammar is that of ``fields.ParseSelector`` in k8s.io/apimachinery: ``field=value``, ``field==value`` and
``field!=value``, joined by commas, all of which have to hold. In a value ``\,``, ``\=`` and ``\\`` stand for the
characters themselves.
"""

from __future__ import annotations

import re

from aioinformer.errors import InvalidSelector

__all__ = ["check_field_selector"]

_TERM = re.compile(r"((?:\\.|[^,\\]|\\$)*)(?:,|$)", re.DOTALL)
_PARTS = re.compile(r"(?P<field>.*?)(?P<operator>!=|==|=)(?P<value>.*)", re.DOTALL)
_FAULT = re.compile(r"(?:\\[\\,=]|[^\\,=])*(?P<fault>\\.|[\\,=])?", re.DOTALL)


def check_field_selector(selector: object) -> None:
    """Refuse what no server takes for a field selector.

    Raises:
        InvalidSelector: it does not parse; the message says at which character and why.
    """
    if not isinstance(selector, str):
        raise InvalidSelector(f"field_selector is a string such as 'spec.nodeName=n1', not {selector!r}")
    for term in _TERM.finditer(selector):
        if term[1]:
            _check_term(selector, term[1], term.start())


def _check_term(selector: str, term: str, at: int) -> None:
    parts = _PARTS.fullmatch(term)
    if parts is None:
        raise _error(selector, at, f"{term!r} is no condition: those look like field=value or field!=value")
    field = parts["field"]
    if not field or any(letter.isspace() for letter in field):
        raise _error(selector, at, f"expected a field such as 'spec.nodeName', not {field!r}")
    fault = _FAULT.match(parts["value"])
    if fault is not None and fault["fault"]:
        why = (
            f"{fault['fault']!r} is no escape: there are '\\\\', '\\,' and '\\='"
            if fault["fault"].startswith("\\")
            else f"{fault['fault']!r} within a value is written '\\{fault['fault']}'"
        )
        raise _error(selector, at + parts.start("value") + fault.start("fault"), why)


def _error(selector: str, at: int, why: str) -> InvalidSelector:
    return InvalidSelector(f"field_selector {selector!r} does not parse at character {at}: {why}")
