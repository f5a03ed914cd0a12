"""factory.py: sharing, lifetimes and refusals, over the embedded API server."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from typing import TYPE_CHECKING, Any

import anyio
import msgspec
import pytest
from kubernetes_asyncio.client import CoreV1Api, V1Pod

from aioinformer import (
    CacheSyncError,
    CacheSyncTimeout,
    ConfigurationError,
    GroupVersionResource,
    InformerClosed,
    InformerConflict,
    InformerError,
    InvalidOption,
    NotRunning,
    SharedInformerFactory,
    Synced,
    UnknownResource,
)
from aioinformer.reflector import Reflector
from aioinformer.testing import ApiServer

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from kubernetes_asyncio.client import ApiClient

PATIENCE = 10.0


@pytest.fixture
async def server() -> AsyncGenerator[ApiServer]:
    async with ApiServer() as server:
        yield server


@pytest.fixture
async def client(server: ApiServer) -> AsyncGenerator[ApiClient]:
    async with server.api_client() as client:
        yield client


def test_a_factory_is_made_and_asked_outside_a_running_loop() -> None:
    """Nothing is sent, and nothing needs a loop, before it is entered."""
    factory = SharedInformerFactory(namespace="d", resync=30)
    assert factory.apps.v1.deployments is factory.informer("deploy")
    assert [str(informer.resource) for informer in factory.informers] == ["deployments.v1.apps"]


def test_the_same_question_gets_the_same_informer() -> None:
    """However the resource is spelt; another scope or selector is another informer."""
    factory = SharedInformerFactory()
    pods = factory.core.v1.pods
    same: list[Any] = ["pods", "po", "Pod", "pods.v1", GroupVersionResource("", "v1", "pods")]
    assert all(factory.informer(name) is pods for name in same)
    assert factory.informer("pods", label_selector="a=1,b") is factory.informer("pods", label_selector="b , a==1")
    others: list[dict[str, Any]] = [
        {"namespace": "d"}, {"label_selector": "a"}, {"field_selector": "spec.nodeName=n"}, {"metadata_only": True},
    ]  # fmt: skip
    informers = [factory.informer("pods", **options) for options in others]
    assert len({id(informer) for informer in [pods, *informers]}) == len(others) + 1


class Labelled(msgspec.Struct):
    """A model that names its resource."""

    __resource__ = "widgets.v1.example.com"
    kind: str = ""


def test_a_model_may_name_its_resource() -> None:
    """A generated model of a client names a built-in resource, and a class of one's own any."""
    factory = SharedInformerFactory()
    assert factory.informer(V1Pod).resource == GroupVersionResource("", "v1", "pods")
    assert factory.informer(Labelled).resource == GroupVersionResource("example.com", "v1", "widgets")


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"model": Labelled}, "model"),
        ({"transform": lambda pod: pod}, "transform"),
        ({"indexers": {"node": lambda _: None}}, "indexers"),
        ({"resync": 60}, "resync"),
    ],
)
def test_contradicting_options_are_a_conflict(options: dict[str, Any], named: str) -> None:
    """The second to ask for an informer with other options is told which, and what to do."""
    factory = SharedInformerFactory(resync=30)
    factory.informer("pods")
    with pytest.raises(
        InformerConflict, match=f"informer on pods.v1 already, with other {named}: use the same everywhere"
    ):
        factory.informer("pods", **options)


@pytest.mark.parametrize(
    ("resource", "options", "message"),
    [
        ("pods", {"resync": 0}, "resync is a positive number of seconds"),
        ("pods", {"resync": -5}, "resync is a positive number of seconds"),
        ("pods", {"namespace": ""}, "namespace is a namespace's name, a list, tuple or set of some, or None"),
        ("pods", {"namespace": []}, "namespace is a namespace's name, a list, tuple or set of some, or None"),
        ("pods", {"namespace": ["a", ""]}, "namespace is a namespace's name, a list, tuple or set of some, or None"),
        ("pods", {"namespace": ["a", 7]}, "namespace is a namespace's name, a list, tuple or set of some, or None"),
        ("pods", {"namespace": {"a": "b"}}, "namespace is a namespace's name, a list, tuple or set of some, or None"),
        ("nodes", {"namespace": ["a", "b"]}, "nodes.v1 is cluster-scoped"),
        ("nodes", {"namespace": "d"}, "nodes.v1 is cluster-scoped"),
        ("pods", {"label_selector": "a in b"}, "'in' and 'notin' take a list in parentheses"),
        ("pods", {"initial_list": "lazy"}, "initial_list is one of stream, consistent, cached"),
        ("pods", {"page_size": -1}, "page_size"),
        ("pods", {"model": int}, "int is no model"),
        ("pods", {"resinc": 30}, "there is no option 'resinc'; did you mean resync"),
        ("pods", {"modle": dict}, "there is no option 'modle'; did you mean model"),
        ("my pods", {}, "is not a resource name: write it as kubectl does"),
        (7, {}, "a resource is a name such as 'pods'"),
        (dict, {}, "dict names no resource"),
    ],
)
def test_bad_options_are_named_where_they_are_given(resource: Any, options: dict[str, Any], message: str) -> None:
    """A typed error at the call says which argument cannot work and what can."""
    with pytest.raises(InvalidOption, match=message):
        SharedInformerFactory().informer(resource, **options)


@pytest.mark.parametrize("defaults", [{"resync": 0}, {"namespace": ""}, {"label_selector": "%"}, {"nonsense": 1}])
def test_bad_defaults_are_refused_by_the_factory_itself(defaults: dict[str, Any]) -> None:
    """They would fail every informer, so they fail at once."""
    with pytest.raises(InvalidOption):
        SharedInformerFactory(**defaults)


def test_what_is_one_informers_own_is_no_default() -> None:
    """Said so, and not among the choices."""
    wrong: list[tuple[str, Any]] = [("model", dict), ("restore_from", "a file")]
    for option, value in wrong:
        with pytest.raises(InvalidOption, match=rf"{option} is one informer's own .*: pass it to factory\.informer"):
            SharedInformerFactory(**{option: value})
    with pytest.raises(InvalidOption, match=r"there is no option 'zzz'; there are .*transform$"):
        SharedInformerFactory(zzz=1)  # type: ignore[call-arg]


async def test_defaults_reach_the_informers_they_fit(server: ApiServer, client: ApiClient) -> None:
    """The factory's namespace and selectors apply where an informer names none, and not to cluster-scoped resources."""
    server.create("pods", {"metadata": {"name": "a", "namespace": "default", "labels": {"x": "1"}}})
    server.create("pods", {"metadata": {"name": "b", "namespace": "default"}})
    server.create("pods", {"metadata": {"name": "c", "namespace": "kube-system", "labels": {"x": "1"}}})
    async with SharedInformerFactory(client, namespace="default", label_selector="x") as factory:
        scoped, everywhere = factory.core.v1.pods, factory.informer("pods", namespace=None)
        namespaces = factory.informer("namespaces", label_selector=None)
        await factory.wait_for_cache_sync(PATIENCE)
        assert [pod.name for pod in scoped] == ["a"]
        assert sorted(pod.name for pod in everywhere) == ["a", "c"]
        assert "default" in namespaces


async def test_use_before_and_after_async_with(client: ApiClient) -> None:
    """Waiting before it is entered, entering twice and asking after its end each say what to do."""
    factory = SharedInformerFactory(client)
    factory.core.v1.pods  # noqa: B018  # asking is what counts
    with pytest.raises(NotRunning, match="async with"):
        await factory.wait_for_cache_sync()
    async with factory:
        with pytest.raises(NotRunning, match="make a new one"):
            await factory.__aenter__()
    with pytest.raises(NotRunning, match="make a new one"):
        factory.informer("pods")


async def test_waiting_for_nothing_returns(client: ApiClient) -> None:
    """A factory without informers is in sync."""
    async with SharedInformerFactory(client) as factory:
        await factory.wait_for_cache_sync(PATIENCE)


async def test_a_sync_that_fails_for_several_names_each(server: ApiServer, client: ApiClient) -> None:
    """The error maps each informer that cannot sync to its reason."""
    server.on("secrets").revoke()
    async with SharedInformerFactory(client) as factory:
        secrets, unknown = factory.core.v1.secrets, factory.informer("gizmos")
        await asyncio.gather(*(i.wait_for_cache_sync(PATIENCE) for i in (secrets, unknown)), return_exceptions=True)
        with pytest.raises(CacheSyncError) as failure:
            await factory.wait_for_cache_sync(PATIENCE)
        assert set(failure.value.errors) == {"secrets.v1", "gizmos"}
        assert isinstance(failure.value.errors["gizmos"], UnknownResource)


async def test_a_late_sync_names_the_laggards_only(server: ApiServer, client: ApiClient) -> None:
    """Those in sync are not in the error."""
    server.on("secrets").respond(500, times=1000)
    async with SharedInformerFactory(client) as factory:
        pods, _ = factory.core.v1.pods, factory.core.v1.secrets
        await pods.wait_for_cache_sync(PATIENCE)
        with pytest.raises(CacheSyncTimeout, match=r"secrets\.v1 is syncing") as failure:
            await factory.wait_for_cache_sync(0.2)
        assert set(failure.value.errors) == {"secrets.v1"}


async def test_leaving_ends_everything_at_once_and_leaves_nothing(server: ApiServer) -> None:
    """No task, socket or warning is left, whatever the informers were doing; the caller's client still works."""
    server.on("secrets").respond(503, times=1000)
    server.on("configmaps").revoke()
    before = asyncio.all_tasks()
    async with server.api_client() as client:
        async with asyncio.timeout(PATIENCE):
            async with SharedInformerFactory(client) as factory:
                pods = factory.core.v1.pods
                _ = factory.core.v1.secrets, factory.core.v1.configmaps, factory.informer("gizmos")
                await pods.wait_for_cache_sync()
                events = pods.events()
                loop = asyncio.get_running_loop()
                leaving = loop.time()
            assert loop.time() - leaving < 1
        assert [event async for event in events] == [Synced(pods.resource_version)]
        assert asyncio.all_tasks() - before == set()
        assert (await client.call_api("/version", "GET", response_types_map={200: "object"}))[1] == 200
    gc.collect()


async def test_an_exception_in_the_body_comes_out_as_it_is(client: ApiClient) -> None:
    """The factory ends, and the caller's own exception is not wrapped in a group."""
    with pytest.raises(ZeroDivisionError):  # noqa: PT012  # leaving the factory is what is tested
        async with SharedInformerFactory(client) as factory:
            await factory.core.v1.pods.wait_for_cache_sync(PATIENCE)
            raise ZeroDivisionError


async def test_it_may_be_left_in_another_task_than_it_was_entered_in(client: ApiClient) -> None:
    """As fixtures of test frameworks do."""
    factory = SharedInformerFactory(client)
    await asyncio.create_task(factory.__aenter__())
    await factory.core.v1.pods.wait_for_cache_sync(PATIENCE)
    await asyncio.create_task(factory.__aexit__(None, None, None))
    assert factory.informers == ()


async def test_without_a_client_it_takes_the_kubeconfig(
    server: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """KUBECONFIG names the cluster; the client that is made for it is closed with the factory."""
    server.write_kubeconfig(tmp_path / "config")
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    async with SharedInformerFactory() as factory:
        await factory.core.v1.namespaces.wait_for_cache_sync(PATIENCE)
        assert "default" in factory.core.v1.namespaces


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "no cluster to talk to: there is no kubeconfig at .*set KUBECONFIG"),
        ("{", "the kubeconfig .* cannot be used"),
        ("kind: Config\ncurrent-context: gone\ncontexts: []\nclusters: []\nusers: []\n", "gone"),
    ],
)
async def test_a_bad_kubeconfig_is_told_on_entering(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None, message: str
) -> None:
    """Entering fails with what was tried, or with what is wrong in which file."""
    path = tmp_path / "config"
    if text is not None:
        path.write_text(text)
    monkeypatch.setenv("KUBECONFIG", str(path))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(ConfigurationError, match=message):
        async with SharedInformerFactory():
            pass


async def test_an_informer_stopped_by_a_defect_does_not_pass_for_synced(
    client: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stays among the informers and fails the wait; the others go on; asking again makes a fresh one."""

    async def defective(self: Reflector) -> None:
        raise KeyError("bug")

    async with SharedInformerFactory(client) as factory:
        healthy = factory.core.v1.namespaces
        await healthy.wait_for_cache_sync(PATIENCE)
        with monkeypatch.context() as patched:
            patched.setattr(Reflector, "run", defective)
            broken = factory.core.v1.pods
            with pytest.raises(InformerError, match=r"pods\.v1 was stopped by a defect: KeyError: 'bug'"):
                await factory.wait_for_cache_sync(PATIENCE)
        assert broken in factory.informers
        assert healthy.status.ready
        assert factory.core.v1.pods is not broken
        await factory.wait_for_cache_sync(PATIENCE)
        assert broken not in factory.informers


@pytest.mark.parametrize("how", ["two cancels", "anyio scope", "time-out"])
async def test_leaving_by_cancellation_waits_for_every_task(client: ApiClient, how: str) -> None:
    """However often the one who leaves is cancelled, nothing of the factory is left when it is out."""
    before = asyncio.all_tasks()

    async def use() -> None:
        async with SharedInformerFactory(client) as factory:
            await factory.core.v1.pods.wait_for_cache_sync(PATIENCE)
            entered.set()
            await asyncio.Event().wait()

    async def scoped() -> None:
        if how == "anyio scope":
            with anyio.CancelScope() as scope:
                asyncio.get_running_loop().call_later(0.1, scope.cancel)
                await use()
        elif how == "time-out":
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.1):
                    await use()
        else:
            await use()

    entered = asyncio.Event()
    user = asyncio.create_task(scoped())
    await entered.wait()
    if how == "two cancels":
        user.cancel()
        await asyncio.sleep(0)
        user.cancel()
    await asyncio.wait({user})
    assert asyncio.all_tasks() == before
    assert user.cancelled() == (how == "two cancels")


async def test_an_informer_that_is_being_closed_is_not_handed_out(client: ApiClient) -> None:
    """Asking while aclose is under way gives a fresh one."""
    async with SharedInformerFactory(client) as factory:
        old = factory.core.v1.pods
        await old.wait_for_cache_sync(PATIENCE)
        closing = asyncio.create_task(old.aclose())
        await asyncio.sleep(0)
        fresh = factory.core.v1.pods
        assert fresh is not old
        await closing
        await fresh.wait_for_cache_sync(PATIENCE)
        with pytest.raises(InformerClosed):
            await old.wait_for_cache_sync(PATIENCE)


async def test_waiting_on_what_has_not_been_started_fails_at_once(client: ApiClient) -> None:
    """Outside async with, every wait says so, and after its end the factory's does, too."""
    factory = SharedInformerFactory(client)
    pods = factory.core.v1.pods
    for wait in (pods.wait_for("d/a"), pods.wait_for_version("1"), anext(pods.events())):
        with pytest.raises(NotRunning, match="async with"):
            await wait
    async with factory:
        await pods.wait_for_cache_sync(PATIENCE)
    with pytest.raises(NotRunning, match="async with"):
        await factory.wait_for_cache_sync()
    assert repr(factory) == "<SharedInformerFactory ended informers=0>"


async def test_another_thread_is_told_where_to_ask_and_leaves_nothing_half_made(client: ApiClient) -> None:
    async with SharedInformerFactory(client) as factory:
        with pytest.raises(NotRunning, match=r"does not run in this thread: ask for pods\.v1 in its event loop"):
            await asyncio.to_thread(factory.informer, "pods")
        assert factory.informers == ()
        await factory.core.v1.pods.wait_for_cache_sync(timeout=PATIENCE)


async def test_what_is_no_client_is_refused_at_the_call(client: ApiClient) -> None:
    """An API made with a client is the likeliest mistake."""
    for wrong in (CoreV1Api(client), "https://127.0.0.1", 7):
        given: Any = wrong
        with pytest.raises(InvalidOption, match=r"api_client is a kubernetes_asyncio\.client\.ApiClient, or None"):
            SharedInformerFactory(given)
