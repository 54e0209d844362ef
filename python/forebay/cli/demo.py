"""``forebay demo``: a service under load, a destination that stalls, and two counts that agree."""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from . import arguments, demo_metrics, need_core, paint
from .demo_load import Load, native_module
from .demo_text import Text, read_text
from .demo_view import choose_view, losses

if TYPE_CHECKING:
    from .. import Audit, Collector, Stats

_DESCRIPTION = """\
Threads of Python, and of native C++ where the example extension is built, report real log text (the
machine's package log, or --input) to an OTLP receiver in another process. In the middle the
receiver stalls, so that each lane does what its policy says: "audit" waits, "urgent" gives up its
oldest records, "normal" turns new ones away. Later one answer is cut off, so that a batch arrives
twice. A counter and a histogram measure the lines. At the end the ledger stands beside the
receiver's own count, and the metrics beside the threads'. 0 if they agree, else 1.
"""

POLICIES = {"audit": "block", "urgent": "drop_oldest", "normal": "drop_newest"}


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "demo",
        help="watch a live collector, a stalling receiver, and a ledger that balances",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--input", metavar="FILE", help="log text of your own")
    parser.add_argument(
        "--seconds",
        type=arguments.duration,
        default=15.0,
        metavar="TIME",
        help="how long the service runs, 2s..1h (default: 15s)",
    )
    parser.add_argument("--plain", action="store_true", help="lines instead of a live table")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the demonstration."""
    need_core()
    if not 2.0 <= args.seconds <= 3600.0:
        print(f"forebay demo: --seconds: {args.seconds} is not in 2..3600", file=sys.stderr)
        return 2
    try:
        text = read_text(args.input)
    except (OSError, ValueError) as error:
        print(f"forebay demo: {args.input}: {error}", file=sys.stderr)
        return 2
    native = native_module()
    kind = "GENERATED text" if text.generated else "real log text"
    print(f"{kind}: {len(text.lines):,} lines of {text.source}")
    if native is None:
        print("without native C++ threads: forebay_example_native is not built")
    else:
        print("with native C++ threads of forebay_example_native")
    with receiver_process() as receiver:
        print(f"receiver: {receiver.endpoint}, in process {receiver.pid}\n", flush=True)
        return _run_against(receiver, args, text, native)


def _run_against(
    receiver: ReceiverProcess, args: argparse.Namespace, text: Text, native: Any
) -> int:
    collector = _collector(receiver.endpoint)
    load = Load(collector, text, native)
    load.start()
    try:
        _watch(collector, receiver, args)
    except KeyboardInterrupt:
        # Ctrl-C ended the receiver, too; this also ends waits for room.
        collector.shutdown(timeout=0.2)
        raise
    finally:
        # The block policy may be waiting for a receiver that stalls.
        with contextlib.suppress(OSError):
            receiver.control({"stall": 0})
        load.stop()
    series = demo_metrics.series_of(collector.prometheus_text())
    collector.shutdown(timeout=15)
    stats, audit = collector.stats(), collector.audit()
    counts = receiver.counts()
    for error in load.errors:
        print(f"forebay demo: a thread failed: {error!r}", file=sys.stderr)
    agree = report(stats, audit, counts, load.emitted, series)
    if not agree and collector.last_error:
        print(f"last error: {collector.last_error}", file=sys.stderr)
    return 0 if agree and not load.errors else 1


def _collector(endpoint: str) -> Collector:
    import forebay

    # Small on purpose: on a real service's defaults, a stall of seconds would not show at all. The
    # backlog is shared out whole, so that no lane lives at the cost of another, and a batch is
    # smaller than any share.
    return forebay.start(
        service_name="forebay-demo",
        console="off",  # the terminal is the table's
        exporter=forebay.OtlpHttpExporter(endpoint, timeout=30),
        lanes=[
            forebay.Lane(
                "audit", logger="demo.audit", queue_records=2048, on_full="block", backlog_share=0.3
            ),
            forebay.Lane(
                "urgent",
                min_level="WARNING",
                queue_records=2048,
                on_full="drop_oldest",
                backlog_share=0.3,
            ),
            forebay.Lane("normal", queue_records=16_384, on_full="drop_newest", backlog_share=0.4),
        ],
        batch=forebay.BatchOptions(max_bytes=64 << 10, max_delay=0.2),
        metrics=forebay.MetricsOptions(interval=1),
        backlog=forebay.BacklogOptions(max_bytes=256 << 10),
        retry=forebay.RetryOptions(initial=0.1, max=1.0),
    )


def _watch(collector: Collector, receiver: ReceiverProcess, args: argparse.Namespace) -> None:
    seconds = args.seconds
    stall_at, stall_for, cut_at = 0.3 * seconds, min(0.3 * seconds, 8.0), 0.8 * seconds
    begun = time.monotonic()
    stalled = cut = False
    with choose_view(POLICIES, plain=args.plain) as view:
        while (elapsed := time.monotonic() - begun) < seconds:
            if not stalled and elapsed >= stall_at:
                receiver.control({"stall": stall_for})
                stalled = True
            if not cut and elapsed >= cut_at:
                receiver.control({"cut": True})
                cut = True
            left = stall_at + stall_for - elapsed
            if stalled and left > 0:
                state = f"the receiver STALLS, {left:.1f} s more"
            elif cut:
                state = "the receiver takes, after it cut one answer off"
            else:
                state = "the receiver takes"
            view.show(collector.stats(), state)
            time.sleep(0.1)


# -- the end ----------------------------------------------------------------------------------


def report(
    stats: Stats,
    audit: Audit,
    counts: dict[str, Any],
    emitted_by_python: dict[str, int],
    series: Mapping[str, float] | None = None,
) -> bool:
    """Print the ledger, and what was measured, beside the receiver's count. True if they agree."""
    style = paint.for_stream(sys.stdout)
    came_twice = counts["records"] - counts["unique_records"]
    print("\nTHE LEDGER                                     THE RECEIVER'S OWN COUNT")
    left = [("emitted", stats.emitted), ("+ internal (gap records)", stats.internal), ("", None)]
    left += [("delivered", stats.delivered)]
    left += list(losses(stats).items())
    left += [(name, getattr(stats, name)) for name in ("sampled_out", "rate_limited", "held")]
    right: list[tuple[str, int | None]] = [
        ("requests", counts["requests"]),
        ("records taken", counts["records"]),
        ("- came twice", came_twice),
        ("unique records", counts["unique_records"]),
    ]
    for row in range(max(len(left), len(right))):
        print(f"{_cell(left, row):<45}  {_cell(right, row)}".rstrip())
    if stats.lanes:
        print("\nBY LANE             emitted    delivered         lost")
        for name, lane in stats.lanes.items():
            print(f"  {name:<12} {lane.emitted:>12,} {lane.delivered:>12,} {lane.lost:>12,}")
    print("\nBY SCOPE, at the receiver                    emitted here")
    for scope, count in sorted(counts["scopes"].items()):
        emitted = emitted_by_python.get(scope)
        language = "C++ or Forebay" if emitted is None else f"Python {emitted:,}"
        print(f"  {scope:<24} {count:>12,}      {language}")
    metrics_agree = demo_metrics.report(series or {}, stats, counts, emitted_by_python)
    if not metrics_agree:
        print(f"{style.bad('NOT BALANCED')}; what was measured differs")
    return _verdict(stats, audit, counts, style) and metrics_agree


def _cell(rows: list[tuple[str, int | None]], index: int) -> str:
    if index >= len(rows):
        return ""
    name, count = rows[index]
    return "" if count is None else f"  {name:<30}{count:>12,}"


def _verdict(stats: Stats, audit: Audit, counts: dict[str, Any], style: paint.Style) -> bool:
    law = stats.difference
    # An attempt without an answer that was given up may or may not have arrived.
    low, high = stats.delivered, stats.delivered + stats.unknown
    arrived = counts["unique_records"]
    receiver_difference = 0 if low <= arrived <= high else arrived - low
    if law == 0 and audit.balanced and receiver_difference == 0:
        between = "" if low == high else f" (up to {stats.unknown} unknown)"
        print(
            f"\n{style.good('balanced')}: {stats.emitted + stats.internal:,} in, every one of them"
            f" under one name; {low:,} delivered, and {arrived:,} arrived{between}"
        )
        return True
    print(f"\n{style.bad('NOT BALANCED')}", end="")
    if law:
        print(f"; the ledger differs by {law:,}", end="")
    if not audit.balanced:
        print(f"; what is inside differs from the ledger by {audit.difference:,}", end="")
    if receiver_difference:
        print(f"; the receiver has {receiver_difference:+,} records against delivered", end="")
    print()
    return False


# -- the receiver's process -------------------------------------------------------------------


class ReceiverProcess:
    """``forebay receive`` in a process of its own."""

    def __init__(self, process: subprocess.Popen[str], endpoint: str) -> None:
        self._process = process
        self.endpoint = endpoint
        self.pid = process.pid

    def control(self, commands: dict[str, Any]) -> dict[str, Any]:
        """Script a fault; gives the counts."""
        return self._request("POST", "/control", json.dumps(commands))

    def counts(self) -> dict[str, Any]:
        """The receiver's own count."""
        return self._request("GET", "/counts", None)

    def _request(self, method: str, path: str, body: str | None) -> dict[str, Any]:
        connection = http.client.HTTPConnection(urlsplit(self.endpoint).netloc, timeout=10)
        try:
            connection.request(method, path, body)
            response = connection.getresponse()
            answer = response.read()
            if response.status != 200:
                raise RuntimeError(f"the receiver answered {response.status} to {path}: {answer!r}")
            result: dict[str, Any] = json.loads(answer)
            return result
        finally:
            connection.close()


@contextlib.contextmanager
def receiver_process() -> Iterator[ReceiverProcess]:
    """Start a receiver on a free port, and end it afterwards."""
    command = [sys.executable, "-m", "forebay", "receive", "--port", "0", "--with-parent"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        first = process.stdout.readline()
        if not first.startswith("listening on "):
            raise RuntimeError(f"the receiver did not start: {first!r}")
        yield ReceiverProcess(process, first.removeprefix("listening on ").strip())
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()
