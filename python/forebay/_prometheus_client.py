"""Forebay's series as a collector of prometheus_client's, which is imported when it is asked."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ._collector import Collector
from ._warnings import warn_once

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from prometheus_client.metrics_core import Metric


class ForebayCollector:
    """What `forebay.prometheus.register` registers.

    Args:
        collector, directory: As for `forebay.prometheus.text`.
        registry: Where names of ours that are another collector's are left out, with one warning:
            two families of one name are no exposition. None: they are not looked at.
    """

    def __init__(
        self,
        collector: Collector | None = None,
        *,
        registry: CollectorRegistry | None = None,
        directory: str | os.PathLike[str] | None = None,
    ) -> None:
        self._collector = collector
        self._registry = registry
        self._directory = directory

    def describe(self) -> list[Metric]:
        """Nothing: instruments are made later. So registering collects nothing, either."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Each family as it stands."""
        from prometheus_client.openmetrics import parser

        from .prometheus import text

        read: Any = parser.text_string_to_metric_families  # it has no types
        shown = text(self._collector, openmetrics=True, directory=self._directory)
        taken = self._names_of_others()
        for family in read(shown):
            names = {family.name, *(sample.name for sample in family.samples)}
            clash = sorted(names & taken)
            if clash:
                warn_once(
                    f"{family.type} {family.name!r} of Forebay is left out of a prometheus_client "
                    f"registry: another collector there has {clash[0]!r}"
                )
            else:
                yield family

    def _names_of_others(self) -> set[str]:
        # There is no public way to ask; without this one nothing is left out.
        owners = getattr(self._registry, "_names_to_collectors", {})
        return {name for name, owner in list(owners.items()) if owner is not self}
