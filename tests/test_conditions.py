from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioinformer.conditions import Condition, condition, deleted, exists, rolled_out, satisfies
from aioinformer.errors import InvalidOption
from aioinformer.objects import Record

if TYPE_CHECKING:
    from aioinformer import KubeObject

AVAILABLE = {"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable", "message": "secret"}


class Cache(dict[str, Record]):
    """A cache by hand."""

    def put(self, key: str, *, uid: str = "u", version: str = "7", **fields: Any) -> Cache:
        document = {"kind": "Deployment", "metadata": {"name": key, **fields.pop("metadata", {})}, **fields}
        self[key] = Record(key, uid, version, {}, msgspec.json.encode(document))
        return self


def reporting(*conditions: dict[str, Any], generation: int | None = None, **status: Any) -> Cache:
    metadata = {} if generation is None else {"generation": generation}
    return Cache().put("d/a", metadata=metadata, status={"conditions": list(conditions), **status})


def test_an_object_exists_or_does_not() -> None:
    assert exists("d/a").holds(Cache().put("d/a"))
    assert not exists("d/a").holds(Cache().put("d/b"))
    assert exists("d/a").standing(Cache()) == "there is none"
    assert exists("d/a").standing(Cache().put("d/a")) == "it is there at version 7"


def test_what_was_there_is_deleted_even_when_another_has_its_name() -> None:
    """As kubectl wait --for=delete has it; the object that was there is known by its uid."""
    waiting = deleted("d/a").begun(Cache().put("d/a", uid="one"))
    assert not waiting.holds(Cache().put("d/a", uid="one", version="8"))
    assert waiting.holds(Cache().put("d/a", uid="two"))
    assert waiting.holds(Cache())
    assert waiting.begun(Cache().put("d/a", uid="two")) is waiting


def test_what_was_not_there_is_deleted_already() -> None:
    assert deleted("d/a").begun(Cache()).holds(Cache())
    assert not deleted("d/a").holds(Cache().put("d/a"))


@pytest.mark.parametrize(
    ("cache", "holds", "standing"),
    [
        (reporting(AVAILABLE), True, "Available is True (MinimumReplicasAvailable) at version 7"),
        (reporting({"type": "available", "status": "true"}), True, "available is true at version 7"),
        (
            reporting(AVAILABLE | {"status": "False"}),
            False,
            "Available is False (MinimumReplicasAvailable) at version 7",
        ),
        (reporting(AVAILABLE | {"status": "Unknown"}), False, "Available is Unknown"),
        (reporting({"type": "Progressing", "status": "True"}), False, "it has no condition Available at version 7"),
        (reporting(), False, "it has no condition Available"),
        (Cache().put("d/a"), False, "it has no condition Available"),
        (Cache(), False, "there is none"),
        (reporting(AVAILABLE, generation=2, observedGeneration=2), True, "Available is True"),
        (reporting(AVAILABLE, generation=3, observedGeneration=2), False, "), of an earlier generation at version 7"),
        (reporting(AVAILABLE | {"observedGeneration": 3}, generation=3, observedGeneration=2), True, "is True"),
        (reporting(AVAILABLE | {"observedGeneration": 2}, generation=3), False, "of an earlier generation"),
        (reporting(AVAILABLE, generation=3), True, "Available is True"),
    ],
)
def test_a_condition_that_an_object_reports(cache: Cache, holds: bool, standing: str) -> None:  # noqa: FBT001
    it = condition("d/a", "Available")
    assert it.holds(cache) is holds
    assert standing in it.standing(cache)
    assert "secret" not in it.standing(cache)


def test_a_condition_may_be_waited_for_to_be_false() -> None:
    assert condition("d/a", "Available", "False").holds(reporting(AVAILABLE | {"status": "False"}))
    assert not condition("d/a", "Available", "False").holds(reporting(AVAILABLE))


def test_a_rollout() -> None:
    done = {"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}
    cache = Cache().put("d/a", metadata={"generation": 1}, spec={"replicas": 2}, status=done)
    assert rolled_out("d/a").holds(cache)
    assert rolled_out("d/a").standing(cache) == "it is complete at version 7"
    cache.put("d/a", metadata={"generation": 1}, spec={"replicas": 3}, status=done)
    assert not rolled_out("d/a").holds(cache)
    assert rolled_out("d/a").standing(cache) == "2 of 3 new replicas have been updated at version 7"
    assert not rolled_out("d/a").holds(Cache())


def test_a_predicate_of_ones_own() -> None:
    def is_big(obj: KubeObject) -> bool:
        return bool(obj.spec["replicas"] > 2)

    it = satisfies("d/a", is_big)
    assert it.holds(Cache().put("d/a", spec={"replicas": 3}))
    assert not it.holds(Cache().put("d/a", spec={"replicas": 2}))
    assert not it.holds(Cache())
    with pytest.raises(KeyError):
        it.holds(Cache().put("d/a"))


ATOMS = st.sampled_from("abc").map(exists)
CONDITIONS: st.SearchStrategy[Condition] = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda two: two[0] & two[1]),
        st.tuples(inner, inner).map(lambda two: two[0] | two[1]),
        inner.map(lambda one: ~one),
    ),
    max_leaves=8,
)


@given(CONDITIONS, st.sets(st.sampled_from("abc")))
def test_conditions_combine_like_truth_values(it: Condition, present: set[str]) -> None:
    """A condition holds when what it reads like is true."""
    cache = Cache()
    for key in present:
        cache.put(key)
    truth = str(it).replace("~", " not ").replace("&", "and").replace("|", "or")
    names = {"exists": lambda key: key in present, "__builtins__": {}}
    assert it.holds(cache) == it.begun(cache).holds(cache) == bool(eval(truth, names))  # noqa: S307  # our own repr
    assert set(it.keys) == {key for key in "abc" if f"'{key}'" in str(it)}


def test_a_combination_tells_of_what_keeps_it_from_holding() -> None:
    cache = Cache().put("a").put("b")
    assert (exists("a") & exists("c")).standing(cache) == "exists('c'): there is none"
    assert (exists("c") | exists("d")).standing(cache) == "exists('c'): there is none; exists('d'): there is none"
    assert (exists("a") & ~exists("b")).standing(cache) == "~exists('b'): it is there at version 7"
    assert (exists("a") & (exists("c") | deleted("b"))).standing(cache) == (
        "exists('c'): there is none; deleted('b'): it is there at version 7"
    )


def test_it_reads_as_it_was_written() -> None:
    it = rolled_out("d/a") & ~condition("d/b", "Progressing", "False") | deleted("d/c") & condition("d/d", "Ready")
    assert str(it) == (
        "((rolled_out('d/a') & ~condition('d/b', 'Progressing', 'False')) | (deleted('d/c') & condition('d/d', 'Ready')))"
    )
    assert "is_big" in str(satisfies("d/a", lambda is_big: True)) or "lambda" in str(satisfies("d/a", lambda o: True))


def test_conditions_do_not_pass_for_truth_values() -> None:
    """``a and b`` would silently wait for b alone."""
    with pytest.raises(TypeError, match="combine with"):
        bool(exists("a"))
    wrong: Any = "d/b"
    with pytest.raises(TypeError):
        exists("d/a") & wrong
    with pytest.raises(TypeError):
        exists("d/a") | wrong


@pytest.mark.parametrize("make", [exists, deleted, rolled_out, lambda k: condition(k, "Ready")])
@pytest.mark.parametrize("key", [5, None, ""])
def test_what_is_no_key_is_refused(make: Any, key: Any) -> None:
    with pytest.raises(InvalidOption, match="key is an object's"):
        make(key)


def test_other_arguments_that_cannot_work_are_refused() -> None:
    wrong: Any = None
    with pytest.raises(InvalidOption, match="type is a word"):
        condition("d/a", wrong)
    with pytest.raises(InvalidOption, match="status is a word such as"):
        condition("d/a", "Ready", status=wrong)
    with pytest.raises(InvalidOption, match="predicate is a function"):
        satisfies("d/a", wrong)
