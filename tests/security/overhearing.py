"""Everything that a log, an exception or a representation says, for a search for what none of them may say."""

from __future__ import annotations

import asyncio
import logging
import traceback
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["Overheard", "said_by", "spilt"]


class Overheard(logging.Handler):
    """Keeps what any logger says, at any level. ``attempt_over`` is set when an informer has said what comes next."""

    def __init__(self) -> None:
        super().__init__(logging.NOTSET)
        self.lines: list[str] = []
        self.attempt_over = asyncio.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.lines += [f"{record.name}: {record.getMessage()}", repr(record.args)]
        if record.exc_info is not None and record.exc_info[1] is not None:
            self.lines += said_by(record.exc_info[1])
        if record.name.startswith("aioinformer") and "next: " in record.getMessage():
            self.attempt_over.set()


def said_by(error: BaseException) -> Iterator[str]:
    """What an exception says in every way there is, and those it was chained to."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        each = waiting.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        yield from (str(each), repr(each), repr(each.args), repr(vars(each)))
        yield from traceback.format_exception(each)
        waiting += [each.__cause__, each.__context__, *getattr(each, "exceptions", ())]
        waiting += [held for held in vars(each).values() if isinstance(held, BaseException)]


def spilt(texts: Iterable[str], secrets: Iterable[str]) -> list[str]:
    """The texts that hold one of the secrets."""
    kept = tuple(secrets)
    assert all(kept)
    return [text for text in texts if any(secret in text for secret in kept)]
