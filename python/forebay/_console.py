"""What `forebay.start` shows on the console, beside the destination."""

from __future__ import annotations

import os
import sys

from ._exporters import ConsoleExporter, Exporter, MemoryExporter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    Format = Literal["auto", "pretty", "json", "off"]


def view_beside(
    exporter: Exporter, console: Format | None, *, has_destination: bool
) -> Format | None:
    """What the core is told to show of what the exporter has delivered.

    Args:
        console: As the user gave it.
        has_destination: There is an exporter in code, or an endpoint in the environment.
    """
    if isinstance(exporter, ConsoleExporter):
        return None
    if console != "auto":
        return console
    if isinstance(exporter, MemoryExporter) or _root_logger_speaks():
        return None
    if _is_terminal():
        return "pretty"
    return None if has_destination else "json"


def _is_terminal() -> bool:
    # The core writes to descriptor 2, whatever sys.stderr was made to be.
    try:
        return os.isatty(2)
    except OSError:
        return False


def _root_logger_speaks() -> bool:
    """Whether the root logger already writes to a stream, which a file is not."""
    logging = sys.modules.get("logging")
    if logging is None:
        return False
    return any(
        isinstance(handler, logging.StreamHandler) and not isinstance(handler, logging.FileHandler)
        for handler in logging.getLogger().handlers
    )
