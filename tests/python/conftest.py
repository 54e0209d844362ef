"""Fixtures that several of these files share."""

from __future__ import annotations

from tests.python.logging_bridge import bridge

__all__ = ["bridge"]
