"""What an ``Accept`` header asks for (RFC 9110, section 12.5.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["MediaRange", "parse_accept"]


class MediaRange(NamedTuple):
    """One alternative: ``application/json`` and its parameters, such as ``as=Table``."""

    media_type: str
    parameters: Mapping[str, str]

    @property
    def takes_json(self) -> bool:
        """Whether JSON would do."""
        return self.media_type in ("application/json", "application/*", "*/*")


def parse_accept(header: str) -> list[MediaRange]:
    """The alternatives, the most wanted first. No header means anything goes."""
    ranges = [_media_range(part) for part in (header or "*/*").split(",")]
    return sorted(ranges, key=_quality, reverse=True)


def _media_range(text: str) -> MediaRange:
    media_type, *parameters = (part.strip() for part in text.split(";"))
    pairs = (parameter.partition("=") for parameter in parameters)
    return MediaRange(media_type, {name: value for name, _, value in pairs})


def _quality(media_range: MediaRange) -> float:
    try:
        return float(media_range.parameters.get("q", "1"))
    except ValueError:
        return 1.0
