"""Fixtures for what becomes of a treated clip."""

from __future__ import annotations

from deliveries import clip_bytes, passage

__all__ = ["clip_bytes", "passage"]
