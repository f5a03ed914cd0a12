"""Label selectors, with the grammar and the answers of the API server.

The grammar is that of ``labels.Parse`` in k8s.io/apimachinery: ``a=b``, ``a==b``, ``a!=b``, ``a in (x,y)``,
``a notin (x,y)``, ``a``, ``!a``, joined by commas, all of which have to hold.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias, TypedDict, cast

from aioinformer.errors import InvalidSelector

__all__ = ["LabelSelector", "MatchExpression", "Requirement", "SelectorDocument", "SelectorLike", "is_label_key"]

_DNS_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_KEY = re.compile(rf"(?:(?P<prefix>{_DNS_LABEL}(\.{_DNS_LABEL})*)/)?(?P<name>[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)")
_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?")
_TOKEN = re.compile(r"[ \t\r\n]*(?:(?P<word>[-A-Za-z0-9_./]+)|(?P<mark>!=|==|=|!|,|\(|\)|<|>)|(?P<end>$))")
_OPERATORS = {"In": "in", "NotIn": "notin", "Exists": "exists", "DoesNotExist": "!"}


class MatchExpression(TypedDict, total=False):
    """One of ``matchExpressions`` (LabelSelectorRequirement in Kubernetes' API)."""

    key: str
    operator: str
    """``In``, ``NotIn``, ``Exists`` or ``DoesNotExist``."""
    values: Sequence[str] | None
    """At least one with ``In`` and ``NotIn``; none with the others."""


class SelectorDocument(TypedDict, total=False):
    """A selector as it stands in Kubernetes' objects, such as in a Deployment's ``spec["selector"]``."""

    matchLabels: Mapping[str, str] | None
    matchExpressions: Sequence[MatchExpression] | None


class Requirement(NamedTuple):
    """One condition: ``operator`` is ``in``, ``notin``, ``exists``, ``!`` (absent), ``gt`` or ``lt``."""

    key: str
    operator: str
    values: frozenset[str] = frozenset()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether labels meet this condition; as on the server, ``notin`` also holds where the label is absent."""
        value = labels.get(self.key)
        match self.operator:
            case "in":
                return value is not None and value in self.values
            case "notin":
                return value is None or value not in self.values
            case "exists":
                return value is not None
            case "!":
                return value is None
            case _:
                return value is not None and _compares(value, self.operator, next(iter(self.values)))

    def __str__(self) -> str:
        match self.operator:
            case "exists":
                return self.key
            case "!":
                return f"!{self.key}"
            case "in" if len(self.values) == 1:
                return f"{self.key}={next(iter(self.values))}"
            case "gt" | "lt":
                return f"{self.key}{'>' if self.operator == 'gt' else '<'}{next(iter(self.values))}"
            case _:
                return f"{self.key} {self.operator} ({','.join(sorted(self.values))})"


def _compares(value: str, operator: str, bound: str) -> bool:
    if not _is_int64(value):
        return False
    return int(value) > int(bound) if operator == "gt" else int(value) < int(bound)


def _is_int64(value: str) -> bool:
    return value.isascii() and value.isdecimal() and len(value) <= 19 and int(value) < 1 << 63  # noqa: PLR2004  # its digits


class LabelSelector:
    """A parsed label selector. Equal selectors compare and hash equal however they were written."""

    __slots__ = ("requirements",)

    def __init__(self, requirements: tuple[Requirement, ...] = ()) -> None:
        self.requirements = tuple(sorted(set(requirements), key=lambda r: (r.key, r.operator, sorted(r.values))))

    @classmethod
    def parse(cls, selector: SelectorLike) -> LabelSelector:
        """Read a selector string, a mapping of labels that all have to be equal, or a ``SelectorDocument``.

        ``None`` and what is empty match all. A mapping is a document if it has ``matchLabels`` or ``matchExpressions``
        and these are no strings, as a label's value would be.

        Raises:
            InvalidSelector: it does not parse; the message says at which character and why.
        """
        if selector is None:
            return cls()
        if isinstance(selector, LabelSelector):
            return selector
        if isinstance(selector, str):
            return cls(tuple(_Parser(selector).requirements()))
        if isinstance(selector, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers without a type checker
            if _is_document(selector):
                return cls(tuple(_of_document(cast("dict[str, Any]", selector))))
            return cls(tuple(_equal(key, value) for key, value in cast("Mapping[str, str]", selector).items()))
        raise InvalidSelector(
            f"a label selector is a string such as 'app=web,tier in (a,b)', a mapping of labels, or one with matchLabels and matchExpressions, not {type(selector).__name__}"
        )

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether labels meet every condition."""
        return all(requirement.matches(labels) for requirement in self.requirements)

    def __bool__(self) -> bool:
        return bool(self.requirements)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LabelSelector) and self.requirements == other.requirements

    def __hash__(self) -> int:
        return hash(self.requirements)

    def __str__(self) -> str:
        return ",".join(map(str, self.requirements))

    def __repr__(self) -> str:
        return f"LabelSelector({str(self)!r})"


SelectorLike: TypeAlias = str | Mapping[str, str] | SelectorDocument | LabelSelector | None
"""What a label selector may be given as."""


def _is_document(selector: Mapping[str, Any]) -> bool:
    parts = [selector[name] for name in ("matchLabels", "matchExpressions") if name in selector]
    return bool(parts) and not any(isinstance(part, str) for part in parts)


def _of_document(document: Mapping[str, Any]) -> list[Requirement]:
    """What ``LabelSelectorAsSelector`` of k8s.io/apimachinery makes of it, and refuses."""
    unknown = sorted(map(str, document.keys() - {"matchLabels", "matchExpressions"}))
    if unknown:
        raise InvalidSelector(f"a label selector has matchLabels and matchExpressions, and no {unknown[0]!r}")
    labels: Any = document.get("matchLabels") or {}
    expressions: Any = document.get("matchExpressions") or ()
    if not isinstance(labels, Mapping):
        raise InvalidSelector(f"matchLabels is a mapping of labels, not {type(labels).__name__}")
    if not isinstance(expressions, list | tuple):
        raise InvalidSelector(f"matchExpressions is a list of expressions, not {type(expressions).__name__}")
    found = [_equal(key, value) for key, value in cast("Mapping[str, str]", labels).items()]
    return found + [_of_expression(expression) for expression in cast("Sequence[object]", expressions)]


def _of_expression(expression: object) -> Requirement:
    if not isinstance(expression, Mapping):
        raise InvalidSelector(
            f"an expression is a mapping with key, operator and values, not {type(expression).__name__}"
        )
    fields = cast("Mapping[str, Any]", expression)
    key, values = fields.get("key"), fields.get("values") or ()
    operator = _OPERATORS.get(str(fields.get("operator")))
    _check_key(key, f"matchExpressions: {key!r}")
    if operator is None:
        raise InvalidSelector(
            f"operator is one of {', '.join(_OPERATORS)}, not {fields.get('operator')!r}, for {key!r}"
        )
    if isinstance(values, str) or not isinstance(values, Sequence):
        raise InvalidSelector(f"values is a list of label values, not {values!r}, for {key!r}")
    wanted = cast("Sequence[str]", values)
    if bool(wanted) is not (operator in {"in", "notin"}):
        raise InvalidSelector(
            f"{fields['operator']} takes {'no values' if wanted else 'at least one value'}, for {key!r}"
        )
    return Requirement(str(key), operator, frozenset(_checked_value(str(key), value) for value in wanted))


def _equal(key: str, value: str) -> Requirement:
    _check_key(key, f"{{{key!r}: ...}}")
    return Requirement(key, "in", frozenset({_checked_value(key, value)}))


def _checked_value(key: str, value: str) -> str:
    if not _valid_value(value):
        raise InvalidSelector(
            f"{value!r} is not a label value (for {key!r}): at most 63 letters, digits, '-', '_' and '.'"
        )
    return value


def _valid_value(value: object) -> bool:
    return isinstance(value, str) and len(value) <= 63 and _VALUE.fullmatch(value) is not None  # noqa: PLR2004  # the limit of label values


def is_label_key(key: object) -> bool:
    """Whether a label may have this key."""
    match = _KEY.fullmatch(key) if isinstance(key, str) else None
    return match is not None and len(match["name"]) <= 63 and len(match["prefix"] or "") <= 253  # noqa: PLR2004  # the limits of label keys


def _check_key(key: object, where: str) -> None:
    if not is_label_key(key):
        raise InvalidSelector(
            f"{key!r} is not a label key, in {where!r}: a name of at most 63 letters, digits, '-', '_' and '.', with an optional 'domain/' before it"
        )


class _Parser:
    """Recursive descent over tokens; remembers where it is for the message."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._token = ""
        self._advance()

    def requirements(self) -> list[Requirement]:
        found: list[Requirement] = []
        while self._token:
            found.append(self._requirement())
            if self._token == ",":  # noqa: S105  # a token of the grammar
                self._advance()
                if not self._token:
                    raise self._error("a condition is missing after the last comma")
            elif self._token:
                raise self._error(f"expected ',' before {self._token!r}")
        return found

    def _requirement(self) -> Requirement:
        if self._at_one_of("!"):
            self._advance()
            return Requirement(self._key(), "!")
        key = self._key()
        operator = self._token
        if operator in {"", ","}:
            return Requirement(key, "exists")
        self._advance()
        match operator:
            case "=" | "==":
                return Requirement(key, "in", frozenset({self._value()}))
            case "!=":
                return Requirement(key, "notin", frozenset({self._value()}))
            case "in" | "notin":
                return Requirement(key, operator, self._values())
            case "<" | ">":
                return Requirement(key, "gt" if operator == ">" else "lt", frozenset({self._integer()}))
            case _:
                raise self._error(f"{operator!r} is not an operator: use =, ==, !=, in, notin, <, > or none")

    def _key(self) -> str:
        key = self._token
        if not key or key in "!=(),<>":
            raise self._error("expected a label key")
        _check_key(key, self._text)
        self._advance()
        return key

    def _value(self) -> str:
        if self._token in {"", ","}:
            return ""
        value = self._token
        if not _valid_value(value):
            raise self._error(f"{value!r} is not a label value")
        self._advance()
        return value

    def _values(self) -> frozenset[str]:
        if not self._at_one_of("("):
            raise self._error("'in' and 'notin' take a list in parentheses")
        self._advance()
        values: set[str] = set()
        while True:
            values.add("" if self._at_one_of(",", ")") else self._value())
            if not self._at_one_of(",", ")"):
                raise self._error("expected ',' or ')' in the list")
            ends = self._at_one_of(")")
            self._advance()
            if ends:
                return frozenset(values)

    def _integer(self) -> str:
        value = self._value()
        if not _is_int64(value):
            raise self._error("'<' and '>' compare with an integer of 64 bits")
        return value

    def _at_one_of(self, *tokens: str) -> bool:
        return self._token in tokens

    def _advance(self) -> None:
        match = _TOKEN.match(self._text, self._at)
        if match is None:
            raise self._error(f"{self._text[self._at :].lstrip()[:1]!r} has no place in a label selector")
        self._at = match.end()
        self._token = match["word"] or match["mark"] or ""

    def _error(self, why: str) -> InvalidSelector:
        return InvalidSelector(f"label selector {self._text!r} does not parse at character {self._at}: {why}")
