"""Bearer tokens and their end."""

from __future__ import annotations

import pytest

from aioinformer.testing.faults import Target
from aioinformer.testing.requests import Request
from aioinformer.testing.statuses import UnauthorizedError
from aioinformer.testing.tokens import Tokens

ME = Request("GET", "/", "get", user_agent="me/1")
YOU = Request("GET", "/", "get", user_agent="you/1")


def passes(tokens: Tokens, authorization: str, request: Request = ME) -> bool:
    try:
        tokens.check(request, authorization)
    except UnauthorizedError:
        return False
    return True


def make(first: str | None) -> tuple[Tokens, list[str]]:
    renewed: list[str] = []
    return Tokens(first, renewed.append), renewed


@pytest.mark.parametrize("authorization", ["", "secret", "Bearer wrong", "Bearer secret2", "Bearer sécret"])
def test_only_the_token_lets_in(authorization: str) -> None:
    tokens, _ = make("secret")
    assert passes(tokens, "Bearer secret")
    assert not passes(tokens, authorization)


@pytest.mark.parametrize("authorization", ["", "Bearer anything"])
def test_without_a_token_anybody_may_come_in_until_it_expires(authorization: str) -> None:
    tokens, renewed = make(None)
    assert passes(tokens, authorization)
    tokens.expire(Target())
    assert not passes(tokens, authorization)
    assert passes(tokens, f"Bearer {renewed[0]}")


def test_the_latest_token_alone_is_good_for_those_whose_tokens_have_expired() -> None:
    tokens, renewed = make("secret")
    tokens.expire(Target(client="me"))
    tokens.expire(Target(client="me"))
    first, second = renewed
    assert tokens.authorization == f"Bearer {second}"
    assert [passes(tokens, f"Bearer {token}") for token in ("secret", first, second)] == [False, False, True]
    assert [passes(tokens, f"Bearer {token}", YOU) for token in ("secret", first, second)] == [True, True, True]


def test_it_is_known_which_tokens_were_tried_in_vain() -> None:
    tokens, _ = make("secret")
    tokens.expire(Target())
    assert not tokens.was_refused("Bearer secret")
    passes(tokens, "Bearer secret")
    assert tokens.was_refused("Bearer secret")
    assert not tokens.was_refused(tokens.authorization)
