"""Faults that answer requests instead of the server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

from aiohttp import web

from aioinformer.testing import answers
from aioinformer.testing.faults import Fault
from aioinformer.testing.statuses import ApiServerError, BadRequestError, ForbiddenError, GroupResource, InvalidError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from aioinformer.testing.requests import Request

__all__ = ["AnswerFields", "Refusal", "Revoked", "Scripted", "StreamingRejected", "dictated"]

_LIST_OPTIONS = GroupResource("meta.k8s.io", "ListOptions")
_NO_GATE = "sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled"


class AnswerFields(TypedDict, total=False):
    """What a dictated answer says besides its code.

    ``reason`` and ``message`` go into its Status; or ``body`` is sent as it is, as ``content_type``. ``retry_after`` is whole seconds,
    which a Status repeats, or text for the header alone, such as an HTTP date.
    """

    reason: str
    message: str
    retry_after: int | str
    body: bytes
    content_type: str


def dictated(status: int, fields: AnswerFields) -> web.Response:
    """An answer in a test's words.

    Raises:
        ValueError: there is no such code, or both a body and words for a Status.
    """
    if "body" in fields:
        if "reason" in fields or "message" in fields:
            raise ValueError("a body is sent as it is: it takes no reason or message")
        kind = fields.get("content_type", "text/plain")
        response = web.Response(body=fields["body"], status=status, content_type=kind)
    else:
        seconds = fields.get("retry_after")
        details = {"retryAfterSeconds": seconds} if isinstance(seconds, int) else None
        error = ApiServerError(status, fields.get("reason"), fields.get("message"), details=details)
        response = answers.error(error)
    if "retry_after" in fields:
        response.headers["Retry-After"] = str(fields["retry_after"])
    return response


@dataclass(eq=False)
class Refusal(Fault):
    """What all of them are."""

    def answer(self, request: Request) -> web.Response | None:
        """The answer to a request that it covers; ``None`` to have it served."""
        raise NotImplementedError


@dataclass(eq=False)
class Scripted(Refusal):
    """Gives the next ``left`` requests, of certain verbs or of any, an answer made anew for each; ``None`` has no end."""

    make: Callable[[], web.Response]
    left: int | None = None
    verbs: Collection[str] = ()

    def __post_init__(self) -> None:
        if self.left is not None and self.left < 1:
            raise ValueError("times has to be at least 1, or None for until healed")

    def answer(self, request: Request) -> web.Response | None:
        """The answer, counted; the last one ends the fault."""
        if self.verbs and request.verb not in self.verbs:
            return None
        if self.left is not None:
            self.left -= 1
            if self.left == 0:
                self.heal()
        return self.make()


@dataclass(eq=False)
class Revoked(Refusal):
    """Denies resources with the words of RBAC."""

    user: str

    def answer(self, request: Request) -> web.Response | None:
        """403, unless the request is for no resource."""
        gvr = request.resource
        if gvr is None:
            return None
        plural = f"{gvr.resource}/{request.subresource}" if request.subresource else gvr.resource
        scope = f'in the namespace "{request.namespace}"' if request.namespace else "at the cluster scope"
        why = f'User "{self.user}" cannot {request.verb} resource "{plural}" in API group "{gvr.group}" {scope}'
        return answers.error(ForbiddenError(GroupResource(gvr.group, gvr.resource), request.name, why))


@dataclass(eq=False)
class StreamingRejected(Refusal):
    """Refuses watches that ask for initial events by 422, 400 or 405; ``None``: they are served as if they had not asked."""

    status: int | None

    def __post_init__(self) -> None:
        if self.status not in (None, 400, 405, 422):
            raise ValueError(f"streaming lists are refused by 422, 400 or 405, not {self.status}")

    def answer(self, request: Request) -> web.Response | None:
        """The refusal, for a watch with ``sendInitialEvents``."""
        gvr = request.resource
        if self.status is None or gvr is None or request.verb != "watch" or "sendInitialEvents" not in request.query:
            return None
        if self.status == 405:  # noqa: PLR2004 - one of the three
            resource = GroupResource(gvr.group, gvr.resource)
            message = f'watch is not supported on resources of kind "{resource}"'
            return answers.error(ApiServerError(405, message=message, details=resource.details()))
        if self.status == 400:  # noqa: PLR2004 - one of the three
            return answers.error(BadRequestError("sendInitialEvents is not supported"))
        message = f"Forbidden: {_NO_GATE}"
        error = InvalidError(_LIST_OPTIONS, "", "sendInitialEvents", message, cause="FieldValueForbidden")
        return answers.error(error)
