"""speedups.py and _speedups.c: what decoding in C gives is what Python gives, or nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioinformer import wire
from aioinformer.batches import Delta
from aioinformer.objects import Record
from benchmarks.pods import encoded, pod
from tests.kubernetes_like import HEAD, damaged, decided, objects, same

if TYPE_CHECKING:
    from aioinformer.speedups import Found, Memory

compiled = pytest.importorskip("aioinformer._speedups", reason="not compiled")
scan = compiled.scan

POD = encoded(pod(1))
NAMED = b'"metadata":{"name":"a"}'
CORPUS = Path(__file__).parents[1] / "fuzz" / "corpus"


def found(raw: bytes, head: bytes = b"{", *, keep: bool = False) -> Found | None:
    """What C finds, if anything; then it is what Python finds."""
    result: Found | None = scan(raw, 0, len(raw), head, keep)
    same(scan, raw, head, keep=keep)
    return result


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("fields", [pod(1).keys(), pod(1).keys() - {"kind", "apiVersion"}])
@pytest.mark.parametrize("head", [b"{", HEAD])
def test_a_pod_is_found_as_a_whole_and_as_python_finds_it(fields: set[str], head: bytes, *, keep: bool) -> None:
    raw = encoded({name: value for name, value in pod(1).items() if name in fields})
    result = found(raw, head, keep=keep)
    assert result is not None
    assert (b"managedFields" in result[4]) is keep


@pytest.mark.parametrize(
    "raw",
    [
        b"{" + NAMED + b"}",
        b'{"metadata":{"name":""}}',
        b'{"kind":"",' + NAMED + b"}",
        b'{"spec":{},' + NAMED + b',"kind":"A"}',
        b'{ "kind" : "A" ,\t"metadata"\r\n: { "name" : "a" , "labels" : { "a" : "b" , "c" : "" } } }',
        b'{"metadata":{"labels":{},"name":"a","namespace":"","uid":"","resourceVersion":""}}',
        b'{"metadata":{"labels":{"a":"1","a":"2"},"name":"a","namespace":"b"}}',
        b"{" + NAMED + b',"a":[0,-0,1.5,-12e-7,1E+400,' + b"9" * 500 + b',true,false,null,[],{},[[]],[{}],"",""]}',
        b"{" + NAMED + b',"a":"\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\uFFFF\\ud7ff","b":{"\\"":{"\\u0061":1}}}',
        b"{" + NAMED + ',"a":"é€\U0001f40d","b":{"é":["é"]}}'.encode(),
        b"{" + NAMED + b',"a":1,"a":2}',
        b"{" + NAMED + b',"a":"\x7f"}',
        b"{" + NAMED + b',"a":' + b"[" * 60 + b"]" * 60 + b"}",
        b'{"metadata":{"managedFields":[],"name":"a"}}',
        b'{"metadata":{"managedFields":[{"a":"\xff"}],"name":"a"}}',
        b'{"metadata":{"name":"a","managedFields":[]}}',
        b'{"metadata":{"name":"a","managedFields":[{"a":{}}] , "uid":"b"}}',
        b'{"metadata":{"a":"FFFF","aFields":"F","name":"a","managedFields":[{}]}}',
    ],
)
@pytest.mark.parametrize("head", [b"{", HEAD])
def test_what_is_valid_and_common_is_found(raw: bytes, head: bytes) -> None:
    assert found(raw, head) is not None


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"{", id="no more than a brace"),
        pytest.param(b"}", id="no more than the other brace"),
        pytest.param(b"{}", id="no metadata"),
        pytest.param(b'{"metadata":{}}', id="no name"),
        pytest.param(b'{"metadata":{"uid":"a"}}', id="no name but others"),
        pytest.param(b'{"metadata":[]}', id="metadata is a list"),
        pytest.param(b'{"metadata":null}', id="metadata is null"),
        pytest.param(b'{"metadata":{"name":1}}', id="the name is a number"),
        pytest.param(b'{"metadata":{"name":null}}', id="the name is null"),
        pytest.param(b'{"metadata":{"name":"a","labels":null}}', id="labels are null"),
        pytest.param(b'{"metadata":{"name":"a","labels":{"a":1}}}', id="a label is a number"),
        pytest.param(b'{"metadata":{"name":"a","labels":[]}}', id="labels are a list"),
        pytest.param(b'{"metadata":{"name":"a/b"}}', id="a slash in the name"),
        pytest.param(b'{"metadata":{"name":"a","namespace":"a/b"}}', id="a slash in the namespace"),
        pytest.param(b'{"metadata":{"name":"\\u0061"}}', id="an escape in the name"),
        pytest.param(b'{"metadata":{"n\\u0061me":"a","name":"b"}}', id="an escape in a field of metadata"),
        pytest.param(b"{" + NAMED + b',"\\u006bind":"A"}', id="an escape in a field"),
        pytest.param(b"{" + NAMED + b',"kind":"T\\u0061ble"}', id="an escape in the kind"),
        pytest.param('{"metadata":{"name":"é"}}'.encode(), id="a name that is not ASCII"),
        pytest.param('{"metadata":{"name":"a","labels":{"a":"é"}}}'.encode(), id="a label that is not ASCII"),
        pytest.param(b'{"metadata":{"name":"a","name":"a"}}', id="the name twice"),
        pytest.param(b'{"metadata":{"name":"a","labels":{},"labels":{}}}', id="labels twice"),
        pytest.param(b'{"metadata":{"name":"a","managedFields":[],"managedFields":[]}}', id="managedFields twice"),
        pytest.param(b"{" + NAMED + b"," + NAMED + b"}", id="metadata twice"),
        pytest.param(b"{" + NAMED + b',"kind":"A","kind":"A"}', id="the kind twice"),
        pytest.param(b"{" + NAMED + b',"kind":1}', id="the kind is a number"),
        pytest.param(b"{" + NAMED + b',"apiVersion":{}}', id="the apiVersion is an object"),
        pytest.param(b"{" + NAMED + b',"kind":"Table"}', id="a table"),
        pytest.param(b'{"metadata":{"name":"a","managedFields":null}}', id="managedFields are no list"),
        pytest.param(b'{"metadata":{"name":"a","managedFields": []}}', id="a space before managedFields"),
        pytest.param(b'{"metadata":{"name":"a", "managedFields":[]}}', id="a space before their name"),
        pytest.param(b'{"metadata": {"name":"a","managedFields":[]}}', id="a space before metadata with them"),
        pytest.param(b'{"s":{},"metadata":{"name":"a","managedFields":[]}}', id="a field before metadata with them"),
        pytest.param(
            b'{"s":"' + b"a" * 512 + b'","metadata":{"name":"a","managedFields":[]}}', id="metadata with them far away"
        ),
        pytest.param(
            b'{"metadata":{"labels":{"managedFields":""},"name":"a","managedFields":[]}}', id="a label called so before"
        ),
        pytest.param(b"{" + NAMED + b',"a":"\xff"}', id="no UTF-8"),
        pytest.param(b"{" + NAMED + b',"a":"\xed\xa0\x80"}', id="a surrogate in UTF-8"),
        pytest.param(b"{" + NAMED + b',"a":"\\ud83d\\ude00"}', id="surrogates"),
        pytest.param(b"{" + NAMED + b',"a":"\\udc00"}', id="half of a pair"),
        pytest.param(b"{" + NAMED + b',"a":"\\u00g0"}', id="no hexadecimal digit"),
        pytest.param(b"{" + NAMED + b',"a":"\\x"}', id="no escape"),
        pytest.param(b"{" + NAMED + b',"a":"\\', id="a backslash at the end"),
        pytest.param(b"{" + NAMED + b',"a":"\\"}', id="no end of a string"),
        pytest.param(b"{" + NAMED + b',"a":"\n"}', id="a control character"),
        pytest.param(b"{" + NAMED + b',"a":"\x00"}', id="a zero"),
        *(
            pytest.param(b"{" + NAMED + b',"a":%b}' % value, id=f"value {value.decode()}")
            for value in (
                b"",
                *(
                    b"01 +1 .5 1. 1.e5 1e 1e+ - -a 0x1 tru trux truE fals falsy nul nulx NaN Infinity undefined '' a".split()
                ),
                *(b'[ ] } { [} {] [1,] [,] [1 {,} {1:2} {a:2} {"a"} {"a":} {"a":1,} [1:2] "a"b 1,2'.split()),
            )
        ),
        pytest.param(b"{" + NAMED + b',"a":[1 2]}', id="no comma"),
        pytest.param(b"{" + NAMED + b',"a" 1}', id="no colon"),
        pytest.param(b"{" + NAMED + b",}", id="a comma too many"),
        pytest.param(b"{" + NAMED + b"}}", id="a brace too many"),
        pytest.param(b"{" + NAMED + b"} {}", id="something behind it"),
        pytest.param(b"{" + NAMED + b"}\n", id="a space behind it"),
        pytest.param(b" {" + NAMED + b"}", id="a space before it"),
        pytest.param(b"\xef\xbb\xbf{" + NAMED + b"}", id="a byte order mark"),
        pytest.param(b"{" + NAMED, id="no end"),
        pytest.param(b"{" + NAMED + b',"a":{}', id="no end, but a brace there"),
        pytest.param(b"[" + NAMED + b"]", id="a list"),
        pytest.param(b"{" + NAMED + b',"a":' + b"[" * 64 + b"]" * 64 + b"}", id="deep"),
        pytest.param(b"{" + NAMED + b',"a":' + b'{"a":' * 10**6 + b"1" + b"}" * 10**6 + b"}", id="very deep"),
        pytest.param(b"{" + NAMED + b',"a":' + b"[" * 10**6 + b"}", id="very deep without end"),
        pytest.param(b'{"metadata":{"name":"' + b"a" * 600 + b'"}}', id="a long name"),
        pytest.param(
            b'{"metadata":{"name":"a","labels":{%b}}}' % b",".join(b'"%d":""' % i for i in range(65)), id="many labels"
        ),
    ],
)
def test_of_what_is_not_common_python_decides(raw: bytes) -> None:
    assert found(raw) is None
    assert found(raw, HEAD) is None


@given(objects(), st.sampled_from([b"{", HEAD]), st.booleans())
def test_whatever_an_object_is_what_is_found_is_what_python_finds(raw: bytes, head: bytes, keep: bool) -> None:  # noqa: FBT001  # drawn
    same(scan, raw, head, keep=keep)


@given(objects(), st.data())
def test_nor_does_damage_make_a_difference(raw: bytes, data: st.DataObject) -> None:
    same(scan, data.draw(damaged(raw)), b"{", keep=data.draw(st.booleans()))


@pytest.mark.parametrize("keep", [True, False])
def test_a_pod_that_is_cut_off_anywhere_is_not_found(*, keep: bool) -> None:
    assert not any(scan(POD, 0, end, b"{", keep) for end in range(len(POD)))
    assert not any(scan(POD[:end], 0, end, b"{", keep) for end in range(len(POD)))


def test_a_byte_that_is_another_anywhere_makes_no_difference() -> None:
    for at in range(len(POD)):
        for byte in b'"\\{}[],:\x00 0\xff':
            raw = POD[:at] + bytes([byte]) + POD[at + 1 :]
            if scan(raw, 0, len(raw), b"{", False) is not None:  # most are not, and Python takes long to say why
                same(scan, raw, b"{", keep=False)


@pytest.mark.parametrize("path", [path for path in CORPUS.rglob("*") if path.is_file()], ids=lambda path: path.name)
def test_what_once_broke_something_makes_no_difference(path: Path) -> None:
    data = path.read_bytes()
    for start in range(min(len(data), 64)):
        same(scan, data[start:], b"{", keep=False)
        same(scan, data[start:-1], HEAD, keep=False)


def test_nothing_around_an_object_is_looked_at() -> None:
    alone = scan(POD, 0, len(POD), b"{", False)
    for around in (b"", b'"', b"\\", b"}", b"\xff", b'{"metadata":{"managedFields":[]}}'):
        for count in range(70):  # wherever the blocks begin
            buffer = around * count + POD + around * count
            assert scan(buffer, len(around) * count, len(around) * count + len(POD), b"{", False) == alone


def labels_of(labels: bytes, memory: Memory) -> dict[str, str]:
    raw = b'{"metadata":{"name":"a","labels":{%b}}}' % labels
    found: dict[str, str] = scan(raw, 0, len(raw), b"{", False, memory)[3]
    assert found == json.loads(b"{%b}" % labels)
    return found


def test_labels_that_come_again_are_the_same_dict() -> None:
    memory: Memory = ({}, {})
    first = labels_of(b'"a":"b"', memory)
    assert labels_of(b'"a":"c"', memory) is not first
    assert labels_of(b'"a":"b" ', memory) is not first
    assert labels_of(b'"a":"b"', memory) is first
    assert memory[0][b'{"a":"b"}'] is first
    assert labels_of(b"", memory) is not labels_of(b"", memory)


def test_names_and_values_that_come_again_are_the_same_strings() -> None:
    memory: Memory = ({}, {})
    (name, value), *_ = labels_of(b'"name":"value"', memory).items()
    (again, other), (different, same) = labels_of(b'"name":"other","different":"value"', memory).items()
    assert again is name
    assert same is value
    assert memory[1] == {text: text for text in (name, value, other, different)}


def test_some_hundreds_of_labels_are_remembered_and_no_long_ones() -> None:
    memory: Memory = ({}, {})
    assert labels_of(b'"a":"%b"' % (b"b" * 1100), memory)
    assert not any(memory)
    for number in range(2000):
        labels_of(b'"a":"%d"' % number, memory)
        assert max(len(memory[0]), len(memory[1])) <= 512
    assert memory[0][b'{"a":"1999"}'] == {"a": "1999"}


@pytest.mark.parametrize("memory", [None, [], {}, 5, (), ({},), ({}, None), ({}, {}, {})])
def test_what_remembers_is_two_dicts(memory: Any) -> None:
    with pytest.raises(TypeError):
        scan(POD, 0, len(POD), b"{", False, memory)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_any_buffer_will_do_and_is_let_go_of(kind: Any) -> None:
    for raw, result in ((POD, True), (b"{}", False)):
        buffer = kind(raw)
        assert (scan(buffer, 0, len(raw), b"{", False) is not None) is result
        if isinstance(buffer, bytearray):
            buffer.append(0)  # which it could not while anybody held it


@pytest.mark.parametrize(("start", "end"), [(-1, 5), (0, len(POD) + 1), (5, 4), (len(POD), len(POD)), (2**62, 2**62)])
def test_places_outside_of_the_buffer_are_none(start: int, end: int) -> None:
    assert scan(POD, start, end, b"{", False) is None


@pytest.mark.parametrize(
    "arguments",
    [(), (POD, 0, 1, True), (POD, 0, 1, True, b"{"), (POD, 0, 1, b"{"), ("text", 0, 1, b"{", False), (POD, "0", 1, b"{", False), (POD, 0, None, b"{", False),
     (POD, 0, 1, "{", False), (POD, 0, 1, b"{", False, 1)],
)  # fmt: skip
def test_arguments_of_other_types_are_refused(arguments: tuple[Any, ...]) -> None:
    with pytest.raises(TypeError):
        scan(*arguments)


def test_a_number_beyond_all_buffers_is_refused() -> None:
    with pytest.raises(OverflowError):
        scan(POD, 2**100, 1, b"{", False)


def test_wire_decodes_the_same_with_and_without(monkeypatch: pytest.MonkeyPatch) -> None:
    line = b'{"type":"MODIFIED","object":' + POD + b"}"
    results: list[object] = []
    for either in (scan, None):
        monkeypatch.setattr(wire, "scan", either)
        results += [wire.decode_event(line), wire.decode_item(POD, "Pod", "v1"), wire.decode_item(POD)]
    assert results[:3] == results[3:]
    delta = results[0]
    assert isinstance(delta, Delta)
    assert isinstance(delta.record, Record)


@pytest.mark.parametrize(("value", "chosen"), [("", True), ("1", False)])
def test_the_environment_switches_it_off(value: str, *, chosen: bool) -> None:
    said = subprocess.check_output(
        [
            sys.executable,
            "-c",
            "from aioinformer import speedups; print({bool(getattr(speedups, name)) for name in speedups.__all__[1:]})",
        ],
        env={**os.environ, "AIOINFORMER_NO_SPEEDUPS": value},
        text=True,
    )
    assert said.strip() == str({chosen})


def test_the_oracle_of_these_tests_can_tell() -> None:
    assert decided(POD, b"{", keep=False) is not None
    assert decided(json.dumps({"metadata": {"name": 1}}).encode(), b"{", keep=False) is None
    with pytest.raises(AssertionError):
        same(lambda *_: ("a", "", "", {}, b"{}"), POD, b"{", keep=False)
