"""OpenMetrics as Forebay's core writes it: read, and written again in either format.

Not a reader of anybody's OpenMetrics: it counts on what the core promises. Labels come in one order
in every process, ``le`` is the last of them, and a line has neither a timestamp nor an exemplar. So
a series is known by the text of its labels, which is never taken apart but where a label is added.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction

# What a sample's name has after the family's, and the bound of a bucket ("" where it is none).
Sample = tuple[str, str]
# Its value, as numbers that are to be added up: what several processes counted.
Addends = list[int | float]
# A series' labels, and the bounds of its buckets.
SeriesKey = tuple[str, tuple[str, ...]]

_MOST_EXACT = 2**53  # beyond, not every integer is a float
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)",?')


@dataclass
class Family:
    """The series of one name."""

    # As OpenMetrics has it: a counter's without ``_total``.
    name: str
    # "counter", "gauge", "histogram" or "info".
    type: str
    unit: str = ""
    # Escaped as in OpenMetrics.
    help: str = ""
    series: dict[SeriesKey, dict[Sample, Addends]] = field(default_factory=dict)


def parse(text: str) -> list[Family]:
    """The families of an exposition that the core wrote.

    Raises:
        ValueError: it is not one, or its end is missing.
    """
    if not text.endswith("# EOF\n"):
        raise ValueError("it has no end")
    families: list[Family] = []
    by_labels: dict[str, dict[Sample, Addends]] = {}
    # Not splitlines(): a label's value may have what it takes for the end of a line.
    for line in text.split("\n")[:-2]:
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            _take_series(families, by_labels)
            by_labels = {}
            families.append(Family(name, kind))
        elif line.startswith("# UNIT "):
            families[-1].unit = line.split(" ", 3)[3]
        elif line.startswith("# HELP "):
            families[-1].help = line.split(" ", 3)[3]
        elif not line.startswith("#"):
            labels, sample, value = _sample(line, families[-1].name)
            by_labels.setdefault(labels, {})[sample] = [value]
    _take_series(families, by_labels)
    return families


def _take_series(families: list[Family], by_labels: dict[str, dict[Sample, Addends]]) -> None:
    if families:
        families[-1].series = {
            (labels, bounds_of(samples)): samples for labels, samples in by_labels.items()
        }


def bounds_of(samples: Iterable[Sample]) -> tuple[str, ...]:
    """The bounds of a histogram's buckets; of anything else none."""
    return tuple(bound for suffix, bound in samples if suffix == "_bucket")


def _sample(line: str, family: str) -> tuple[str, Sample, int | float]:
    head, _, value = line.rpartition(" ")
    name, brace, labels = head.partition("{")
    suffix, bound = name.removeprefix(family), ""
    labels = labels[:-1] if brace else ""
    if suffix == "_bucket":
        labels, _, bound = labels.rpartition('le="')
        labels, bound = labels.removesuffix(","), bound[:-1]
    return labels, (suffix, bound), number(value)


def number(text: str) -> int | float:
    """A sample's value: what looks like an integer is one, however large."""
    return int(text) if text.lstrip("-").isdigit() else float(text)


def total(addends: Addends) -> int | float:
    """The sum, rounded once.

    So it depends neither on the order nor on what was added up before (`compact`): a sum of
    counters that differed in its last digit would look to a server as if a counter had begun anew.
    """
    if len(addends) == 1:
        return addends[0]
    if all(isinstance(each, int) for each in addends):
        return sum(addends)
    try:
        # fsum rounds an integer first that a float does not hold.
        if any(isinstance(each, int) and abs(each) > _MOST_EXACT for each in addends):
            return float(sum(map(Fraction, addends), Fraction()))
        return math.fsum(addends)
    except (OverflowError, ValueError):  # beyond the largest number, or infinities of both signs
        return sum(addends)


def compact(addends: Addends) -> Addends:
    """A few numbers with exactly the same sum."""
    whole = sum(each for each in addends if isinstance(each, int))
    parts = [each for each in addends if isinstance(each, float)]
    if not all(map(math.isfinite, parts)):
        return [whole, sum(parts)]
    exact = sum(map(Fraction, parts), Fraction())
    result: Addends = [whole] if whole or not exact else []
    if parts and not exact:
        result.append(0.0)  # the sum is a float, whatever it comes to
    while exact:
        try:
            nearest = float(exact)
        except OverflowError:
            return [math.inf if exact > 0 else -math.inf]
        result.append(nearest)
        exact -= Fraction(nearest)
    return result


def with_label(labels: str, name: str, value: str) -> str:
    """The labels and one more. An attribute's of that name becomes ``exported_<name>``.

    Args:
        value: Has nothing that would have to be escaped.
    """
    if f'{name}="' in labels:
        taken = [(key, text) for key, text in split(labels)]
        names = {key for key, _ in taken}
        other = f"exported_{name}"
        while other in names:
            other = f"exported_{other}"
        labels = ",".join(f'{other if key == name else key}="{text}"' for key, text in taken)
    return f'{labels},{name}="{value}"' if labels else f'{name}="{value}"'


def split(labels: str) -> Iterator[tuple[str, str]]:
    """Each label's name and its value, which is escaped."""
    return ((found[1], found[2]) for found in _LABEL.finditer(labels))


def render(families: Iterable[Family], notes: Iterable[str], *, openmetrics: bool) -> str:
    """The text of an exposition.

    Args:
        notes: What is left out of it, and why: comments, which OpenMetrics does not allow.
        openmetrics: OpenMetrics 1.0, instead of the text format 0.0.4.
    """
    lines: list[str] = []
    for family in families:
        if family.series:
            lines += _metadata(family, openmetrics=openmetrics)
            for (labels, _), samples in family.series.items():
                lines += _lines(family, labels, samples, openmetrics=openmetrics)
    if openmetrics:
        lines.append("# EOF")
    else:
        lines += [f"# forebay: {note}" for note in notes]
    return "".join(f"{line}\n" for line in lines)


def _metadata(family: Family, *, openmetrics: bool) -> list[str]:
    if openmetrics:
        lines = [f"# TYPE {family.name} {family.type}"]
        lines += [f"# UNIT {family.name} {family.unit}"] if family.unit else []
        return lines + ([f"# HELP {family.name} {family.help}"] if family.help else [])
    # The text format's names have the samples' suffix, and it has no infos.
    name = family.name + {"counter": "_total", "info": "_info"}.get(family.type, "")
    kind = "gauge" if family.type == "info" else family.type
    # Its texts escape no quotation marks; a backslash before one must not be taken for its.
    text = re.sub(r'\\(["\\n])', lambda m: m[1] if m[1] == '"' else m[0], family.help)
    return [*([f"# HELP {name} {text}"] if text else []), f"# TYPE {name} {kind}"]


def _lines(
    family: Family, labels: str, samples: dict[Sample, Addends], *, openmetrics: bool
) -> Iterator[str]:
    whole = {sample: total(addends) for sample, addends in samples.items()}
    if not openmetrics:
        whole.pop(("_created", ""), None)
        # OpenMetrics forbids the count where a sum may fall; the text format must have it.
        infinite = whole.get(("_bucket", "+Inf"))
        if family.type == "histogram" and infinite is not None:
            whole.setdefault(("_count", ""), infinite)
    for (suffix, bound), value in whole.items():
        all_labels = labels
        if suffix == "_bucket":
            all_labels += f'{"," if labels else ""}le="{bound}"'
        braces = f"{{{all_labels}}}" if all_labels else ""
        yield f"{family.name}{suffix}{braces} {_value_text(value)}"


def _value_text(value: int | float) -> str:
    if isinstance(value, int) or math.isfinite(value):
        return repr(value)
    return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
