"""The loggers of a collector, by name."""

from __future__ import annotations

from collections.abc import Mapping

from . import _core
from ._errors import OptionError
from ._levels import level_number
from ._validation import text
from ._warnings import warn_once


class LoggerCache:
    """The loggers of one collector, or of the process default: same name, same logger."""

    def __init__(self, collector: _core.Collector | None) -> None:
        self._collector = collector
        self._loggers: dict[str, tuple[_core.Logger, tuple[object, ...]]] = {}

    def get(
        self,
        name: str,
        version: str | None,
        level: int | str,
        attributes: Mapping[str, object] | None,
    ) -> _core.Logger:
        """The logger of that name. Where settings differ from the first call's, those hold."""
        text("name", name)
        number = level_number(level, "level")
        pairs = _scope_attributes(attributes)
        settings = (version, number, pairs)
        found = self._loggers.get(name)
        if found is None:
            if version is not None:
                text("version", version)
            made = _core.get_logger(self._collector, name, version, number, list(pairs) or None)
            # setdefault: of two threads that come here at once, both get the same.
            found = self._loggers.setdefault(name, (made, settings))
        if found[1] != settings:
            warn_once(
                f"logger {name!r} has been made with another version, level or attributes; "
                "the first hold"
            )
        return found[0]


def _scope_attributes(attributes: Mapping[str, object] | None) -> tuple[tuple[str, object], ...]:
    if attributes is None:
        return ()
    if not isinstance(attributes, Mapping):
        raise OptionError(f"attributes: {attributes!r} is not a mapping")
    for key in attributes:
        text("attributes", key)
    return tuple(attributes.items())
