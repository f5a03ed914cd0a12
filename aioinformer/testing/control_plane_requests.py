"""The few HTTP requests that starting and disturbing a control plane takes.

Each opens its own connection, so that none is bound to an event loop or outlives a restart.
"""

from __future__ import annotations

import base64
import json
import ssl
from typing import TYPE_CHECKING, Any

import aiohttp

from aioinformer.testing.control_plane_binaries import ControlPlaneError

if TYPE_CHECKING:
    from aioinformer.testing.control_plane_site import Site

# What a probe or a command may raise: refused, reset, too slow, no certificate yet, a status of 400 or more.
FAILURES = (OSError, aiohttp.ClientError)

_TIMEOUT = aiohttp.ClientTimeout(total=5)
# kube-apiserver keeps the last compacted revision here and watches it for compactions by its peers.
_COMPACT_REVISION_KEY = base64.b64encode(b"compact_rev_key").decode("ascii")


async def probe_etcd(site: Site) -> None:
    """Return if etcd is healthy; raises one of `FAILURES` otherwise."""
    await _request("GET", f"{site.etcd_url}/health")


async def probe_api_server(site: Site) -> None:
    """Return if every readiness check of kube-apiserver passes; raises one of `FAILURES` otherwise."""
    await _api_get(site, "/readyz")


async def probe_controllers(site: Site) -> None:
    """Return once a controller has done some work; raises one of `FAILURES` otherwise."""
    await _api_get(site, "/api/v1/namespaces/default/serviceaccounts/default")


async def compact(site: Site) -> int:
    """Compact etcd past every revision there was, and return the revision it is compacted to.

    kube-apiserver hears of it as of a compaction by one of its peers. Raises `ControlPlaneError`.
    """
    # A watch from R needs R+1 onwards, so only a second write puts the newest R out of reach.
    latest = await _put_compact_revision(site, 0)
    revision = await _put_compact_revision(site, latest + 1)
    await _call_etcd(site, "kv/compaction", {"revision": str(revision), "physical": True})
    return revision


async def _put_compact_revision(site: Site, revision: int) -> int:
    """Announce a compaction; returns the revision this write made."""
    value = base64.b64encode(str(revision).encode("ascii")).decode("ascii")
    answer = await _call_etcd(site, "kv/put", {"key": _COMPACT_REVISION_KEY, "value": value})
    return int(answer["header"]["revision"])


async def _api_get(site: Site, path: str) -> None:
    headers = {"Authorization": f"Bearer {site.token}"}
    # Read anew each time: kube-apiserver writes the file only once it starts.
    context = ssl.create_default_context(cafile=site.ca_file)
    await _request("GET", site.url + path, headers=headers, ssl=context)


async def _call_etcd(site: Site, method: str, body: dict[str, str | bool]) -> dict[str, Any]:
    try:
        answer: dict[str, Any] = json.loads(await _request("POST", f"{site.etcd_url}/v3/{method}", json=body))
    except FAILURES as error:
        raise ControlPlaneError(f"etcd did not carry out {method}: {error!r}") from error
    return answer


async def _request(method: str, url: str, **options: Any) -> bytes:
    async with (
        aiohttp.ClientSession(timeout=_TIMEOUT, raise_for_status=True) as session,
        session.request(method, url, **options) as response,
    ):
        return await response.read()
