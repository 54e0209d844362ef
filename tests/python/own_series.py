"""What Forebay reports of itself, read from the text for Prometheus."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client.parser import text_string_to_metric_families

import forebay

Labels = tuple[tuple[str, str], ...]
ENTERING = {"emitted", "internal", "recovered"}


class OwnSeries:
    """One scrape: every series of the meter ``forebay``, by name and labels."""

    def __init__(self, collector: forebay.Collector) -> None:
        self.values: dict[str, dict[Labels, float]] = {}
        for family in text_string_to_metric_families(collector.prometheus_text()):
            for sample in family.samples:
                if sample.labels.get("otel_scope_name") != "forebay":
                    continue
                labels = tuple(
                    sorted(pair for pair in sample.labels.items() if "otel_scope" not in pair[0])
                )
                series = self.values.setdefault(sample.name, {})
                assert labels not in series, (sample.name, labels)
                series[labels] = sample.value

    @property
    def names(self) -> set[str]:
        """Of samples: with ``_total``, ``_count`` and the like."""
        return set(self.values)

    def one(self, name: str, **labels: str) -> float:
        """The value of the series with just these labels; 0 where there is none."""
        return self.values.get(name, {}).get(tuple(sorted(labels.items())), 0)

    def sum(self, name: str, **labels: str) -> float:
        """Of all series that have these labels."""
        return sum(
            value
            for series, value in self.values.get(name, {}).items()
            if labels.items() <= dict(series).items()
        )

    def states(self, name: str, **labels: str) -> Mapping[str, float]:
        """Sums by state, and by state and reason (``dropped.queue_full_newest``)."""
        found: dict[str, float] = {}
        for series, value in self.values.get(name, {}).items():
            have = dict(series)
            if labels.items() <= have.items():
                state = have["forebay_state"]
                found[state] = found.get(state, 0) + value
                if "forebay_reason" in have:
                    reason = f"{state}.{have['forebay_reason']}"
                    found[reason] = found.get(reason, 0) + value
        return found

    @property
    def difference(self) -> float:
        """What the rule ForebayLedgerUnbalanced looks at: 0, or there is a bug."""
        states = {
            s: n for s, n in self.states("forebay_ledger_records_total").items() if "." not in s
        }
        entered = sum(n for state, n in states.items() if state in ENTERING)
        return 2 * entered - sum(states.values()) - self.sum("forebay_lane_held")
