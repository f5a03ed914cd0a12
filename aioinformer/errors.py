"""Every exception this package raises, in one tree.

InformerError
├── ConfigurationError          no usable kubeconfig or cluster, or a client that cannot be used safely
├── InvalidOption               an argument that cannot work (also a ValueError)
│   ├── InvalidSelector         a label or field selector that does not parse
│   └── InformerConflict        the same informer asked for with options that contradict each other
├── NotRunning                  used outside ``async with``, or outside its event loop (also a RuntimeError)
├── InformerClosed              the informer was stopped while somebody waited on it
├── CacheSyncError              the first sync cannot succeed as things stand: 401, 403, 404, ...
├── CacheSyncTimeout            it did not succeed in time (also a TimeoutError)
├── WaitTimeout                 what was waited for did not come in time (also a TimeoutError)
├── SubscriptionLagged          a subscription with ``overflow="error"`` fell behind its bound
├── ObjectRejected              a strict informer met an object that cannot be decoded, transformed or indexed
├── NetworkError                no connection, or it broke
│   └── IdleTimeout             it stayed silent too long (also a TimeoutError)
├── MalformedResponse           bytes that are not what the protocol says
└── APIError                    the API server answered with a failure
    ├── BadRequest, Unauthorized, Forbidden, MethodNotAllowed, Conflict, Invalid, TooManyRequests
    ├── NotFound
    │   └── UnknownResource     no such resource is served (also a LookupError)
    ├── ResourceExpired         410: the version asked for is no longer in the server's history
    └── ServerError             5xx
        └── ResourceVersionTooLarge  the version asked for is newer than this server's
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = [
    "APIError",
    "BadRequest",
    "CacheSyncError",
    "CacheSyncTimeout",
    "ConfigurationError",
    "Conflict",
    "Forbidden",
    "IdleTimeout",
    "InformerClosed",
    "InformerConflict",
    "InformerError",
    "Invalid",
    "InvalidOption",
    "InvalidSelector",
    "MalformedResponse",
    "MethodNotAllowed",
    "NetworkError",
    "NotFound",
    "NotRunning",
    "ObjectRejected",
    "ResourceExpired",
    "ResourceVersionTooLarge",
    "ServerError",
    "SubscriptionLagged",
    "TooManyRequests",
    "Unauthorized",
    "UnknownResource",
    "WaitTimeout",
    "api_error",
]


class InformerError(Exception):
    """The root: catch this for anything that comes from aioinformer."""


class ConfigurationError(InformerError):
    """There is no usable kubeconfig or in-cluster configuration; the message says what was tried."""


class InvalidOption(InformerError, ValueError):
    """An argument that cannot work; the message names it and the choices."""


class InvalidSelector(InvalidOption):
    """A label or field selector that does not parse; the message shows where."""


class InformerConflict(InvalidOption):
    """An informer that exists was asked for again with options that contradict the first ones."""


class NotRunning(InformerError, RuntimeError):
    """A factory or informer was used before ``async with`` or after it ended, or elsewhere than in its event loop."""


class InformerClosed(InformerError):
    """The informer was stopped while this call waited on it."""


class CacheSyncError(InformerError):
    """The first sync cannot succeed as things stand.

    ``errors`` maps each informer's name to the error that stops it. The informers go on trying, slowly: wait again
    with ``keep_waiting=True`` if permission or the resource is expected to come.
    """

    def __init__(self, message: str, errors: Mapping[str, InformerError]) -> None:
        super().__init__(message)
        self.errors = dict(errors)


class CacheSyncTimeout(InformerError, TimeoutError):
    """The first sync took longer than the timeout; the message says for each informer how far it got and why.

    ``errors`` maps the name of each informer that is not synced to its last error, or ``None`` if it had none.
    """

    def __init__(self, message: str, errors: Mapping[str, InformerError | None]) -> None:
        super().__init__(message)
        self.errors = dict(errors)


class WaitTimeout(InformerError, TimeoutError):
    """What was waited for did not come in time."""


class SubscriptionLagged(InformerError):
    """A subscription opened with ``overflow="error"`` had more than ``max_pending`` events waiting; it is closed."""


class ObjectRejected(InformerError):
    """A ``strict`` informer met an object that it could not decode, transform or index, and stopped.

    ``key`` and ``resource_version`` say which, as far as known; ``where`` the line that raised, if it was in a function of
    yours; ``__cause__`` is what was raised.
    """

    def __init__(self, key: str, resource_version: str, cause: Exception, where: str = "") -> None:
        at = f" at {where}" if where else ""
        super().__init__(
            f"{key or 'an object without a name'} of version {resource_version or 'unknown'} cannot be taken in "
            f"({type(cause).__name__}{at}), and the informer is strict: mend it, or leave strict out to have it set aside"
        )
        self.key = key
        self.resource_version = resource_version
        self.where = where


class NetworkError(InformerError):
    """No connection to the API server, or it broke."""


class IdleTimeout(NetworkError, TimeoutError):
    """A connection on which nothing came for longer than its deadline: probably half-open."""


class MalformedResponse(InformerError):
    """The response was not what the Kubernetes protocol says; nothing of its body is in the message."""


class APIError(InformerError):
    """The API server answered with a failure.

    Attributes:
        status: the HTTP status, or the ``code`` of the Status object.
        reason: the Status object's machine-readable reason (``"Forbidden"``), or ``""``.
        message: what the server said.
        retry_after: seconds the server asked to wait, or ``None``.
        continue_token: with an expired ``continue`` token, the server's offer to go on inconsistently, or ``""``.
    """

    def __init__(
        self,
        status: int,
        reason: str = "",
        message: str = "",
        *,
        retry_after: float | None = None,
        continue_token: str = "",
    ) -> None:
        what = f"{status} {reason or type(self).__name__}"
        super().__init__(_in_one_line(f"{what}: {message}" if message else what))
        self.status = status
        self.reason = reason
        self.message = message
        self.retry_after = retry_after
        self.continue_token = continue_token


class BadRequest(APIError):
    """400: the request makes no sense to the server, such as a field selector it does not support."""


class Unauthorized(APIError):
    """401: the server does not accept these credentials."""


class Forbidden(APIError):
    """403: the user may not list or watch this."""


class NotFound(APIError):
    """404: the server does not serve this resource, or not in this version."""


class UnknownResource(NotFound, LookupError):
    """No resource of this name is served; the message lists close matches."""


class MethodNotAllowed(APIError):
    """405: the resource cannot be listed or watched."""


class Conflict(APIError):
    """409."""


class ResourceExpired(APIError):
    """410: the resource version or continue token is older than the server's history."""


class Invalid(APIError):
    """415 or 422: the server understood but refuses, such as a feature it does not have."""


class TooManyRequests(APIError):
    """429: the server asks for patience."""


class ServerError(APIError):
    """5xx, from the server or from something in front of it."""


class ResourceVersionTooLarge(ServerError):
    """The version asked for is newer than what this server has seen (a lagging replica, or a restored etcd)."""


def _in_one_line(text: str) -> str:
    """The text without line breaks and control characters, with which a server could write log lines of its own."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


_BY_STATUS: dict[int, type[APIError]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    405: MethodNotAllowed,
    409: Conflict,
    410: ResourceExpired,
    415: Invalid,
    422: Invalid,
    429: TooManyRequests,
}
_SERVER_ERRORS = 500
_BY_REASON: dict[str, type[APIError]] = {"Expired": ResourceExpired, "Gone": ResourceExpired}
# before causes were typed, two wordings were the only sign: kubernetes/kubernetes#91073 and #72170
_TOO_LARGE_MESSAGES = ("Too large resource version", "Timeout: Too large resource version")


def api_error(
    status: int,
    reason: str = "",
    message: str = "",
    *,
    retry_after: float | None = None,
    causes: Iterable[str] = (),
    continue_token: str = "",
) -> APIError:
    """The member of the tree for what a server answered; ``causes`` are the reasons of ``details.causes``."""
    if "ResourceVersionTooLarge" in causes or message.startswith(_TOO_LARGE_MESSAGES):
        kind: type[APIError] = ResourceVersionTooLarge
    else:
        kind = (
            _BY_REASON.get(reason) or _BY_STATUS.get(status) or (ServerError if status >= _SERVER_ERRORS else APIError)
        )
    return kind(status, reason, message, retry_after=retry_after, continue_token=continue_token)
