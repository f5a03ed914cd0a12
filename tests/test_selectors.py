"""Compared with ``labels.Parse`` of k8s.io/apimachinery 0.37; ``SERVER`` is what it answered."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioinformer.errors import InvalidOption, InvalidSelector
from aioinformer.selectors import LabelSelector, Requirement

# selector -> how it reads when written again
SERVER = {
    "": "",
    " \t\r\n": "",
    "a=b": "a=b",
    "a==b": "a=b",
    "a = b": "a=b",
    "a\n==\tb": "a=b",
    "a!=b": "a notin (b)",
    "a in (b)": "a=b",
    "a in(b,c)": "a in (b,c)",
    "a in (c,b)": "a in (b,c)",
    "a in ( b , c )": "a in (b,c)",
    "a notin (b,c)": "a notin (b,c)",
    "a": "a",
    "!a": "!a",
    "! a": "!a",
    "a>1": "a>1",
    "a<1": "a<1",
    "a>007": "a>007",
    "a>9223372036854775807": "a>9223372036854775807",
    "a=": "a=",
    "a= ,b": "a=,b",
    "a!=": "a notin ()",
    "a in ()": "a=",
    "a in (,)": "a=",
    "a in (,,)": "a=",
    "a in (b,)": "a in (,b)",
    "a in (b,,c)": "a in (,b,c)",
    "a notin ()": "a notin ()",
    "b,a": "a,b",
    "a,a": "a",
    "in": "in",
    "!notin": "!notin",
    "in in (in,notin)": "in in (in,notin)",
    "notin notin (in)": "notin notin (in)",
    "a=in": "a=in",
    "example.com/a=b": "example.com/a=b",
    "A_b.C-9=D_e.F-8": "A_b.C-9=D_e.F-8",
    "x" * 63 + "=" + "y" * 63: "x" * 63 + "=" + "y" * 63,
    "a.b/x,c/y=z": "a.b/x,c/y=z",
}
REFUSED = [
    "a=b,",
    ",a",
    ",",
    "a,,b",
    "a b",
    "a b=c",
    "=b",
    "a===b",
    "a=!b",
    "!!a",
    "!a=b",
    "a!b",
    "a=>b",
    "a in",
    "a in b",
    "a in (b",
    "a in (b c)",
    "a in (b;c)",
    "a in b)",
    "a in (in (b))",
    "a>",
    "a>b",
    "a>-1",
    "a>1.5",
    "a>9223372036854775808",
    "a<99999999999999999999",
    "(a=b)",
    "a=b c",
    "a=/b",
    "a=b/c",
    "a/b/c",
    "/a",
    "a/",
    "A/b",
    "a..b/c",
    "a-.b/c",
    "a.-b/c",
    "-a",
    "a-",
    "_a",
    "a=-b",
    "a=b.",
    "a=*",
    "a='b'",
    "é=b",
    "a=é",
    "a\xa0=b",
    "a=\x0bb",
    "a\u2028",
    "x" * 64,
    "a=" + "y" * 64,
    "p" * 254 + "/x",
]


@pytest.mark.parametrize(("selector", "canonical"), SERVER.items())
def test_what_the_server_takes_parses(selector: str, canonical: str) -> None:
    assert str(LabelSelector.parse(selector)) == canonical


@pytest.mark.parametrize("selector", REFUSED)
def test_what_the_server_refuses_does_not_parse(selector: str) -> None:
    with pytest.raises(InvalidSelector, match=re.escape(repr(selector))) as refused:
        LabelSelector.parse(selector)
    assert isinstance(refused.value, InvalidOption)


@pytest.mark.parametrize(
    ("selector", "message"),
    [
        ("a=b,", "at character 4: a condition is missing after the last comma"),
        ("a in b", "'in' and 'notin' take a list in parentheses"),
        ("a ~ b", "at character 1: '~' has no place in a label selector"),
        ("a !b", "'!' is not an operator: use =, ==, !=, in, notin, <, > or none"),
        ("a b", "'b' is not an operator"),
        ("a>b", "compare with an integer"),
        ("a=-b", "'-b' is not a label value"),
        ("a in (b c)", "expected ',' or ')' in the list"),
        ("!", "expected a label key"),
        ("a=b c", "expected ',' before 'c'"),
    ],
)
def test_the_message_says_where_and_why(selector: str, message: str) -> None:
    with pytest.raises(InvalidSelector, match=re.escape(message)):
        LabelSelector.parse(selector)


@pytest.mark.parametrize(
    ("selector", "labels", "matches"),
    [
        ("", {}, True),
        ("a", {"a": ""}, True),
        ("a", {"b": ""}, False),
        ("!a", {}, True),
        ("!a", {"a": ""}, False),
        ("a=b", {"a": "b"}, True),
        ("a=b", {"a": "B"}, False),
        ("a=", {"a": ""}, True),
        ("a=", {}, False),
        ("a!=b", {}, True),
        ("a!=b", {"a": "c"}, True),
        ("a!=b", {"a": "b"}, False),
        ("a in (b,c)", {"a": "c"}, True),
        ("a in (b,c)", {}, False),
        ("a notin (b,c)", {}, True),
        ("a notin (b,c)", {"a": "c"}, False),
        ("a in (b,)", {"a": ""}, True),
        ("a>5", {"a": "6"}, True),
        ("a>5", {"a": "5"}, False),
        ("a>5", {"a": "10"}, True),
        ("a<5", {"a": "4"}, True),
        ("a<5", {"a": "004"}, True),
        ("a<5", {}, False),
        ("a>5", {"a": "x6"}, False),
        ("a>5", {"a": ""}, False),
        ("a>5", {"a": "9223372036854775807"}, True),
        ("a>5", {"a": "9223372036854775808"}, False),
        ("a,b=c,d!=e", {"a": "1", "b": "c"}, True),
        ("a,b=c,d!=e", {"a": "1", "b": "c", "d": "e"}, False),
        ("a=b,a=c", {"a": "b"}, False),
    ],
)
def test_a_selector_answers_as_the_server_does(selector: str, labels: dict[str, str], *, matches: bool) -> None:
    assert LabelSelector.parse(selector).matches(labels) is matches


@pytest.mark.parametrize("everything", [None, "", {}, LabelSelector()])
def test_no_condition_matches_everything(everything: Any) -> None:
    selector = LabelSelector.parse(everything)
    assert selector.matches({})
    assert selector.matches({"a": "b"})
    assert not selector
    assert str(selector) == ""


def test_a_selector_stays_what_it_is() -> None:
    selector = LabelSelector.parse("a=b")
    assert LabelSelector.parse(selector) is selector
    assert selector


def test_a_mapping_means_that_every_label_is_equal() -> None:
    selector = LabelSelector.parse({"b": "", "a": "x"})
    assert str(selector) == "a=x,b="
    assert selector == LabelSelector.parse("a=x,b=")


@pytest.mark.parametrize(
    "mapping", [{"a": 1}, {"a": None}, {"a": "x y"}, {"a": "x" * 64}, {"a b": "x"}, {"": "x"}, {1: "a"}]
)
def test_a_mapping_that_is_no_set_of_labels_is_refused(mapping: Any) -> None:
    with pytest.raises(InvalidSelector):
        LabelSelector.parse(mapping)


@pytest.mark.parametrize("selector", [5, ["a=b"], b"a=b"])
def test_what_is_no_selector_at_all_is_refused(selector: Any) -> None:
    with pytest.raises(InvalidSelector, match=f"not {type(selector).__name__}"):
        LabelSelector.parse(selector)


@pytest.mark.parametrize(
    ("document", "canonical"),
    [
        ({"matchLabels": {"a": "x", "b": ""}}, "a=x,b="),
        ({"matchLabels": None, "matchExpressions": None}, ""),
        ({"matchExpressions": [{"key": "a", "operator": "In", "values": ["y", "x"]}]}, "a in (x,y)"),
        ({"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ("x",)}]}, "a notin (x)"),
        ({"matchExpressions": [{"key": "a", "operator": "Exists", "values": None}]}, "a"),
        ({"matchLabels": {"b": "x"}, "matchExpressions": [{"key": "a", "operator": "DoesNotExist"}]}, "!a,b=x"),
    ],
)
def test_a_selector_as_it_stands_in_objects_is_read_too(document: Any, canonical: str) -> None:
    assert str(LabelSelector.parse(document)) == canonical


def test_labels_may_be_named_like_the_parts_of_a_document() -> None:
    assert str(LabelSelector.parse({"matchLabels": "x"})) == "matchLabels=x"


def expression(**fields: Any) -> dict[str, Any]:
    return {"matchExpressions": [{"key": "a", **fields}]}


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"matchLabels": {}, "matchExpression": []}, "no 'matchExpression'"),
        ({"matchLabels": ["a"]}, "matchLabels is a mapping of labels, not list"),
        ({"matchLabels": {"a": 1}}, "1 is not a label value"),
        ({"matchExpressions": {"a": "x"}}, "matchExpressions is a list of expressions, not dict"),
        ({"matchExpressions": ["a"]}, "an expression is a mapping with key, operator and values, not str"),
        (expression(operator="in", values=["x"]), "operator is one of In, NotIn, Exists, DoesNotExist, not 'in'"),
        (expression(values=["x"]), "operator is one of In, NotIn, Exists, DoesNotExist, not None"),
        (expression(operator="In"), "In takes at least one value, for 'a'"),
        (expression(operator="NotIn", values=[]), "NotIn takes at least one"),
        (expression(operator="Exists", values=["x"]), "Exists takes no values"),
        (expression(operator="In", values="xy"), "values is a list of label values, not 'xy'"),
        (expression(operator="In", values=["x y"]), "'x y' is not a label value"),
        (expression(key="a b", operator="Exists"), "'a b' is not a label key"),
        (expression(key=None, operator="Exists"), "None is not a label key"),
    ],
)
def test_what_the_server_would_refuse_in_an_object_is_refused(document: Any, message: str) -> None:
    with pytest.raises(InvalidSelector, match=re.escape(message)):
        LabelSelector.parse(document)


def test_selectors_are_equal_however_they_were_written() -> None:
    one, other = LabelSelector.parse("a==x, b in (d,c)"), LabelSelector.parse("b in (c,d),a in (x),a=x")
    assert one == other
    assert hash(one) == hash(other)
    assert one != LabelSelector.parse("a=x")
    assert one != str(one)


def test_a_selectors_repr_can_be_read() -> None:
    assert repr(LabelSelector.parse("b,a=x")) == "LabelSelector('a=x,b')"


KEYS = st.sampled_from(["a", "b", "in", "example.com/c"])
VALUES = st.sampled_from(["", "x", "in", "5", "007", "40"])
SETS = st.frozensets(VALUES, min_size=1)
REQUIREMENTS = st.one_of(
    st.builds(Requirement, KEYS, st.sampled_from(["in", "notin"]), SETS),
    st.builds(Requirement, KEYS, st.sampled_from(["exists", "!"]), st.just(frozenset())),
    st.builds(
        Requirement, KEYS, st.sampled_from(["gt", "lt"]), st.sampled_from(["5", "007"]).map(lambda v: frozenset({v}))
    ),
)
SELECTORS = st.lists(REQUIREMENTS, max_size=4).map(lambda found: LabelSelector(tuple(found)))
LABELS = st.dictionaries(KEYS, VALUES)


def model(requirement: Requirement, labels: dict[str, str]) -> bool:
    """What a requirement means, said another way."""
    present = [value for key, value in labels.items() if key == requirement.key]
    among = any(value in requirement.values for value in present)
    numbers = [int(value) for value in present if value.isdecimal()]
    bounds = [int(value) for value in requirement.values if value.isdecimal()]
    return {
        "exists": present != [],
        "!": present == [],
        "in": among,
        "notin": not among,
        "gt": any(number > bound for number in numbers for bound in bounds),
        "lt": any(number < bound for number in numbers for bound in bounds),
    }[requirement.operator]


WRITTEN = {"in": "In", "notin": "NotIn", "exists": "Exists", "!": "DoesNotExist"}


@given(st.lists(REQUIREMENTS.filter(lambda r: r.operator in WRITTEN), max_size=4))
def test_a_document_means_what_its_expressions_mean(requirements: list[Requirement]) -> None:
    """Read from a document, conditions are those that they are read from a string."""
    document: Any = {
        "matchExpressions": [
            {"key": r.key, "operator": WRITTEN[r.operator], "values": sorted(r.values)} for r in requirements
        ]
    }
    assert LabelSelector.parse(document) == LabelSelector(tuple(requirements))


@given(SELECTORS)
def test_a_selector_that_is_written_and_read_again_is_the_same(selector: LabelSelector) -> None:
    assert LabelSelector.parse(str(selector)) == selector


@given(SELECTORS, LABELS)
def test_a_selector_matches_what_meets_all_its_conditions(selector: LabelSelector, labels: dict[str, str]) -> None:
    assert selector.matches(labels) == all(model(requirement, labels) for requirement in selector.requirements)


@given(st.text(alphabet="ab/.-_!=<>(), \t\n1in\xa0*", max_size=20))
def test_whatever_is_typed_parses_to_what_parses_again_or_is_refused(text: str) -> None:
    try:
        selector = LabelSelector.parse(text)
    except InvalidSelector:
        return
    assert LabelSelector.parse(str(selector)) == selector
