"""scope.py: what a subscriber wants, as its predicate was asked once per version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from aioinformer.batches import Change
from aioinformer.errors import InvalidOption
from aioinformer.scope import Scope, Terms
from aioinformer.selectors import LabelSelector
from tests.subscribed import record

if TYPE_CHECKING:
    from aioinformer.objects import Stored

EVERYTHING = LabelSelector()


def scope(**labels: str) -> Scope:
    return Scope(None, EVERYTHING, lambda r: all(r.labels.get(name) == value for name, value in labels.items()))


def test_several_namespaces_are_each_ones_objects() -> None:
    some = Scope(["m", "n", "m"], EVERYTHING)
    assert some.namespaces == ("m", "n")
    assert [record("a", namespace=namespace) in some for namespace in ("l", "m", "n")] == [False, True, True]


@pytest.mark.parametrize("namespace", [[], 7, ["n", 7], "", ["n", ""]])
def test_what_is_no_namespace_is_refused_at_once(namespace: Any) -> None:
    """Nothing would ever come."""
    with pytest.raises(InvalidOption, match="namespace is one namespace, several, or None"):
        Scope(namespace, EVERYTHING)


@pytest.mark.parametrize(
    ("terms", "message"),
    [
        ({"replay": "no"}, "replay is True or False, not 'no'"),
        ({"max_pending": 0}, "max_pending is a whole number"),
        ({"max_pending": True}, "max_pending is a whole number of events, at least 1, not True"),
        ({"max_pending": 0.5}, "max_pending is a whole number"),
        ({"overflow": "drop"}, "overflow is 'coalesce' .* or 'error', not 'drop'"),
    ],
)
def test_terms_that_cannot_work_are_refused_at_once(terms: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidOption, match=message):
        Terms(Scope(None, EVERYTHING), **terms)


def test_a_predicate_that_is_none_is_refused_at_once() -> None:
    wrong: Any = "spec.nodeName"
    with pytest.raises(InvalidOption, match="where is a function of an object"):
        Terms(Scope(None, EVERYTHING, wrong))


def test_entering_is_an_addition_and_leaving_a_removal() -> None:
    versions = [record("a", n, app=app) for n, app in enumerate(["x", "web", "web", "y", "y"])]
    web = scope(app="web")
    seen = [web.narrow(Change("n/a", old, new)) for old, new in zip([None, *versions], [*versions, None], strict=True)]
    assert seen == [
        None,
        Change("n/a", None, versions[1]),
        Change("n/a", versions[1], versions[2]),
        Change("n/a", versions[2], None, versions[2]),
        None,
        None,
    ]


def test_each_version_is_put_before_a_predicate_once_and_what_was_shown_leaves() -> None:
    """However the predicate would answer by now: it may look at the clock."""
    asked: list[str] = []
    answer = [True]

    def where(r: Any) -> bool:
        asked.append(r.resource_version)
        return answer[0]

    whimsical = Scope(None, EVERYTHING, where)
    first, second = record("a", 1), record("a", 2)
    assert whimsical.narrow(Change("n/a", None, first)) == Change("n/a", None, first)
    answer[0] = False
    assert whimsical.narrow(Change("n/a", first, second)) == Change("n/a", first, None, first)
    answer[0] = True
    assert whimsical.narrow(Change("n/a", second, None)) is None
    assert asked == ["1", "2"]
    assert not whimsical._shown


def test_a_replay_shows_what_was_there_when_it_began_though_it_changed_since() -> None:
    web, old, new = scope(app="web"), record("a", 1, app="web"), record("a", 2, app="x")
    web.replay(begins=True)
    assert web.narrow(Change("n/a", old, new)) == Change("n/a", old, None, old)
    assert web.admits(old)
    web.replay(begins=False)
    assert not web.admits(new)


def test_what_a_predicate_raises_comes_with_the_changes_before_it() -> None:
    def where(r: Stored) -> bool:
        return 1 / int(r.name) > 0

    changes = [Change(f"n/{n}", None, record(n)) for n in "210"]
    kept, error = Scope(None, EVERYTHING, where).narrowed(changes)
    assert kept == changes[:2]
    assert isinstance(error, ZeroDivisionError)


def test_it_says_why_it_leaves_an_object_out() -> None:
    a = record("a", app="web")
    assert Scope(["m", "o"], EVERYTHING).excludes(a) == "outside its namespaces, m, o"
    assert Scope(None, LabelSelector.parse("app=db")).excludes(a) == "its labels do not match app=db"
    db = scope(app="db")
    assert db.excludes(a) == ""
    db.admits(a)
    assert db.excludes(a) == "its where= says no"
