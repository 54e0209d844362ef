"""A real OpenTelemetry Collector: what it wrote is what was emitted, and what the ledger says."""

from __future__ import annotations

import math
import os
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest

import forebay
from tests.integration.otelcol_process import CollectedRecord, OtelCollector
from tests.integration.reporting import BLOCK, assert_at_rest, emit, reporting_to
from tests.waiting import wait_until

LEVELS = {
    "trace": (1, 1, "TRACE"),
    "debug": (10, 5, "DEBUG"),
    "info": (20, 9, "INFO"),
    "warning": (30, 13, "WARNING"),
    "error": (40, 17, "ERROR"),
    "critical": (50, 21, "CRITICAL"),
}


@dataclass
class Emitted:
    """What a record must look like when it has arrived."""

    body: str
    severity: tuple[int, str]
    scope: str
    attributes: dict[str, Any]
    earliest_ns: int
    latest_ns: int = 0
    exception: str = ""
    stack: str = ""


def any_value(draw: random.Random, depth: int = 0) -> Any:
    """A value of one of the types that OTLP has, nested at most three deep."""
    kind = draw.randrange(11 if depth < 3 else 8)
    match kind:
        case 0:
            return draw.choice([True, False])
        case 1:
            return draw.choice([0, -1, 2**63 - 1, -(2**63), draw.randrange(-(10**9), 10**9)])
        case 2:
            return draw.choice([0.0, -0.5, 1e308, 5e-324, draw.uniform(-1e6, 1e6)])
        case 3:
            return draw.choice(
                ["", "plain", "zwölf Boxkämpfer 漢字 🦊", 'quote " \\ \n', "x" * 300]
            )
        case 4:
            return draw.randbytes(draw.randrange(20))
        case 5:
            return None
        case 6 | 7:
            return draw.choice(["GET", "POST", "/items", "eu-west-1"])
        case 8 | 9:
            return [any_value(draw, depth + 1) for _ in range(draw.randrange(4))]
        case _:
            return {f"k{n}": any_value(draw, depth + 1) for n in range(draw.randrange(4))}


def emit_one(log: forebay.Logger, draw: random.Random, uid: int) -> Emitted:
    """One record at random: level, body, attributes, and now and then an exception."""
    level = draw.choice(list(LEVELS))
    number, severity, text = LEVELS[level]
    attributes = {f"a{n}": any_value(draw) for n in range(draw.randrange(6))} | {"uid": uid}
    body = draw.choice(["request finished", "", "ünïcode ☃", f"record {uid}", "y" * 500])
    emitted = Emitted(body, (severity, text), log.name, attributes, time.time_ns())
    if draw.random() < 0.05:
        emitted.severity = (17, "ERROR")
        try:
            raise LookupError(f"no order {uid}")
        except LookupError:
            assert log.exception(body, **attributes)
        emitted.exception, emitted.stack = f"no order {uid}", "raise LookupError"
    else:
        assert log.log(number, body, **attributes)
    emitted.latest_ns = time.time_ns()
    return emitted


def same(sent: Any, got: Any) -> bool:
    """Equal, and of the same type all the way down."""
    if type(sent) is not type(got):
        return False
    if isinstance(sent, float):
        return math.copysign(1, sent) == math.copysign(1, got) and sent == got
    if isinstance(sent, list):
        return len(sent) == len(got) and all(map(same, sent, got))
    if isinstance(sent, dict):
        return sent.keys() == got.keys() and all(same(sent[k], got[k]) for k in sent)
    return bool(sent == got)


def assert_arrived(sent: Emitted, got: CollectedRecord) -> None:
    """Every field, as it was emitted."""
    slack_ns = 50_000_000  # the core's clock is calibrated against the wall's, not the same
    attributes = dict(got.attributes)
    if sent.exception:
        assert attributes.pop("exception.type") == "LookupError"
        assert attributes.pop("exception.message") == sent.exception
        stack = attributes.pop("exception.stacktrace")
        assert stack.startswith("Traceback")
        assert sent.stack in stack
    assert same(sent.attributes, attributes), (sent.attributes, attributes)
    # OTLP/JSON has no body at all where the text is empty.
    assert (got.body or "") == sent.body
    assert (got.severity_number, got.severity_text) == sent.severity
    assert sent.earliest_ns - slack_ns <= got.time_unix_nano <= sent.latest_ns + slack_ns
    assert sent.earliest_ns - slack_ns <= got.observed_time_unix_nano <= sent.latest_ns + slack_ns
    assert (got.scope, got.scope_version) == (sent.scope, "1.2.3")
    assert (got.trace_id, got.span_id) == ("", "")


@pytest.mark.parametrize("codec", ["zstd", "gzip", "none"])
def test_every_field_of_every_record_arrives_as_it_was_emitted(
    otel_collector: OtelCollector, codec: str
) -> None:
    """Four thousand records at random: each in the Collector's file once, each value the same."""
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    draw = random.Random(seed)
    resource: dict[str, str | bool | int | float] = {
        "service.name": "shop",
        "deployment.environment": "tést",
        "n": 7,
        "x": 0.5,
        "flag": True,
    }
    collector = forebay.Collector(
        resource=resource,
        exporter=forebay.OtlpHttpExporter(otel_collector.endpoint, compression=codec),
        lanes=BLOCK,
        batch=forebay.BatchOptions(max_records=500),
        max_record_bytes=1 << 20,
    )
    logs = [
        collector.logger(name, version="1.2.3", level=1) for name in ("shop.api", "shop.db", "ü")
    ]
    sent = [emit_one(draw.choice(logs), draw, uid) for uid in range(4000)]
    instance_id = collector.instance_id
    assert collector.shutdown(timeout=30).complete
    stats = assert_at_rest(collector)
    records = otel_collector.records()
    assert stats.delivered == stats.emitted == len(records) == 4000
    assert stats.notes["attribute_conversion_errors"] == 0
    by_uid = {record.attributes["uid"]: record for record in records}
    assert by_uid.keys() == set(range(4000))
    for uid, emitted in enumerate(sent):
        assert_arrived(emitted, by_uid[uid])
    for record in records:
        got = dict(record.resource)
        assert got.pop("service.instance.id") == instance_id
        assert got.pop("telemetry.sdk.language") == "python"
        assert got.items() >= resource.items()
    severities = Counter(severity for severity, _ in (emitted.severity for emitted in sent))
    for name, number in {"info": 9, "warn": 13, "error": 17, "fatal": 21}.items():
        assert stats.by_severity[name].delivered == severities[number]


def test_through_stdlib_logging_and_from_threads(otel_collector: OtelCollector) -> None:
    """Both ways in, side by side on four threads: one ledger, every record once, scopes apart."""
    import logging

    with reporting_to(otel_collector.endpoint) as collector:
        handler = forebay.LoggingHandler(logger=collector.logger("shop.bridge"))
        stdlib = logging.Logger("shop.stdlib", logging.INFO)
        stdlib.addHandler(handler)
        own = collector.logger("shop.own")

        def work(thread: int) -> None:
            for n in range(500):
                uid = thread * 1000 + n * 2
                assert own.info("own", uid=uid)
                stdlib.info("std %d", n, extra={"uid": uid + 1})

        threads = [threading.Thread(target=work, args=(n,), name=f"w{n}") for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert collector.flush(timeout=30).complete
        records = otel_collector.records()
        assert collector.stats().delivered == len(records) == 4000
        assert sorted(r.attributes["uid"] for r in records) == list(range(4000))
        assert Counter(r.scope for r in records) == {"shop.own": 2000, "shop.bridge": 2000}
        for record in records:
            if record.scope == "shop.bridge":
                thread, n = divmod(record.attributes["uid"], 1000)
                assert record.body == f"std {n // 2}"
                assert record.attributes["thread.name"] == f"w{thread}"
                assert record.attributes["code.function.name"].endswith("work")


@dataclass
class Load:
    """Threads that emit with a uid of their own each, until they are stopped."""

    collector: forebay.Collector
    threads: int = 2
    pause: float = 0.0005
    emitted: list[int] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _running: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Load:
        self.emitted = [0] * self.threads
        self._running = [
            threading.Thread(target=self._work, args=(n,)) for n in range(self.threads)
        ]
        for thread in self._running:
            thread.start()
        return self

    def _work(self, thread: int) -> None:
        log = self.collector.logger("load")
        while not self._stop.is_set():
            for _ in range(10):
                assert log.info("record", uid=self.emitted[thread] * self.threads + thread)
                self.emitted[thread] += 1
            # Paces the load: the receiving end is to keep up.
            time.sleep(self.pause)

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        for thread in self._running:
            thread.join()

    def uids(self) -> set[int]:
        return {n * self.threads + t for t, count in enumerate(self.emitted) for n in range(count)}


@pytest.mark.parametrize("codec", ["zstd", "gzip", "none"])
def test_a_collector_that_is_killed_and_started_again_loses_nothing(
    otel_collector: OtelCollector, codec: str
) -> None:
    """Three SIGKILLs under load: every record in its file, twice only those of ambiguous batches.

    With room enough. A batch is written as one request, so a batch that came twice is a request
    that came twice.
    """
    with reporting_to(otel_collector.endpoint, exporter_compression=codec) as collector:
        with Load(collector) as load:
            for _ in range(3):
                seen = len(otel_collector.requests())
                assert wait_until(lambda seen=seen: len(otel_collector.requests()) > seen + 3, 20)  # type: ignore[misc]
                otel_collector.kill()
                held = collector.stats().held
                assert wait_until(lambda held=held: collector.stats().held > held + 100, 20)  # type: ignore[misc]
                otel_collector.restart()
        assert collector.flush(timeout=60).complete
        stats = collector.stats()
        assert stats.delivered == stats.emitted == sum(load.emitted)
        assert stats.lost == 0
        times = Counter(record.attributes["uid"] for record in otel_collector.records())
        assert times.keys() == load.uids()
        batches = Counter(
            tuple(r["attributes"][0]["value"]["intValue"] for r in records_of(request))
            for request in otel_collector.requests()
        )
        again = sum(count - 1 for count in batches.values())
        assert again <= stats.notes["ambiguous_attempts"]
        twice = sum(len(uids) * (count - 1) for uids, count in batches.items())
        assert sum(times.values()) - len(times) == twice


def records_of(request: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        record
        for of_resource in request["resourceLogs"]
        for of_scope in of_resource["scopeLogs"]
        for record in of_scope["logRecords"]
    ]


def resident_bytes() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_a_collector_that_is_down_costs_bounded_memory_and_counted_losses(
    otel_collector: OtelCollector,
) -> None:
    """Half a million records beside a dead Collector: bounds hold, the policies show, it balances.

    What was kept arrives when it is back: from the first lane the newest, from the second what
    came first.
    """
    bound = 8 << 20
    with reporting_to(
        otel_collector.endpoint,
        lanes=[
            forebay.Lane(
                "urgent",
                min_level="WARNING",
                queue_records=4096,
                on_full="drop_oldest",
                on_backlog_full="evict_oldest",
                backlog_share=0.25,
                gap_records=False,
            ),
            forebay.Lane("normal", queue_records=16_384, on_full="drop_newest", gap_records=False),
        ],
        memory_limit=bound,
        backlog=forebay.BacklogOptions(max_bytes=1 << 20),
        batch=forebay.BatchOptions(max_records=1000, max_delay=0.05),
    ) as collector:
        emit(collector, 1)
        assert collector.flush(timeout=10).complete
        otel_collector.kill()
        log = collector.logger("load")
        text = random.Random(7)
        payloads = ["".join(text.choices("0123456789abcdef", k=200)) for _ in range(997)]
        grown = []
        before = resident_bytes()
        for uid in range(500_000):
            level = log.warning if uid % 10 == 0 else log.info
            level("record", uid=uid, payload=payloads[uid % 997])
            if uid % 50_000 == 0:
                grown.append(resident_bytes() - before)
                assert collector.stats().memory_bytes <= bound * 1.1
        print(f"grown by {[n >> 10 for n in grown]} KiB")
        assert max(grown) <= bound * 1.1 + (8 << 20), grown  # threads' stacks, curl, the allocator
        stats = collector.stats()
        assert stats.difference == 0
        assert stats.emitted == 500_001
        assert stats.lanes["normal"].dropped_by_reason["queue_full_newest"] > 0
        urgent = stats.lanes["urgent"].dropped_by_reason
        assert urgent.get("queue_full_oldest", 0) + urgent.get("backlog_full", 0) > 0
        assert not urgent.get("queue_full_newest", 0)
        otel_collector.restart()
        assert collector.flush(timeout=60).complete
        stats = collector.stats()
        records = otel_collector.records()
        arrived = {r.attributes["uid"]: r for r in records}
        assert len(arrived) == len(records)
        assert stats.delivered == len(records)
        assert stats.emitted == stats.delivered + stats.dropped
        warnings = [u for u, r in arrived.items() if r.severity_number == 13]
        assert max(warnings) == 499_990
        assert stats.lanes["urgent"].delivered == len(warnings)
