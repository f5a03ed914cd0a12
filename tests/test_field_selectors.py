"""field_selectors.py: what does not parse is refused at the call; ``tests/conformance/test_queries.py`` asks the server, too."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioinformer import InvalidOption, InvalidSelector, SharedInformerFactory
from aioinformer.field_selectors import check_field_selector

GOOD = [
    "",
    "spec.nodeName=node-1",
    "status.phase!=Running",
    "a==b,c!=d,",
    ",,a=b",
    r"a=x\,y\=z\\",
    "metadata.name=",
    "a=ä b",
]
BAD = {
    "app": "character 0: 'app' is no condition",
    "a=b,c": "character 4: 'c' is no condition",
    "=b": "character 0: expected a field such as 'spec.nodeName', not ''",
    "a=b, c=d": "character 4: expected a field such as 'spec.nodeName', not ' c'",
    "a=b=c": r"character 3: '=' within a value is written '\='",
    "a===b": "character 3: '=' within a value",
    r"a=x\n": r"character 3: '\\n' is no escape",
    "a=x\\": r"character 3: '\\' is no escape",
    "a in (b,c)": r"character 0: 'a in (b' is no condition",
}


@pytest.mark.parametrize("selector", GOOD)
def test_what_the_server_takes_is_taken(selector: str) -> None:
    check_field_selector(selector)
    SharedInformerFactory().informer("pods", field_selector=selector)


@pytest.mark.parametrize("selector", BAD)
def test_what_it_does_not_is_refused_with_the_place_and_the_reason(selector: str) -> None:
    """At the call, not by a 400 some time later."""
    with pytest.raises(InvalidSelector) as refused:
        SharedInformerFactory().informer("pods", field_selector=selector)
    assert f"field_selector {selector!r} does not parse at {BAD[selector]}" in str(refused.value)


@pytest.mark.parametrize("wrong", [5, {"spec.nodeName": "n"}, b"a=b", True])
def test_what_is_no_string_is_refused(wrong: Any) -> None:
    for ask in (SharedInformerFactory, lambda **option: SharedInformerFactory().informer("pods", **option)):
        with pytest.raises(InvalidOption, match=r"field_selector is a string such as 'spec.nodeName=n1'"):
            ask(field_selector=wrong)


@given(st.lists(st.tuples(st.sampled_from(["a", "spec.x"]), st.sampled_from(["=", "==", "!="]), st.text(max_size=5))))
def test_whatever_is_escaped_is_taken(terms: list[tuple[str, str, str]]) -> None:
    """Any value can be written."""
    escaped = [
        field + operator + "".join(f"\\{letter}" if letter in "\\,=" else letter for letter in value)
        for field, operator, value in terms
    ]
    check_field_selector(",".join(escaped))


@given(st.text(alphabet="a=!,\\ ", max_size=12))
def test_no_text_is_worse_than_refused(selector: str) -> None:
    try:
        check_field_selector(selector)
    except InvalidSelector:
        return
    assert all("=" in term for term in selector.replace("\\\\", "").replace("\\,", "").split(",") if term)
