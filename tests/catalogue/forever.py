"""Servers that give the same answer for ever, as HTTP gives it and as the machine is told of it: one table, two views."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from aioinformer.errors import (
    APIError,
    Forbidden,
    Invalid,
    MalformedResponse,
    NetworkError,
    NotFound,
    ResourceExpired,
    ServerError,
    TooManyRequests,
    Unauthorized,
)
from aioinformer.transitions import State
from tests.conformance.middleman import Answer, bookmark, error, refusal
from tests.listwatch.scripted import Conversation

if TYPE_CHECKING:
    from collections.abc import Callable

    from aioinformer.listwatch import InitialList

MINUTE = 60.0
PAGE = b'{"kind":"ConfigMapList","apiVersion":"v1","metadata":{"resourceVersion":"5","continue":"%s"},"items":[]}'


class Reply(NamedTuple):
    """A response, and what the machine makes of it."""

    http: Answer
    says: Callable[[Conversation], object]


class Forever(NamedTuple):
    """What a server answers to each kind of request; ``requests`` is how many it takes over HTTP to be told so."""

    stream: Reply
    list: Reply
    watch: Reply
    initial_list: InitialList = "stream"
    requests: int = 1

    def reply(self, state: State, query: dict[str, str]) -> Reply:
        """What it answers to a request."""
        if state is State.LISTING and "continue" in query:
            return GONE
        return {State.STREAMING: self.stream, State.LISTING: self.list, State.WATCHING: self.watch}[state]


def refused(failure: APIError, **headers: str) -> Reply:
    """An HTTP failure."""
    answer = refusal(failure.status, failure.reason)
    return Reply(Answer(answer.status, answer.body, headers), lambda server: server.fails(failure))


def everywhere(reply: Reply, *, requests: int = 1) -> Forever:
    """The same to whatever is asked."""
    return Forever(reply, reply, reply, requests=requests)


END = bookmark("5", ends="true")
GONE = refused(ResourceExpired(410, "Expired"))
WHOLE = Reply(Answer(200, PAGE % b""), lambda server: server.page("5"))
FIRST_PAGE = Reply(Answer(200, PAGE % b"more"), lambda server: server.page("5", "more"))
STREAM_THEN_GONE = Reply(
    Answer(200, END + error(410, "Expired")),
    lambda server: server.opens().initial_events_end("5").fails(ResourceExpired(410)),
)
STREAM_THEN_END = Reply(Answer(200, END), lambda server: server.opens().initial_events_end("5").ends())
EMPTY = Reply(Answer(200), lambda server: server.opens().ends())
NO_STREAM = refused(Invalid(422, "Invalid"))
HTML = Reply(Answer(200, b"<html>\n", content_type="text/html"), lambda server: server.fails(MalformedResponse()))
NOT_JSON = Reply(Answer(200, b"<html>\n"), lambda server: server.opens().fails(MalformedResponse()))

UNREACHABLE = "refused connections"
"""The one server that cannot be asked how often it was asked."""

SERVERS: dict[str, Forever] = {
    "410 to everything": everywhere(GONE),
    "410 on each watch, after a streamed list": Forever(STREAM_THEN_GONE, WHOLE, GONE),
    "410 on each watch, after a list of pages": Forever(NO_STREAM, WHOLE, GONE, "consistent"),
    "410 on each second page": Forever(NO_STREAM, FIRST_PAGE, GONE, "consistent"),
    "429": everywhere(refused(TooManyRequests(429, "TooManyRequests"))),
    "429, Retry-After: 1": everywhere(
        refused(TooManyRequests(429, "TooManyRequests", retry_after=1), **{"Retry-After": "1"})
    ),
    "429, Retry-After: 10": everywhere(
        refused(TooManyRequests(429, "TooManyRequests", retry_after=10), **{"Retry-After": "10"})
    ),
    "500": everywhere(refused(ServerError(500, "InternalError"))),
    "503": everywhere(refused(ServerError(503, "ServiceUnavailable"))),
    "500 on each watch, after a list of pages": Forever(
        NO_STREAM, WHOLE, refused(ServerError(500, "InternalError")), "consistent"
    ),
    "401": everywhere(refused(Unauthorized(401, "Unauthorized"))),
    "401, to a client that refreshes its credentials": everywhere(
        refused(Unauthorized(401, "Unauthorized")), requests=2
    ),
    "403": everywhere(refused(Forbidden(403, "Forbidden"))),
    "404": everywhere(refused(NotFound(404, "NotFound"))),
    "an unknown status on each watch, after a list of pages": Forever(
        NO_STREAM, WHOLE, refused(APIError(418)), "consistent"
    ),
    "garbage: HTML": everywhere(HTML),
    "garbage: no JSON, called JSON": everywhere(NOT_JSON),
    "a clean end at once, after a streamed list": Forever(STREAM_THEN_END, WHOLE, EMPTY),
    "a clean end at once, after a list of pages": Forever(NO_STREAM, WHOLE, EMPTY, "consistent"),
    UNREACHABLE: everywhere(Reply(Answer(0), lambda server: server.fails(NetworkError()))),
}


def asked_at(server: Forever, dice: Random, seconds: float) -> list[float]:
    """When the machine sends its requests, from the first at 0 on: waiting is all that takes time."""
    conversation = Conversation(initial_list=server.initial_list, random=dice)
    begin = conversation.now
    moments: list[float] = []
    while (moment := conversation.now - begin) < seconds:
        moments += [moment] * server.requests
        request = conversation.asked[-1]
        server.reply(request.state, request.query).says(conversation)
    return moments


class Rates(NamedTuple):
    """Requests in a minute: of one informer, of 200 in all, and in the busiest second of those 200."""

    one_first: int
    one_tenth: int
    all_first: int
    all_tenth: int
    busiest_second: int


def rates(server: Forever, informers: int = 200) -> Rates:
    """What so many independent informers, the first of them singled out, ask in their first and their tenth minute."""
    asked = [asked_at(server, Random(seed), 10 * MINUTE) for seed in range(informers)]
    minutes = Counter(int(moment // MINUTE) for moments in asked for moment in moments)
    seconds = Counter(int(moment) for moments in asked for moment in moments if moment >= 9 * MINUTE)
    one = Counter(int(moment // MINUTE) for moment in asked[0])
    return Rates(one[0], one[9], minutes[0], minutes[9], max(seconds.values()))
