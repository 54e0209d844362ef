"""What both exporters have in common, beside the SDK's interface."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._collector import Collector
from .._lifecycle import get_collector
from .._warnings import warn_once
from ._provider import OfACollector, flushed

# Forebay has its own instance id, and does not pretend to be the SDK.
_OWN = ("service.instance.id", "telemetry.")


class Exporter(OfACollector):
    """What a log and a metric exporter have in common. Neither ever shuts the collector down."""

    def __init__(self, collector: Collector | None = None) -> None:
        super().__init__(collector)
        # The SDK makes one resource, and another one after a fork.
        self._checked: object = None

    def _check_resource(self, resource: Any) -> None:
        """Say once what the SDK's resource says otherwise than the collector's."""
        if resource is self._checked:
            return
        collector = self._given or get_collector()
        if collector is None:
            return
        self._checked = resource
        own = {**collector._resource, "service.name": collector.service_name}
        if missing := _missing(getattr(resource, "attributes", None) or {}, own):
            warn_once(
                f"the resource of OpenTelemetry's SDK has {', '.join(missing)}, and Forebay's has "
                "not, or otherwise; Forebay's holds: forebay.start(resource=...) takes texts, "
                "numbers and booleans"
            )

    def _flushed(self, timeout_millis: float) -> bool:
        return flushed(self._given, timeout_millis / 1000)


def _missing(sdk: Mapping[str, object], own: Mapping[str, object]) -> list[str]:
    return sorted(
        key
        for key, value in sdk.items()
        if not key.startswith(_OWN)
        and own.get(key) != (list(value) if isinstance(value, tuple) else value)
        # The SDK's name for a service that nobody named.
        and not (key == "service.name" and str(value).startswith("unknown_service"))
    )
