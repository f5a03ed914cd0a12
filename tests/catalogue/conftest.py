"""These tests run on a loop whose time is virtual, over real sockets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aioinformer.testing.virtual_time import VirtualTimeLoop

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable

    import pytest


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> dict[str, Callable[[], AbstractEventLoop]]:
    """Minutes pass in milliseconds."""
    return {"virtual": VirtualTimeLoop}
