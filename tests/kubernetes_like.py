"""Objects much like Kubernetes's, in any order, spacing and spelling; and what Python finds in them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec
from hypothesis import strategies as st

from aioinformer.batches import Delta
from aioinformer.errors import MalformedResponse
from aioinformer.objects import Record, Stored
from aioinformer.wire import closely

if TYPE_CHECKING:
    from collections.abc import Callable

    from aioinformer.speedups import Memory

HEAD = b'{"kind":"Pod","apiVersion":"v1",'
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, MalformedResponse)


def mostly(usual: st.SearchStrategy[Any], odd: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """The usual, but one time in ten."""
    return st.integers(0, 9).flatmap(lambda drawn: odd if drawn == 9 else usual)


TEXTS = st.sampled_from(
    ["", "a", "b", "kind", "metadata", "managedFields", "{", '"', "\\", "/", "é", "\n", "a" * 70]
) | st.text(max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=12,
)
MANAGED = st.lists(st.dictionaries(TEXTS, VALUES, max_size=2), max_size=2)
PLAIN = st.text("abc-.0", max_size=30)
LABELS = st.dictionaries(PLAIN, PLAIN, max_size=4)
METADATA = st.fixed_dictionaries(
    {"name": mostly(PLAIN, TEXTS)},
    optional={
        "namespace": PLAIN,
        "uid": PLAIN,
        "resourceVersion": PLAIN,
        "labels": mostly(LABELS, VALUES),
        "annotations": st.dictionaries(TEXTS, TEXTS, max_size=2),
        "managedFields": mostly(MANAGED, VALUES),
        "x": VALUES,
    },
)
FIELDS = st.fixed_dictionaries(
    {"apiVersion": PLAIN, "metadata": METADATA},
    optional={"kind": mostly(PLAIN, VALUES), "spec": VALUES, "status": VALUES},
)


@st.composite
def objects(draw: st.DrawFn) -> bytes:
    """The JSON of an object, which may have fields twice."""
    fields = [*draw(FIELDS).items()]
    if draw(st.booleans()):
        fields = draw(st.permutations(fields))
    fields += draw(mostly(st.just([]), st.lists(st.sampled_from(fields), max_size=1)))
    separators = draw(mostly(st.just((",", ":")), st.sampled_from([(", ", ": "), (",\n", " :\t")])))
    ascii_only = draw(st.booleans())

    def said(value: Any) -> str:
        return json.dumps(value, separators=separators, ensure_ascii=ascii_only)

    members = separators[0].join(f"{said(name)}{separators[1]}{said(_shuffled(draw, value))}" for name, value in fields)
    return f"{{{members}}}".encode("utf-8", "surrogatepass")


def _shuffled(draw: st.DrawFn, value: Any) -> Any:
    return dict(draw(st.permutations([*value.items()]))) if isinstance(value, dict) else value


@st.composite
def damaged(draw: st.DrawFn, raw: bytes) -> bytes:
    """Cut off somewhere, with one byte another, one out, or one more."""
    at = draw(st.integers(0, len(raw) - 1))
    other = draw(st.sampled_from([*b'"\\{}[],:-0.e \x00\x1f\x7f\x80\xff']) | st.integers(0, 255))
    match draw(st.sampled_from(["cut", "another", "out", "more"])):
        case "cut":
            return raw[:at]
        case "another":
            return raw[:at] + bytes([other]) + raw[at + 1 :]
        case "out":
            return raw[:at] + raw[at + 1 :]
        case _:
            return raw[:at] + bytes([other]) + raw[at:]


def decided(raw: bytes, head: bytes, *, keep: bool) -> Stored | None:
    """What Python finds."""
    try:
        delta = closely(raw, 0, len(raw), deleted=False, keep_managed_fields=keep, head=head)
    except UNREADABLE:
        return None
    return delta.record if isinstance(delta, Delta) else None


def same(scan: Callable[..., Any], raw: bytes, head: bytes, *, keep: bool) -> None:
    """What is found, if anything is, is what Python finds: the same values of the same types, in the same order."""
    found = scan(raw, 0, len(raw), head, keep)
    if found is None:
        return
    memory: Memory = ({}, {})
    assert found == scan(raw, 0, len(raw), head, keep, memory) == scan(raw, 0, len(raw), head, keep, memory)
    record = decided(raw, head, keep=keep)
    assert record == Record(*found)
    assert [*map(type, found)] == [str, str, str, dict, bytes]
    assert record is not None
    assert [*record.labels] == [*found[3]]
