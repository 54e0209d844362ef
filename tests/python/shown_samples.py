"""What `Collector.prometheus_text` shows, as numbers by name."""

from __future__ import annotations

import re

import forebay


def samples(collector: forebay.Collector) -> dict[str, float]:
    """``name{labels}`` -> value, without the labels that every series has."""
    found = {}
    for line in collector.prometheus_text().splitlines():
        if line.startswith(("#", "target_info")):
            continue
        series, _, value = line.rpartition(" ")
        series = re.sub(r'otel_scope_[a-z]+="[^"]*",?', "", series)
        found[series.replace(",}", "}").replace("{}", "")] = float(value)
    return found
