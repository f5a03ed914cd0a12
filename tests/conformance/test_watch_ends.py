"""What ends a watch, and what comes next: the requests that follow each end, and what the cache makes of it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING

import msgspec
import pytest
from kubernetes_asyncio.client import ApiClient, Configuration

from aioinformer import (
    Added,
    APIError,
    CacheSyncTimeout,
    Decision,
    Failure,
    MalformedResponse,
    NetworkError,
    ResourceVersionTooLarge,
    SharedInformerFactory,
    Synced,
)
from tests.conformance.cluster import CONFIGMAPS, Cluster
from tests.conformance.middleman import Answer, Kind, Middleman, Passing, error, event, refusal, status
from tests.conformance.mirrors import PATIENCE, assert_mirrors

if TYPE_CHECKING:
    from aioinformer import Informer, KubeObject

LOGIN_PAGE = Answer(200, b"<html>please log in</html>", content_type="text/html")
NOT_JSON = Answer(200, b"<html>please log in</html>\n")


async def watching(through: SharedInformerFactory, middleman: Middleman) -> tuple[Informer[KubeObject], Passing]:
    """An informer that is in sync, and its watch."""
    informer = through.core.v1.configmaps
    await informer.wait_for_cache_sync(PATIENCE)
    return informer, await middleman.watch()


async def test_a_watch_that_ends_at_its_timeout_is_followed_at_once_from_the_last_version(
    cluster: Cluster, through: SharedInformerFactory, middleman: Middleman
) -> None:
    """timeoutSeconds: no failure, no wait, no relist."""
    middleman.rewrite("stream", {"timeoutSeconds": "2"})
    informer, _ = await watching(through, middleman)
    written = await cluster.create(CONFIGMAPS, "one")
    await middleman.requests(2)
    assert middleman.kinds == ["stream", "watch"]
    assert int(middleman.asked[1].version or "") >= int(written["metadata"]["resourceVersion"])
    assert (informer.status.attempts, informer.status.restarts, informer.status.last_error) == (0, 0, None)
    await assert_mirrors(informer, cluster)


async def test_a_watch_that_ends_after_an_event_is_followed_at_once_from_that_event(
    cluster: Cluster, through: SharedInformerFactory, middleman: Middleman
) -> None:
    """A clean end is none of the events' business: the next watch begins behind the last of them."""
    informer, watch = await watching(through, middleman)
    written = await cluster.create(CONFIGMAPS, "one")
    await informer.wait_for(f"{cluster.namespace}/one", PATIENCE)
    watch.end()
    await middleman.requests(2)
    assert (middleman.kinds[1], middleman.asked[1].version) == ("watch", written["metadata"]["resourceVersion"])
    await assert_mirrors(informer, cluster)


async def test_a_version_whose_watches_end_at_once_and_empty_has_expired(
    cluster: Cluster, through: SharedInformerFactory, middleman: Middleman
) -> None:
    """After a few in a row a new snapshot is fetched, and what was deleted meanwhile is found."""
    await cluster.create(CONFIGMAPS, "goes")
    middleman.answer("watch", Answer(200), times=3)
    informer, watch = await watching(through, middleman)
    await cluster.delete(CONFIGMAPS, "goes")
    watch.end()
    await middleman.changed.until(lambda: middleman.kinds.count("stream") == 2)
    assert middleman.kinds.count("watch") in {2, 3}  # whether the stream's own end was a short one
    assert (middleman.kinds[0], middleman.kinds[-1]) == ("stream", "stream")
    await assert_mirrors(informer, cluster)
    assert informer.status.restarts == 1


async def test_an_expired_version_costs_one_snapshot_and_one_that_expires_again_a_wait(
    cluster: Cluster, through: SharedInformerFactory, middleman: Middleman
) -> None:
    """410 in the stream: nothing of the old watch is used again, and repeated expiry counts up."""
    informer, watch = await watching(through, middleman)
    for round_ in (1, 2):
        await watch.send(error(410, "Expired"))
        await middleman.requests(round_ + 1)
        await assert_mirrors(informer, cluster)
        watch = await middleman.watch()
        assert informer.status.restarts == round_
    assert middleman.kinds == ["stream"] * 3
    assert informer.status.attempts == 2


async def test_http_410_on_a_watch_costs_a_snapshot(
    cluster: Cluster, through: SharedInformerFactory, middleman: Middleman
) -> None:
    """As some servers word it, before the stream begins."""
    middleman.answer("watch", refusal(410, "Expired"))
    informer, watch = await watching(through, middleman)
    await watch.cut()
    await middleman.requests(3)
    assert middleman.kinds == ["stream", "watch", "stream"]
    await assert_mirrors(informer, cluster)


@pytest.mark.parametrize(
    ("code", "follows"), [(500, "watch"), (504, "watch"), (429, "watch"), (409, "stream"), (418, "stream")]
)
async def test_an_error_in_the_stream_counts_as_the_status_it_names(
    cluster: Cluster, through: SharedInformerFactory, middleman: Middleman, code: int, follows: Kind
) -> None:
    """Overload and defects resume, what makes no sense of our version costs a snapshot; the status tells of each."""
    informer, watch = await watching(through, middleman)
    await watch.send(error(code, "Because"))
    await middleman.requests(2)
    assert middleman.kinds == ["stream", follows]
    failure = informer.status.last_error
    assert isinstance(failure, APIError)
    assert (failure.status, failure.reason) == (code, "Because")
    await assert_mirrors(informer, cluster)


async def test_a_failure_reaches_the_hook_and_the_metrics_with_the_decision_taken(
    cluster: Cluster, middleman: Middleman
) -> None:
    """Once each: what the server said, what follows, after how long, and how often in a row."""
    told: list[Failure] = []
    async with cluster.client(host=middleman.url) as client:
        async with SharedInformerFactory(client, namespace=cluster.namespace, on_error=told.append) as factory:
            informer, watch = await watching(factory, middleman)
            await watch.send(error(500, "InternalError"))
            await middleman.requests(2)
            (failure,) = told
            assert failure.error is informer.status.last_error
            assert (failure.decision, failure.failures, failure.pause > 0) == (Decision.RESUME, 1, True)
            assert (str(failure.resource), failure.namespace) == (CONFIGMAPS, cluster.namespace)
            metrics = {metric.name: metric for metric in factory.metrics()}
            failures = {of["decision"]: value for of, value in metrics["aioinformer_failures_total"].samples if value}
            assert failures == {"resume": 1}
            assert [value for _, value in metrics["aioinformer_reconnects_total"].samples] == [1]
            await assert_mirrors(informer, cluster)


async def test_a_failure_reaches_the_log_with_the_decision_taken(
    through: SharedInformerFactory, middleman: Middleman, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is silent, and a reconnect is no warning."""
    caplog.set_level("DEBUG", "aioinformer")
    _, watch = await watching(through, middleman)
    await watch.send(error(500, "InternalError"))
    await middleman.requests(2)
    told = [record for record in caplog.records if "500 InternalError" in record.getMessage()]
    assert [(record.levelname, "next: resume" in record.getMessage()) for record in told] == [("DEBUG", True)]


def in_two_seconds() -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)


@pytest.mark.parametrize("code", [429, 503])
@pytest.mark.parametrize("form", ["seconds", "date", "details"])
async def test_retry_after_is_waited_out_in_each_of_its_forms_and_costs_no_relist(
    cluster: Cluster, through: SharedInformerFactory, middleman: Middleman, code: int, form: str
) -> None:
    """A header in seconds or as a date, or the details of the Status."""
    headers = {"seconds": {"Retry-After": "1"}, "date": {"Retry-After": in_two_seconds()}}
    details = {"details": {"retryAfterSeconds": 1}} if form == "details" else {}
    body = msgspec.json.encode(status(code, "TooManyRequests", **details))
    informer, watch = await watching(through, middleman)
    middleman.answer("watch", Answer(code, body, headers.get(form, {})))
    await cluster.create(CONFIGMAPS, "one")
    await informer.wait_for(f"{cluster.namespace}/one", PATIENCE)
    watch.end()
    await middleman.requests(3)
    assert middleman.kinds == ["stream", "watch", "watch"]
    assert middleman.asked[2].version == middleman.asked[1].version
    assert middleman.asked[2].at - middleman.asked[1].at >= (0.5 if form == "date" else 1.0)
    await assert_mirrors(informer, cluster)


@pytest.mark.parametrize(
    "answer", [refusal(500), refusal(503), LOGIN_PAGE, NOT_JSON], ids=["500", "503", "html", "no json"]
)
async def test_a_failure_that_passes_resumes_from_the_same_version(
    cluster: Cluster, through: SharedInformerFactory, middleman: Middleman, answer: Answer
) -> None:
    """Whatever stands between us and the server for a while, nothing is listed again."""
    middleman.answer("watch", answer, times=2)
    informer, watch = await watching(through, middleman)
    await watch.cut()
    await middleman.requests(4)
    assert middleman.kinds == ["stream", "watch", "watch", "watch"]
    assert len({asked.version for asked in middleman.asked[1:]}) == 1
    assert informer.status.last_error is not None
    assert informer.status.restarts == 0
    await assert_mirrors(informer, cluster)


async def test_half_a_line_at_the_end_is_dropped_and_comes_whole_from_the_last_good_version(
    cluster: Cluster, through: SharedInformerFactory, middleman: Middleman
) -> None:
    """The connection breaks inside an event: the next watch brings that event again, and it counts once."""
    informer, watch = await watching(through, middleman)
    first = await cluster.create(CONFIGMAPS, "first")
    await informer.wait_for(f"{cluster.namespace}/first", PATIENCE)
    events = informer.events(replay=False)
    assert isinstance(await anext(events), Synced)
    middleman.keeps = lambda _: True
    await cluster.create(CONFIGMAPS, "second")
    await middleman.changed.until(lambda: bool(middleman.kept))
    middleman.keeps = lambda _: False
    await watch.cut(middleman.kept[0][: len(middleman.kept[0]) // 2])
    async with asyncio.timeout(PATIENCE):
        added = await anext(events)
    assert isinstance(added, Added)
    assert added.object.name == "second"
    assert middleman.kinds == ["stream", "watch"]
    assert middleman.asked[1].version == first["metadata"]["resourceVersion"]
    await assert_mirrors(informer, cluster)


async def test_garbage_in_the_stream_ends_the_watch_and_nothing_else(
    cluster: Cluster, through: SharedInformerFactory, middleman: Middleman
) -> None:
    """What came before the garbage is kept, what comes after it comes by the next watch."""
    informer, watch = await watching(through, middleman)
    await watch.send(b"<html>\n")
    await middleman.requests(2)
    assert middleman.kinds == ["stream", "watch"]
    assert isinstance(informer.status.last_error, MalformedResponse)
    await assert_mirrors(informer, cluster)


async def test_a_version_too_large_is_followed_by_a_snapshot_without_one(
    cluster: Cluster, through: SharedInformerFactory, middleman: Middleman
) -> None:
    """A replica that lags behind refuses our version: the next request names none."""
    middleman.rewrite("list", {"resourceVersion": "999999999999"})
    informer = through.informer("configmaps", initial_list="cached", namespace=cluster.namespace)
    await informer.wait_for_cache_sync(PATIENCE)
    await middleman.requests(3)
    assert middleman.kinds == ["list", "list", "watch"]
    assert middleman.asked[1].version is None
    assert isinstance(informer.status.last_error, ResourceVersionTooLarge)
    await assert_mirrors(informer, cluster)


async def test_credentials_that_expired_are_refreshed_once_and_the_request_tried_again(cluster: Cluster) -> None:
    """401: the client's hook runs again, and nobody notices."""
    async with cluster.client() as client, cluster.client(token="expired") as stale:
        asked = 0

        async def refresh(configuration: Configuration) -> None:
            nonlocal asked
            asked += 1
            if asked > 1:
                configuration.api_key["BearerToken"] = client.configuration.api_key["BearerToken"]

        stale.configuration.refresh_api_key_hook = refresh
        async with SharedInformerFactory(stale, namespace=cluster.namespace) as factory:
            informer = factory.core.v1.configmaps
            await informer.wait_for_cache_sync(PATIENCE)
            assert asked == 2
            assert informer.status.last_error is None
            await assert_mirrors(informer, cluster)


@pytest.mark.parametrize("trouble", ["dns", "tls"])
async def test_a_server_that_is_not_found_or_not_trusted_is_named_with_the_reason(
    cluster: Cluster, trouble: str
) -> None:
    """DNS and TLS failures are failures of the network: retried, and told by the time-out."""
    async with cluster.client() as trusting:
        address = str(trusting.configuration.host).partition("://")[2]
    host, says = ("nowhere.invalid", "nowhere.invalid") if trouble == "dns" else (address, "(?i)ssl|certificate")
    async with ApiClient(Configuration(host=f"https://{host}")) as client, SharedInformerFactory(client) as factory:
        _ = factory.core.v1.configmaps
        with pytest.raises(CacheSyncTimeout, match=says) as failure:
            await factory.wait_for_cache_sync(1)
        assert isinstance(failure.value.errors.popitem()[1], NetworkError)


async def test_a_line_of_many_megabytes_is_read_whole(
    cluster: Cluster, through: SharedInformerFactory, middleman: Middleman
) -> None:
    """Etcd's default allows objects over 1.5 MB, and others allow more; a line has no limit below 64 MiB."""
    informer, watch = await watching(through, middleman)
    blob = "x" * 20_000_000
    metadata = {
        "name": "huge",
        "namespace": cluster.namespace,
        "uid": "u",
        "resourceVersion": informer.resource_version,
    }
    await watch.send(
        event("ADDED", {"kind": "ConfigMap", "apiVersion": "v1", "metadata": metadata, "data": {"k": blob}})
    )
    huge = await informer.wait_for(f"{cluster.namespace}/huge", PATIENCE)
    assert huge["data"]["k"] == blob
    assert middleman.kinds == ["stream"]
