from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from tests.security.certificates import Certificates, made_in
from tests.security.overhearing import Overheard

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return made_in(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
async def overheard() -> AsyncGenerator[Overheard]:
    """Hears every logger there is at DEBUG: ours, aiohttp's, asyncio's, kubernetes_asyncio's, whatever."""
    handler = Overheard()
    root = logging.getLogger()
    loggers = [root, *(each for each in root.manager.loggerDict.values() if isinstance(each, logging.Logger))]
    levels = [(each, each.level, each.disabled) for each in loggers]
    for each in loggers:
        each.setLevel(logging.DEBUG)
        each.disabled = False
    root.addHandler(handler)
    yield handler
    root.removeHandler(handler)
    for each, level, disabled in levels:
        each.setLevel(level)
        each.disabled = disabled
