from __future__ import annotations

import base64
import ssl

import aiohttp
import pytest
from aiohttp import RequestInfo
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from aioinformer.discretion import SHORTEST_SECRET, blot_out, origin, say, secrets
from aioinformer.errors import APIError, CacheSyncError, ConfigurationError, NetworkError

CANARY = "canary-token"
SENT = RequestInfo(
    URL("http://127.0.0.1"), "GET", CIMultiDictProxy(CIMultiDict({"Authorization": CANARY})), URL("http://127.0.0.1")
)


@pytest.mark.parametrize(
    "error",
    [
        aiohttp.ClientResponseError(SENT, (), status=400, message=CANARY),
        aiohttp.ClientHttpProxyError(SENT, (), status=407, message=CANARY),
        aiohttp.ClientPayloadError(f"not completed: {CANARY}"),
        aiohttp.ServerDisconnectedError(CANARY),
        aiohttp.InvalidURL(f"http://{CANARY}"),
        ValueError(CANARY),
        UnicodeEncodeError("utf-8", CANARY, 0, 1, "no"),
        RuntimeError(CANARY),
    ],
)
def test_what_may_quote_bytes_addresses_or_headers_is_told_in_words_of_ours(error: Exception) -> None:
    said = say(error)
    assert said
    assert CANARY not in said


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ConnectionRefusedError(111, "Connection refused"), "[Errno 111] Connection refused"),
        (aiohttp.ClientConnectionError("Cannot connect to host a:1"), "Cannot connect to host a:1"),
        (ssl.SSLCertVerificationError(1, "certificate verify failed"), "certificate verify failed"),
        (aiohttp.ClientHttpProxyError(SENT, (), status=407), "the proxy answered 407"),
        (TimeoutError(), "TimeoutError"),
        (aiohttp.ClientConnectionError(), "ClientConnectionError"),
    ],
)
def test_what_is_about_sockets_and_certificates_is_told_as_it_is(error: Exception, said: str) -> None:
    assert said in say(error)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://10.0.0.1:6443", "https://10.0.0.1:6443"),
        ("https://user:p@ss@cluster.invalid:6443/k8s/clusters/c-1?x=1#y", "https://cluster.invalid:6443"),
        ("https://[::1", "the server"),
    ],
)
def test_an_address_is_shown_without_a_password(url: str, shown: str) -> None:
    assert origin(url) == shown


def test_the_secrets_of_a_request_are_all_headers_but_those_that_everybody_sends() -> None:
    login = base64.b64encode(b"me:hunter22").decode()
    headers = {
        "Host": "h",
        "User-Agent": "u",
        "authorization": f"Bearer {CANARY}\n",
        "X-Key": "k",
        "Proxy": f"Basic {login}",
    }
    assert list(secrets(headers)) == [CANARY, "k", login, "me:hunter22", "hunter22"]
    assert list(secrets({"Authorization": "Basic no-base64!"})) == ["no-base64!"]
    assert list(secrets({"Authorization": "Basic /w=="})) == ["/w=="]


def test_a_secret_is_blotted_out_of_all_that_an_error_says() -> None:
    error = APIError(500, CANARY, f"bad {CANARY}, {CANARY}", continue_token=CANARY, retry_after=3)
    blot_out(error, [CANARY])
    assert CANARY not in f"{error}{error!r}{vars(error)}"
    assert (str(error), error.message, error.retry_after) == ("500 ...: bad ..., ...", "bad ..., ...", 3)


def test_an_error_without_the_secret_stays_as_it_is() -> None:
    for error in (NetworkError("cut"), ConfigurationError(), CacheSyncError("no", {"pods": NetworkError("cut")})):
        before = (error.args, vars(error).copy())
        blot_out(error, [CANARY, "", "c" * (SHORTEST_SECRET - 1)])
        assert (error.args, vars(error)) == before
