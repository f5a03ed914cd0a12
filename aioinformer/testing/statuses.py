"""Everything the server refuses: one exception tree whose members carry the ``Status`` body that HTTP callers get.

ApiServerError
├── BadRequestError        400
├── UnauthorizedError      401
├── ForbiddenError         403
├── NotFoundError          404
├── MethodNotAllowedError  405
├── NotAcceptableError     406
├── NotOneObjectError      406
├── AlreadyExistsError     409
├── ConflictError          409
├── ExpiredError           410
├── UnsupportedMediaError  415
├── InvalidError           422
└── TooLargeVersionError   504
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from aioinformer.testing.encoding import JSON

__all__ = [
    "AlreadyExistsError",
    "ApiServerError",
    "BadRequestError",
    "ConflictError",
    "ExpiredError",
    "ForbiddenError",
    "GroupResource",
    "InvalidError",
    "MethodNotAllowedError",
    "NotAcceptableError",
    "NotFoundError",
    "NotOneObjectError",
    "TooLargeVersionError",
    "UnauthorizedError",
    "UnsupportedMediaError",
    "success",
]

_REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    406: "NotAcceptable",
    409: "Conflict",
    410: "Expired",
    413: "RequestEntityTooLarge",
    415: "UnsupportedMediaType",
    422: "Invalid",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}


class GroupResource(NamedTuple):
    """A resource whatever its version; reads ``pods`` or ``deployments.apps``, as in the server's messages."""

    group: str
    resource: str

    def __str__(self) -> str:
        return f"{self.resource}.{self.group}" if self.group else self.resource

    def details(self, name: str = "") -> JSON:
        """The ``details`` of a Status that is about one object, or about the collection."""
        parts = {"name": name, "group": self.group, "kind": self.resource}
        return {field: value for field, value in parts.items() if value}


class ApiServerError(Exception):
    """The server says no. ``status`` is the HTTP code, ``reason`` the machine-readable word of the Status.

    ``details`` is the Status's own; ``continue_token`` is set where the server offers a way to go on with a list.
    Without a reason the usual one for the code stands in.
    """

    def __init__(
        self, status: int, reason: str | None = None, message: str | None = None, *, details: JSON | None = None
    ) -> None:
        self.status = status
        self.reason = _REASONS.get(status, "") if reason is None else reason
        self.message = HTTPStatus(status).phrase if message is None else message
        self.details = details
        self.continue_token = ""
        super().__init__(self.message)

    @property
    def retry_after(self) -> int | None:
        """Whole seconds the client is told to wait, if it is told."""
        return (self.details or {}).get("retryAfterSeconds")

    @property
    def body(self) -> JSON:
        """The ``Status`` object that stands for this error on the wire."""
        body: JSON = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {"continue": self.continue_token} if self.continue_token else {},
            "status": "Failure",
            "message": self.message,
        }
        if self.reason:
            body["reason"] = self.reason
        if self.details is not None:
            body["details"] = self.details
        body["code"] = self.status
        return body


class BadRequestError(ApiServerError):
    """The request makes no sense."""

    def __init__(self, message: str) -> None:
        super().__init__(400, message=message)


class UnauthorizedError(ApiServerError):
    """The bearer token is missing or wrong."""

    def __init__(self) -> None:
        super().__init__(401, message="Unauthorized")


class ForbiddenError(ApiServerError):
    """The caller may not do this."""

    def __init__(self, resource: GroupResource, name: str, why: str) -> None:
        subject = f'{resource} "{name}"' if name else str(resource)
        super().__init__(403, message=f"{subject} is forbidden: {why}", details=resource.details(name))


class NotFoundError(ApiServerError):
    """There is no such object; ``resource`` may be ``None`` for a resource that is not served at all."""

    def __init__(self, resource: GroupResource | None, name: str = "") -> None:
        if resource is None:
            super().__init__(404, message="the server could not find the requested resource", details={})
        else:
            super().__init__(404, message=f'{resource} "{name}" not found', details=resource.details(name))


class MethodNotAllowedError(ApiServerError):
    """The resource has no such verb."""

    def __init__(self) -> None:
        super().__init__(405, message="the server does not allow this method on the requested resource", details={})


class NotAcceptableError(ApiServerError):
    """No media type in ``Accept`` can be served."""

    def __init__(self) -> None:
        super().__init__(406, message="406: Not Acceptable\n\nAvailable representations: application/json", details={})


class NotOneObjectError(ApiServerError):
    """A list was asked for in a form that only single objects have."""

    def __init__(self, target: str, list_type: str) -> None:
        super().__init__(406, message=f"you requested {target}, but the requested object is a list ({list_type})")


class AlreadyExistsError(ApiServerError):
    """The name is taken."""

    def __init__(self, resource: GroupResource, name: str) -> None:
        message = f'{resource} "{name}" already exists'
        super().__init__(409, "AlreadyExists", message, details=resource.details(name))


class ConflictError(ApiServerError):
    """A precondition failed: most often a resource version that is no longer the latest."""

    MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"

    def __init__(self, resource: GroupResource, name: str, why: str = MODIFIED) -> None:
        message = f'Operation cannot be fulfilled on {resource} "{name}": {why}'
        super().__init__(409, message=message, details=resource.details(name))


class ExpiredError(ApiServerError):
    """History back to the wanted version has been compacted. A list may be continued inconsistently with the token."""

    def __init__(self, message: str, *, continue_token: str = "") -> None:
        super().__init__(410, message=message)
        self.continue_token = continue_token


class UnsupportedMediaError(ApiServerError):
    """The body has a content type that this request does not take."""

    def __init__(self, *accepted: str) -> None:
        message = "the body of the request was in an unknown format - accepted media types include: " + ", ".join(
            accepted
        )
        super().__init__(
            415, message=message if accepted else "415: Unsupported Media Type", details=None if accepted else {}
        )


class InvalidError(ApiServerError):
    """A field of the object, or of the options, breaks a rule. ``cause`` is the Status cause's type."""

    def __init__(
        self, kind: GroupResource, name: str, field: str, message: str, *, cause: str = "FieldValueInvalid"
    ) -> None:
        details = kind.details(name) | {"causes": [{"reason": cause, "message": message, "field": field}]}
        super().__init__(422, message=f'{kind} "{name}" is invalid: {field}: {message}', details=details)


class TooLargeVersionError(ApiServerError):
    """The wanted version lies in the future, and did not come about while the server waited."""

    def __init__(self, wanted: int, current: int) -> None:
        cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
        super().__init__(
            504,
            message=f"Timeout: Too large resource version: {wanted}, current: {current}",
            details={"causes": [cause], "retryAfterSeconds": 1},
        )


def success(resource: GroupResource, name: str, uid: str) -> JSON:
    """The ``Status`` that answers a delete which took effect at once."""
    details = resource.details(name) | {"uid": uid}
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
