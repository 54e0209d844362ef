"""Instruments: what is recorded is in the text, under the signature that OpenTelemetry has."""

from __future__ import annotations

import asyncio
import math
import os
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction

import pytest

import forebay
from forebay import _core
from tests.python.shown_samples import samples
from tests.waiting import wait_until


@pytest.fixture
def collector() -> Iterator[forebay.Collector]:
    options = forebay.MetricsOptions(self_metrics=False)
    with forebay.Collector(
        service_name="test", exporter=forebay.MemoryExporter(), metrics=options
    ) as made:
        yield made


def test_each_kind_of_instrument_shows_what_was_recorded(collector: forebay.Collector) -> None:
    """Bound and not bound, whole numbers and others."""
    orders = collector.counter("orders", unit="{order}")
    orders.add(1, {"region": "eu"})
    orders.add(2.5, {"region": "eu"})
    eu = orders.bind({"region": "eu"})
    eu.add(1)
    active = collector.up_down_counter("active")
    active.add(5)
    active.bind().add(-2)
    depth = collector.gauge("depth")
    depth.set(3, attributes={"queue": "a"})
    depth.bind({"queue": "a"}).set(-1.5)
    sizes = collector.histogram("sizes", buckets=[1, 10])
    sizes.record(0.5)
    sizes.bind().record(10)
    found = samples(collector)
    assert found['orders_total{region="eu"}'] == 4.5
    assert found["active"] == 3
    assert found['depth{queue="a"}'] == -1.5
    assert found['sizes_bucket{le="10.0"}'] == 2
    assert found["sizes_count"] == 2
    assert found["sizes_sum"] == 10.5


def test_the_same_name_is_the_same_instrument(collector: forebay.Collector) -> None:
    """And one of another kind a warning, and an instrument of its own."""
    assert collector.counter("orders") is collector.counter("orders")
    with pytest.warns(forebay.ForebayWarning, match="'orders' was made before as Counter"):
        collector.histogram("orders")
    sizes = collector.histogram("sizes", buckets=[1, 2])
    assert collector.histogram("sizes") is sizes
    with pytest.warns(forebay.ForebayWarning, match="'sizes' was made before with .* buckets"):
        assert collector.histogram("sizes", buckets=[1, 3]) is sizes


@pytest.mark.parametrize("name", ["", "1st", "two words", "ä", "a" * 256])
def test_a_bad_name_is_an_option_error(collector: forebay.Collector, name: str) -> None:
    """Said where the instrument is made, with what a name may be."""
    with pytest.raises(forebay.OptionError, match="name"):
        collector.counter(name)


def test_bad_buckets_are_an_option_error(collector: forebay.Collector) -> None:
    """With which of them it is."""
    with pytest.raises(forebay.OptionError, match=r"buckets\[1\]"):
        collector.histogram("sizes", buckets=[2, 1])
    with pytest.raises(forebay.OptionError, match="buckets"):
        collector.histogram("sizes", buckets="abc")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "amount", [math.nan, math.inf, -1, "three", None, object(), Decimal("sNaN"), 1j]
)
def test_what_is_no_amount_is_counted_and_never_raised(
    collector: forebay.Collector, amount: object
) -> None:
    """A typo in telemetry never costs a request."""
    orders = collector.counter("orders")
    orders.add(amount)  # type: ignore[arg-type]
    orders.bind({"a": 1}).add(amount)  # type: ignore[arg-type]
    assert collector.flush(timeout=30).complete
    assert collector.stats().notes["measurements_invalid"] == 2
    assert samples(collector) == {}


def test_any_number_is_an_amount(collector: forebay.Collector) -> None:
    """Those of the standard library, bool among them, and integers beyond 64 bits."""
    orders = collector.counter("orders")
    for amount in (True, Decimal("0.5"), Fraction(1, 4), 2**70):
        orders.add(amount)  # type: ignore[arg-type]
    assert samples(collector)["orders_total"] == float(2**70)


def test_attributes_may_be_anything_and_in_any_order(collector: forebay.Collector) -> None:
    """What OTLP has no type for goes in as text; the order of keys makes no other series."""
    orders = collector.counter("orders")
    orders.add(1, {"a": "ä", "b": 2})
    orders.add(1, {"b": 2, "a": "ä"})
    assert samples(collector)['orders_total{a="ä",b="2"}'] == 2
    orders.add(1, {"when": Decimal(1), 5: "five", "none": None})  # type: ignore[dict-item]
    orders.add(1, 17)  # type: ignore[arg-type]
    assert samples(collector)["orders_total"] == 1  # no mapping: it counts without them


def test_equal_values_of_different_types_are_different_series(
    collector: forebay.Collector,
) -> None:
    """As they are in OTLP. In the text they are one, and the first one holds."""
    orders = collector.counter("orders")
    for value in (1, 1.0, True):
        orders.add(1, {"v": value})
    assert collector.flush(timeout=30).complete
    assert collector.stats().numbers["metrics.emitted"] == 3


def test_instruments_of_the_process_default_may_be_made_before_the_start() -> None:
    """They bind at first use; what comes earlier is counted."""
    _core.set_default(None)  # a test before this one may have left one that is shut down
    early = forebay.counter("tests.early")
    bound = early.bind({"a": 1})
    early.add(1)
    bound.add(1)
    collector = forebay.start(service_name="test", exporter=forebay.MemoryExporter())
    try:
        before = collector.stats().notes["measurements_not_started"]
        assert before >= 2
        early.add(5)
        bound.add(7)
        found = samples(collector)
        assert found["tests_early_total"] == 5
        assert found['tests_early_total{a="1"}'] == 7
    finally:
        collector.shutdown(timeout=30)
    bound.add(1)
    assert collector.stats().notes["measurements_shutdown"] == 1


def test_a_timer_records_blocks_functions_and_coroutines(collector: forebay.Collector) -> None:
    """In the histogram's unit, whether or not an exception leaves."""
    latency = collector.histogram("latency", unit="ms", buckets=[10_000])

    @latency.time({"how": "function"})
    def work(value: int) -> int:
        return value + 1

    @latency.time({"how": "coroutine"})
    async def work_later(value: int) -> int:
        await asyncio.sleep(0.01)
        return value + 2

    async def in_a_block() -> None:
        async with latency.time({"how": "async block"}):
            await asyncio.sleep(0)

    assert work(1) == 2
    assert asyncio.run(work_later(1)) == 3
    asyncio.run(in_a_block())
    with pytest.raises(KeyError), latency.time({"how": "block"}):
        raise KeyError
    found = samples(collector)
    for how in ("function", "coroutine", "async block", "block"):
        (count,) = (v for k, v in found.items() if "_count" in k and f'how="{how}"' in k)
        assert count == 1
    (sum_of,) = (v for k, v in found.items() if "_sum" in k and 'how="coroutine"' in k)
    assert 10 <= sum_of < 10_000


# -- observable instruments ----------------------------------------------------------------------


def test_an_observable_gauge_is_asked_at_each_collection_and_scrape(
    collector: forebay.Collector,
) -> None:
    """With numbers, observations, or several of them."""
    told: list[object] = [3, forebay.Observation(4, {"queue": "a"}), [forebay.Observation(5), 6]]
    observed = collector.observable_gauge("depth", lambda: told.pop(0))
    assert samples(collector) == {"depth": 3}
    assert samples(collector) == {'depth{queue="a"}': 4}  # what nobody tells any more is not there
    told.insert(0, 7)
    assert collector.flush(timeout=30).complete
    assert collector.stats().metrics.delivered == 1
    observed.close()  # type: ignore[attr-defined]
    assert collector.flush(timeout=30).complete
    assert len(told) == 1


def test_a_callback_that_raises_costs_the_others_nothing(
    collector: forebay.Collector, capfd: pytest.CaptureFixture[str]
) -> None:
    """It is told once, and counted."""

    def fails() -> float:
        raise RuntimeError("no number today")

    collector.observable_counter("failing", fails)
    collector.observable_counter("fine", lambda options: 7)
    assert collector.flush(timeout=30).complete
    assert samples(collector) == {"fine_total": 7}
    assert collector.stats().notes["callbacks_failed"] == 1
    assert "a callback of 'failing' raised RuntimeError: no number today" in capfd.readouterr().err


def test_a_callback_that_hangs_is_left_out_and_the_others_are_not() -> None:
    """It is not called again until it returns."""
    goes_on = threading.Event()
    calls: list[int] = []

    def hangs() -> float:
        calls.append(1)
        goes_on.wait(30)
        return 1

    options = forebay.MetricsOptions(callback_timeout=0.5, self_metrics=False)
    with forebay.Collector(exporter=forebay.MemoryExporter(), metrics=options) as collector:
        collector.observable_gauge("hanging", hangs)
        collector.observable_gauge("fine", lambda: 2)
        for _ in range(3):
            assert collector.flush(timeout=30).complete
        assert samples(collector) == {"fine": 2}
        assert len(calls) == 1
        assert collector.stats().notes["callbacks_late"] == 4  # the scrape's, too
        goes_on.set()
        assert wait_until(lambda: collector.flush(timeout=30).complete and len(calls) > 1, 30)


def test_a_forked_child_is_a_new_writer(collector: forebay.Collector) -> None:
    """Its counters begin at zero, and the parent's are its own."""
    orders = collector.counter("orders")
    bound = orders.bind({"a": 1})
    collector.observable_gauge("pid", lambda: os.getpid())
    orders.add(10)
    bound.add(10)
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            orders.add(1)
            bound.add(2)
            complete = collector.flush(timeout=20).complete
            found = samples(collector)
            ok = complete and found == {
                "orders_total": 1,
                'orders_total{a="1"}': 2,
                "pid": os.getpid(),
            }
            os.write(writes, repr((ok, found)).encode())
        finally:
            os._exit(0)
    os.close(writes)
    with os.fdopen(reads) as pipe:
        told = pipe.read()
    os.waitpid(child, 0)
    assert told.startswith("(True"), told
    assert collector.flush(timeout=30).complete
    found = samples(collector)
    assert found["orders_total"] == 10
    assert found['orders_total{a="1"}'] == 10
    assert found["pid"] == os.getpid()


def test_threads_of_python_lose_nothing(collector: forebay.Collector) -> None:
    """Those that share a series, and those that come later."""
    orders = collector.counter("orders")

    def work() -> None:
        bound = orders.bind({"who": "all"})
        for index in range(500):
            bound.add(1)
            orders.add(1, {"n": index % 5})

    for _ in range(3):
        threads = [threading.Thread(target=work) for _ in range(12)]
        for thread in threads:
            thread.start()
        collector.flush(timeout=30)
        for thread in threads:
            thread.join()
    found = samples(collector)
    assert found['orders_total{who="all"}'] == 3 * 12 * 500
    assert sum(v for k, v in found.items() if "{n=" in k) == 3 * 12 * 500


def test_the_way_of_a_point_is_in_the_ledger(collector: forebay.Collector) -> None:
    """A signal of its own beside log records."""
    collector.counter("orders").add(1)
    collector.logger("test").info("a record")
    assert collector.flush(timeout=30).complete
    numbers = collector.stats().numbers
    assert numbers["metrics.emitted"] == numbers["metrics.delivered"] == 1
    assert numbers["emitted"] == numbers["delivered"] == 1
    audit = collector.audit()
    assert audit.balanced
    assert audit.exact


# -- applications for a scrape -------------------------------------------------------------------


def test_a_scrape_gets_the_format_that_it_asks_for(collector: forebay.Collector) -> None:
    """By WSGI and by ASGI."""
    from forebay.prometheus import asgi_app, wsgi_app

    collector.counter("orders").add(3)
    headers: dict[str, str] = {}

    def start_response(status: str, given: list[tuple[str, str]], *rest: object) -> None:
        headers.clear()
        headers.update(given, status=status)

    app: Callable[..., list[bytes]] = wsgi_app(collector)  # type: ignore[assignment]
    plain = b"".join(app({"REQUEST_METHOD": "GET"}, start_response))
    assert headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert b"orders_total" in plain
    accept = "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"
    opened = b"".join(app({"REQUEST_METHOD": "GET", "HTTP_ACCEPT": accept}, start_response))
    assert headers["Content-Type"].startswith("application/openmetrics-text")
    assert opened.endswith(b"# EOF\n")
    assert app({"REQUEST_METHOD": "POST"}, start_response) == [b""]
    assert headers["status"].startswith("405")

    sent: list[dict[str, object]] = []

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    async def receive() -> dict[str, object]:
        return {"type": "http.request"}

    scope = {"type": "http", "method": "GET", "headers": [(b"accept", accept.encode())]}
    asyncio.run(asgi_app(collector)(scope, receive, send))  # type: ignore[arg-type]
    assert sent[0]["status"] == 200
    assert sent[1]["body"] == opened
