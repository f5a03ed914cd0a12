"""Indexes and selectors give the server's own answers."""

from __future__ import annotations

from itertools import product
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from aioinformer import InvalidOption, InvalidSelector, LabelSelector, SharedInformerFactory, indexers
from tests.conformance.cluster import CONFIGMAPS, Cluster
from tests.conformance.mirrors import PATIENCE, touch

if TYPE_CHECKING:
    from kubernetes_asyncio.client import ApiClient

OPERATORS = {
    "In": "{key} in ({values})",
    "NotIn": "{key} notin ({values})",
    "Exists": "{key}",
    "DoesNotExist": "!{key}",
}
VALUES = ["", "1", "x.y"]
NETWORK_POLICIES = "networkpolicies.networking.k8s.io"


def drawn(dice: Random) -> tuple[dict[str, Any], str]:
    """A selector as it stands in objects, and the same as a string."""
    labels = {key: dice.choice(VALUES) for key in dice.sample("ab", dice.choice([0, 0, 1, 2]))}
    expressions: list[dict[str, Any]] = []
    strings = [f"{key}={value}" for key, value in labels.items()]
    for _ in range(dice.randrange(3)):
        key, operator = dice.choice(["a", "b", "c.io/d"]), dice.choice(list(OPERATORS))
        values = dice.sample(VALUES, dice.choice([1, 2])) if "In" in operator else []
        expressions.append({"key": key, "operator": operator, "values": values})
        strings.append(OPERATORS[operator].format(key=key, values=",".join(values)))
    return {"matchLabels": labels, "matchExpressions": expressions}, ",".join(strings)


async def test_selectors_from_objects_answer_as_the_server_does(cluster: Cluster, client: ApiClient) -> None:
    """What stands in matchLabels and matchExpressions finds what the server finds, with indexes and without."""
    values = [None, *VALUES]
    labels = [
        {key: value for key, value in zip(("a", "b", "c.io/d"), each, strict=True) if value is not None}
        for each in product(values, values, values[:2])
    ]
    for i, mine in enumerate(labels):
        await cluster.create(CONFIGMAPS, f"c{i}", labels={"mine": "yes", **mine})
    async with SharedInformerFactory(client, namespace=cluster.namespace) as factory:
        plain = factory.informer("configmaps", label_selector="mine=yes")
        indexed = factory.informer(
            "configmaps",
            indexers={"a": indexers.label("a"), "d": indexers.label("c.io/d"), "keys": indexers.label_key},
            label_selector="mine",
        )
        await factory.wait_for_cache_sync(PATIENCE)
        dice = Random(20)
        for _ in range(60):
            document, string = drawn(dice)
            query = f"mine=yes,{string}".rstrip(",")
            served = sorted(o["metadata"]["name"] for o in await cluster.listed(CONFIGMAPS, labelSelector=query))
            assert sorted(o.name for o in plain.list(label_selector=document)) == served, document
            assert sorted(o.name for o in indexed.list(label_selector=document)) == served, document


@pytest.mark.parametrize(
    "selector",
    [
        "metadata.name=a", "metadata.name==a,", ",metadata.name!=a", r"metadata.name=a\,b", "metadata.name=", "metadata.name=a b",
        "metadata.name", "metadata.name=a,b", "=a", "metadata.name=a, metadata.name=b", "metadata.name=a=b", "metadata.name===a",
        r"metadata.name=a\n", "metadata.name=a\\", "metadata.name in (a,b)",
    ],
)  # fmt: skip
async def test_a_field_selector_is_refused_at_the_call_just_where_the_server_refuses_it(
    cluster: Cluster, selector: str
) -> None:
    """With the fields that the server supports."""
    answer = await cluster.request("GET", cluster.path(CONFIGMAPS), None, fieldSelector=selector)
    try:
        SharedInformerFactory().informer("configmaps", field_selector=selector)
        taken = True
    except InvalidSelector:
        taken = False
    assert taken == (answer.get("code") != 400), answer


@pytest.mark.only_on("real", reason="the embedded server does not validate what a NetworkPolicy selects")
async def test_selectors_in_objects_are_refused_as_the_server_refuses_them(cluster: Cluster) -> None:
    """What may stand in an object may be handed to list, and nothing else."""
    dice = Random(21)
    for i in range(60):
        expression = {
            "key": dice.choice(["a", "a b", "", "c.io/d", "c/d/e"]),
            "operator": dice.choice(["In", "NotIn", "Exists", "DoesNotExist", "in", "Equals"]),
            "values": dice.choice([[], ["x"], ["x y"], ["", "y"], ["z" * 64]]),
        }
        document: Any = {"matchExpressions": [expression]}
        answer = await cluster.request(
            "POST",
            cluster.path(NETWORK_POLICIES),
            {"metadata": {"name": f"p{i}"}, "spec": {"podSelector": document}},
            dryRun="All",
        )
        try:
            LabelSelector.parse(document)
        except InvalidSelector:
            assert answer["code"] == 422, expression
        else:
            assert answer["kind"] == "NetworkPolicy", (expression, answer)


async def test_ready_made_indexes_follow_the_server(cluster: Cluster, factory: SharedInformerFactory) -> None:
    """By owner and by label, whatever the model; one that is removed is gone, and may come again."""
    owner = await cluster.create(CONFIGMAPS, "owner", labels={"app": "web"})
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["metadata"]["uid"]}
    await cluster.request(
        "POST", cluster.path(CONFIGMAPS), {"metadata": {"name": "owned", "ownerReferences": [reference]}}
    )
    informer = factory.informer(
        "configmaps", metadata_only=True, indexers={"owner": indexers.owner_uid, "app": indexers.label("app")}
    )
    await informer.wait_for_cache_sync(PATIENCE)
    assert [o.name for o in informer.by_index("owner", owner["metadata"]["uid"])] == ["owned"]
    assert [o.name for o in informer.by_index("app", "web")] == ["owner"]
    await cluster.patch(CONFIGMAPS, "owned", metadata={"labels": {"app": "web"}, "ownerReferences": None})
    await informer.wait_for_version(await touch(cluster), timeout=PATIENCE)
    assert informer.index_values("owner") == []
    assert sorted(o.name for o in informer.list(label_selector="app=web")) == ["owned", "owner"]
    informer.remove_indexer("app")
    with pytest.raises(InvalidOption, match="no index named 'app'"):
        informer.by_index("app", "web")
    informer.add_indexer("app", indexers.label("app"))
    assert sorted(informer.index_keys("app", "web")) == [f"{cluster.namespace}/{name}" for name in ("owned", "owner")]
