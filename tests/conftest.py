"""What several test files need."""

from __future__ import annotations

import asyncio

from hypothesis import settings

# the same examples on every run, and no verdict by the clock of a busy machine
settings.register_profile("deterministic", deadline=None, derandomize=True, database=None)
settings.load_profile("deterministic")

# looptime asks the policy for its loop in synchronous tests too; before Python 3.14 that makes one that nobody closes
asyncio.set_event_loop(None)
