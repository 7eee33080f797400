"""Hours of the day as ``HH:MM-HH:MM``, which may go past midnight."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema


@dataclass(frozen=True)
class Hours:
    """From ``start`` until just before ``end``, every day."""

    start: time
    end: time

    @classmethod
    def parse(cls, text: str) -> Hours:
        """Raises ValueError that says what to write."""
        try:
            start, end = (datetime.strptime(part.strip(), "%H:%M").time() for part in text.split("-"))
        except ValueError:
            raise ValueError("write hours as 22:00-07:00") from None
        if start == end:
            raise ValueError("these hours are none, or all of the day: write hours as 22:00-07:00")
        return cls(start, end)

    def __contains__(self, moment: time) -> bool:
        if self.start < self.end:
            return self.start <= moment < self.end
        return moment >= self.start or moment < self.end

    def __str__(self) -> str:
        return f"{self.start:%H:%M}-{self.end:%H:%M}"


def _parsed(value: object) -> object:
    return Hours.parse(value) if isinstance(value, str) else value


QuietHours = Annotated[Hours, BeforeValidator(_parsed), PlainSerializer(str, return_type=str), WithJsonSchema({"type": "string"})]
"""In the settings: written, and kept in JSON, as text."""
