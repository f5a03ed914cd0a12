"""What counts as a function where a caller gives one: it answers at once."""

from __future__ import annotations

from inspect import iscoroutinefunction

__all__ = ["is_function"]


def is_function(value: object) -> bool:
    """Whether it can be called and answers at once: what an ``async def`` returns is true whatever comes of it."""
    return callable(value) and not iscoroutinefunction(value) and not iscoroutinefunction(value.__call__)
