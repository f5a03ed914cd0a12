"""Labels as the server understands them: what may be one, and what a selector says of them.

The grammar (docs: "Labels and Selectors"; semantics as in apimachinery's ``labels`` package)::

    selector     = [ requirement { "," requirement } ]
    requirement  = key | "!" key | key ("=" | "==" | "!=" | ">" | "<") [ value ] | key ("in" | "notin") "(" values ")"
    values       = [ value { "," value } ]          an empty value is a value

A missing label satisfies ``!=`` and ``notin`` and no other comparison. This is the oracle that clients are compared with.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from aioinformer.testing.statuses import BadRequestError

__all__ = ["LABEL_KEY_RULE", "LABEL_VALUE_RULE", "is_label_key", "is_label_value", "label_predicate"]

LabelPredicate = Callable[[Mapping[str, str]], bool]

_CHARACTERS = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"
)
_KEY_EXAMPLE = "(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
LABEL_KEY_RULE = f"a valid label key {_CHARACTERS} {_KEY_EXAMPLE} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
LABEL_VALUE_RULE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an"
    " alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is"
    " '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)

_TOKEN = re.compile(r"[ \t\r\n]*(?:(==|!=|[=!<>(),])|([^ \t\r\n=!<>(),]+))")
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")
_PREFIX = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LONGEST_PREFIX = 253
_INTEGER = re.compile(r"[+-]?[0-9]+")
_END = "end of string"
_OPERATORS = ("in", "notin", "=", "==", "!=", ">", "<")
_SPELLED_OPERATORS = "in, notin, =, ==, !=, gt, lt"


def label_predicate(selector: str) -> LabelPredicate:
    """What a label selector says yes to.

    Raises:
        BadRequestError: it cannot be parsed, or a key or value is not a legal label.
    """
    requirements = _Parser(selector).requirements()
    return lambda labels: all(requirement.matches(labels) for requirement in requirements)


class _Requirement(NamedTuple):
    key: str
    operator: str
    values: frozenset[str]

    def matches(self, labels: Mapping[str, str]) -> bool:
        value = labels.get(self.key)
        match self.operator:
            case "exists":
                return value is not None
            case "!":
                return value is None
            case "in" | "=" | "==":
                return value in self.values
            case "notin" | "!=":
                return value not in self.values
            case _:
                return self._compares(value)

    def _compares(self, value: str | None) -> bool:
        if value is None or not _INTEGER.fullmatch(value):
            return False
        (bound,) = self.values
        return int(value) > int(bound) if self.operator == ">" else int(value) < int(bound)


class _Parser:
    def __init__(self, selector: str) -> None:
        self._tokens = [symbol or word for symbol, word in _TOKEN.findall(selector)]
        self._at = 0

    def requirements(self) -> list[_Requirement]:
        found: list[_Requirement] = []
        if self._peek() == _END:
            return found
        if self._peek() != "!" and not self._is_word():
            raise self._unexpected("!, identifier, or 'end of string'")
        while True:
            found.append(self._requirement())
            following = self._next()
            if following == _END:
                return found
            if following != ",":
                raise _unexpected(following, "',' or 'end of string'")
            if self._peek() != "!" and not self._is_word():
                raise self._unexpected("identifier after ','")

    def _requirement(self) -> _Requirement:
        negated = self._peek() == "!"
        if negated:
            self._next()
        if not self._is_word():
            raise self._unexpected("identifier", within=True)
        key = _valid_key(self._next())
        if negated or self._peek() in (_END, ","):
            return _Requirement(key, "!" if negated else "exists", frozenset())
        operator = self._next()
        if operator not in _OPERATORS:
            raise _unexpected(operator, _SPELLED_OPERATORS, within=True)
        values = self._values() if operator in ("in", "notin") else frozenset({self._value()})
        for value in values:
            _check_value(key, value, operator)
        return _Requirement(key, operator, values)

    def _value(self) -> str:
        if self._peek() in (_END, ","):
            return ""
        if not self._is_word():
            raise self._unexpected("identifier", within=True)
        return self._next()

    def _values(self) -> frozenset[str]:
        if self._next() != "(":
            self._at -= 1
            raise BadRequestError(f"unable to parse requirement: found '{_shown(self._peek())}' expected: '('")
        values: set[str] = set()
        while True:
            values.add(self._next() if self._is_word() else "")
            following = self._next()
            if following == ")":
                return frozenset(values)
            if following != ",":
                raise _unexpected(following, "',' or ')'", within=True)

    def _is_word(self) -> bool:
        return self._peek() != _END and self._peek()[0] not in "=!<>(),"

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else _END

    def _next(self) -> str:
        token = self._peek()
        self._at += 1
        return token

    def _unexpected(self, expected: str, *, within: bool = False) -> BadRequestError:
        return _unexpected(self._peek(), expected, within=within)


def _unexpected(token: str, expected: str, *, within: bool = False) -> BadRequestError:
    prefix = "unable to parse requirement: " if within else ""
    return BadRequestError(f"{prefix}found '{_shown(token)}', expected: {expected}")


def _shown(token: str) -> str:
    return "" if token == _END else token


def is_label_key(key: str) -> bool:
    """Whether a label may have that key: a name, with a DNS subdomain and a slash before it or not."""
    prefix, slash, name = key.rpartition("/")
    return bool(_NAME.fullmatch(name)) and (
        not slash or (len(prefix) <= _LONGEST_PREFIX and bool(_PREFIX.fullmatch(prefix)))
    )


def is_label_value(value: str) -> bool:
    """Whether a label may have that value: empty, or a name."""
    return not value or bool(_NAME.fullmatch(value))


def _valid_key(key: str) -> str:
    if not is_label_key(key):
        raise BadRequestError(
            f'unable to parse requirement: <nil>: Invalid value: "{key}": name part {_CHARACTERS} {_KEY_EXAMPLE}'
        )
    return key


def _check_value(key: str, value: str, operator: str) -> None:
    if operator in "<>" and not _INTEGER.fullmatch(value):
        raise BadRequestError(
            f"unable to parse requirement: values[0]: Invalid value: \"{value}\": for 'Gt', 'Lt' operators, the value must be an integer"
        )
    if not is_label_value(value):
        raise BadRequestError(
            f'unable to parse requirement: values[0][{key}]: Invalid value: "{value}": {LABEL_VALUE_RULE}'
        )
