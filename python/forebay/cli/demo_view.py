"""How the demonstration shows a running collector: a live table, or a line a second."""

from __future__ import annotations

import importlib.util
import os
import sys
import tempfile
import time
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .. import Stats


_NUMBERS = (" queue", "backlog", " emit/s", "  out/s", "delivered")


def losses(counts: Any) -> dict[str, int]:
    """What was lost, by name and reason; zeros left out."""
    result: dict[str, int] = {}
    for group in ("refused", "dropped", "rejected"):
        for reason, n in getattr(counts, f"{group}_by_reason").items():
            if n:
                result[f"{group}.{reason}"] = n
    for name in ("expired", "unknown"):
        if n := getattr(counts, name):
            result[name] = n
    return result


class Rates:
    """Emitted and delivered a second, between two looks."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[int, int]] = {}
        self._at = time.monotonic()

    def of(self, stats: Stats) -> dict[str, tuple[float, float]]:
        """Since the last call, for each lane."""
        now = time.monotonic()
        elapsed = max(now - self._at, 1e-3)
        self._at = now
        result = {}
        for name, lane in stats.lanes.items():
            emitted, delivered = self._last.get(name, (lane.emitted, lane.delivered))
            result[name] = (
                (lane.emitted - emitted) / elapsed,
                (lane.delivered - delivered) / elapsed,
            )
            self._last[name] = (lane.emitted, lane.delivered)
        return result


class PlainView:
    """A line a second for each lane, for pipes and for terminals without rich."""

    def __init__(self, policies: Mapping[str, str]) -> None:
        self._policies = policies
        self._rates = Rates()
        self._next = 0.0
        self._begun = time.monotonic()

    def __enter__(self) -> PlainView:
        print("    t  lane      policy        in queue   held  emit/s  deliv/s  lost")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        pass

    def show(self, stats: Stats, state: str) -> None:
        """Print, if a second has gone by."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + 1.0
        rates = self._rates.of(stats)
        for name, lane in stats.lanes.items():
            emitted, delivered = rates[name]
            lost = " ".join(f"{reason}={n}" for reason, n in losses(lane).items()) or "-"
            print(
                f"{now - self._begun:4.0f}s  {name:<9} {self._policies.get(name, ''):<13}"
                f"{lane.held_by_place.get('in_queue', 0):>9} {lane.held:>6} {emitted:>7.0f}"
                f" {delivered:>8.0f}  {lost}"
            )
        print(f"       {state}", flush=True)


class RichView:
    """A table that changes in place."""

    def __init__(self, policies: Mapping[str, str]) -> None:
        from rich.live import Live

        self._policies = policies
        self._rates = Rates()
        self._live = Live(auto_refresh=False, transient=False)

    def __enter__(self) -> RichView:
        # What the core writes to standard error (a lane begins to lose) would tear the table: it is
        # shown below it, at the end.
        sys.stderr.flush()
        self._stderr = os.dup(2)
        self._kept = tempfile.TemporaryFile()
        os.dup2(self._kept.fileno(), 2)
        self._live.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._live.__exit__(kind, value, traceback)
        sys.stderr.flush()
        os.dup2(self._stderr, 2)
        os.close(self._stderr)
        with self._kept:
            self._kept.seek(0)
            os.write(2, self._kept.read())

    def show(self, stats: Stats, state: str) -> None:
        """Draw the table anew."""
        from rich import box
        from rich.table import Table

        # Narrow enough for 80 columns: the policy stands below the lane's name.
        table = Table(caption=state, box=box.SIMPLE, padding=0)
        table.add_column("lane", no_wrap=True, min_width=11)
        for heading in _NUMBERS:
            table.add_column(heading, justify="right", no_wrap=True)
        table.add_column("lost, by reason", no_wrap=True, min_width=24)
        rates = self._rates.of(stats)
        for name, lane in stats.lanes.items():
            emitted, delivered = rates[name]
            places = lane.held_by_place
            lost = "\n".join(
                f"{n:,} {reason.removeprefix('dropped.')}" for reason, n in losses(lane).items()
            )
            table.add_row(
                f"{name}\n[dim]{self._policies.get(name, '')}[/dim]",
                f"{places.get('in_queue', 0):,}",
                f"{lane.held - places.get('in_queue', 0):,}",
                f"{emitted:,.0f}",
                f"{delivered:,.0f}",
                f"{lane.delivered:,}",
                f"[yellow]{lost}[/yellow]" if lost else "[dim]-[/dim]",
            )
        self._live.update(table, refresh=True)


def choose_view(policies: Mapping[str, str], *, plain: bool) -> PlainView | RichView:
    """The live table on a terminal where rich is installed, else plain lines."""
    if plain or not sys.stdout.isatty():
        return PlainView(policies)
    if importlib.util.find_spec("rich") is None:
        print("for a live table: python -m pip install 'forebay[cli]'")
        return PlainView(policies)
    return RichView(policies)
