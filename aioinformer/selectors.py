"""Label selectors, with the grammar and the answers of the API server.

The grammar is that of ``labels.Parse`` in k8s.io/apimachinery: ``a=b``, ``a==b``, ``a!=b``, ``a in (x,y)``,
``a notin (x,y)``, ``a``, ``!a``, joined by commas, all of which have to hold.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from aioinformer.errors import InvalidSelector

__all__ = ["LabelSelector", "Requirement"]

_DNS_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_KEY = re.compile(rf"(?:(?P<prefix>{_DNS_LABEL}(\.{_DNS_LABEL})*)/)?(?P<name>[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)")
_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?")
_TOKEN = re.compile(r"[ \t\r\n]*(?:(?P<word>[-A-Za-z0-9_./]+)|(?P<mark>!=|==|=|!|,|\(|\)|<|>)|(?P<end>$))")


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
    def parse(cls, selector: str | Mapping[str, str] | LabelSelector | None) -> LabelSelector:
        """Read a selector string, or a mapping of labels that all have to be equal; ``None`` and ``""`` match all.

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
            return cls(tuple(_equal(key, value) for key, value in selector.items()))
        raise InvalidSelector(
            f"a label selector is a string such as 'app=web,tier in (a,b)' or a mapping, not {type(selector).__name__}"
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


def _equal(key: str, value: str) -> Requirement:
    _check_key(key, f"{{{key!r}: ...}}")
    if not _valid_value(value):
        raise InvalidSelector(
            f"{value!r} is not a label value (for {key!r}): at most 63 letters, digits, '-', '_' and '.'"
        )
    return Requirement(key, "in", frozenset({value}))


def _valid_value(value: object) -> bool:
    return isinstance(value, str) and len(value) <= 63 and _VALUE.fullmatch(value) is not None  # noqa: PLR2004  # the limit of label values


def _check_key(key: object, where: str) -> None:
    match = _KEY.fullmatch(key) if isinstance(key, str) else None
    if match is None or len(match["name"]) > 63 or len(match["prefix"] or "") > 253:  # noqa: PLR2004  # the limits of label keys
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
