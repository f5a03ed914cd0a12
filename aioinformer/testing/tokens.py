"""The bearer tokens a server has handed out, and which of them it still takes."""

from __future__ import annotations

from hmac import compare_digest
from typing import TYPE_CHECKING

from aioinformer.testing.statuses import UnauthorizedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from aioinformer.testing.faults import Target
    from aioinformer.testing.requests import Request

__all__ = ["Tokens"]


class Tokens:
    """Tokens expire for some requests or for all; ``renewed`` is told the new one. With no first token anybody may come in."""

    def __init__(self, first: str | None, renewed: Callable[[str], None]) -> None:
        self._issued = [first]
        self._expiries: list[tuple[Target, int]] = []
        self._refused: set[str] = set()
        self._renewed = renewed

    @property
    def authorization(self) -> str:
        """The header of one who has the latest token."""
        return _header(self._issued[-1])

    def expire(self, target: Target) -> None:
        """Take none of those handed out so far from the meant requests, and hand out another."""
        self._expiries.append((target, len(self._issued)))
        token = f"{self._issued[0] or 'token'}-{len(self._issued)}"
        self._issued.append(token)
        self._renewed(token)

    def check(self, request: Request, authorization: str) -> None:
        """Let a request in by its ``Authorization`` header.

        Raises:
            UnauthorizedError: it bears no token that is valid for it.
        """
        valid_from = max((count for target, count in self._expiries if target.covers(request)), default=0)
        if self._place(authorization) < valid_from:
            self._refused.add(authorization)
            raise UnauthorizedError

    def was_refused(self, authorization: str) -> bool:
        """Whether somebody has tried a header in vain."""
        return authorization in self._refused

    def _place(self, authorization: str) -> int:
        """The place of a token among those handed out; -1 for one that never was."""
        given = authorization.encode()
        known = (place for place, token in enumerate(self._issued) if compare_digest(given, _header(token).encode()))
        return next(known, -1 if self._issued[0] is not None else 0)


def _header(token: str | None) -> str:
    return "" if token is None else f"Bearer {token}"
