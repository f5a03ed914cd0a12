"""Label selectors as the server reads them. The tables are what apimachinery's documentation says and a real server answers."""

from __future__ import annotations

import pytest

from aioinformer.testing import BadRequestError
from aioinformer.testing.labels import is_label_key, is_label_value, label_predicate


@pytest.mark.parametrize(
    ("selector", "labels", "expected"),
    [
        ("", {}, True),
        ("a=b", {"a": "b"}, True),
        ("a=b", {"a": "c"}, False),
        ("a=b", {}, False),
        ("a==b", {"a": "b"}, True),
        ("a = b , c", {"a": "b", "c": ""}, True),
        ("a=", {"a": ""}, True),
        ("a=,b", {"a": "", "b": "1"}, True),
        ("a!=b", {}, True),
        ("a!=b", {"a": "b"}, False),
        ("a!=b", {"a": "c"}, True),
        ("a in (b,c)", {"a": "c"}, True),
        ("a in (b,c)", {"a": "d"}, False),
        ("a in (b,c)", {}, False),
        ("a in ()", {"a": ""}, True),
        ("a in (b,)", {"a": ""}, True),
        ("a in (,b)", {"a": "b"}, True),
        ("a notin (b,c)", {}, True),
        ("a notin (b,c)", {"a": "b"}, False),
        ("a notin ()", {"a": "x"}, True),
        ("a", {"a": ""}, True),
        ("a", {}, False),
        ("!a", {}, True),
        ("! a", {"a": "b"}, False),
        ("a>5", {"a": "6"}, True),
        ("a>5", {"a": "5"}, False),
        ("a<5", {"a": "4"}, True),
        ("a<5", {"a": "x"}, False),
        ("a<5", {}, False),
        ("in in (in)", {"in": "in"}, True),
        ("notin", {"notin": ""}, True),
        ("a=in", {"a": "in"}, True),
        ("x in (foo,,baz),y,z notin ()", {"x": "", "y": "1"}, True),
        ("example.com/a.b_c=D-e", {"example.com/a.b_c": "D-e"}, True),
    ],
)
def test_label_selectors(*, selector: str, labels: dict[str, str], expected: bool) -> None:
    assert label_predicate(selector)(labels) is expected


@pytest.mark.parametrize(
    ("selector", "complaint"),
    [
        (",", "found ',', expected: !, identifier, or 'end of string'"),
        ("a,", "found '', expected: identifier after ','"),
        ("a,,b", "found ',', expected: identifier after ','"),
        ("=b", "found '=', expected: !, identifier, or 'end of string'"),
        ("!", "unable to parse requirement: found '', expected: identifier"),
        ("a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"),
        ("a=b c", "found 'c', expected: ',' or 'end of string'"),
        ("a in b", "unable to parse requirement: found 'b' expected: '('"),
        ("a in (b", "unable to parse requirement: found '', expected: ',' or ')'"),
        ("a in (b c)", "unable to parse requirement: found 'c', expected: ',' or ')'"),
        ("a=(b)", "unable to parse requirement: found '(', expected: identifier"),
        ("!a=b", "found '=', expected: ',' or 'end of string'"),
        ("a>b", "the value must be an integer"),
        ("-a", "name part must consist of"),
        ("a/b/c", "name part must consist of"),
        ("/a", "name part must consist of"),
        (f"{'a' * 64}", "name part must consist of"),
        ("a=b$", "a valid label must be"),
        (f"a={'b' * 64}", "a valid label must be"),
    ],
)
def test_malformed_label_selectors_are_bad_requests(selector: str, complaint: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        label_predicate(selector)
    assert complaint in caught.value.message
    assert caught.value.body["reason"] == "BadRequest"


def test_what_may_be_a_label() -> None:
    assert is_label_key("app.kubernetes.io/name")
    assert not is_label_key("App.io/name")
    assert not is_label_key("x" * 254 + "/name")
    assert is_label_value("")
    assert not is_label_value("a-")
