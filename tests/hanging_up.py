"""Leaving a response that goes on: aiohttp alone would say goodbye over TLS, and the test's loop not live to see an answer."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator

    import aiohttp

__all__ = ["hanging_up"]


@contextmanager
def hanging_up(response: aiohttp.ClientResponse) -> Generator[None]:
    """Break the connection of a response at the end, unless it was read to its own."""
    try:
        yield
    finally:
        connection = response.connection
        if connection is not None and connection.transport is not None:
            connection.transport.abort()
