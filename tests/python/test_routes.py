"""Routes: their options, and what the ledger shows of each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import forebay
from forebay import _core
from tests.python.test_options import flat

# The package as code without a type checker sees it.
untyped: Any = forebay
Route = untyped.Route


def memory() -> forebay.MemoryExporter:
    return forebay.MemoryExporter()


def test_every_option_of_a_route_reaches_the_core_under_its_path(tmp_path: Path) -> None:
    """And the core takes them."""
    options = flat(
        exporter=None,
        routes=[
            Route("main", [forebay.OtlpHttpExporter("http://127.0.0.1:1"), memory()]),
            Route(
                "archive",
                [forebay.FileExporter(tmp_path)],
                order="round_robin",
                on_backlog_full="hold",
                backlog_share=0.25,
            ),
        ],
    )
    assert options == {
        "routes[0].name": "main",
        "routes[0].order": "failover",
        "routes[0].exporters[0].type": "otlp_http",
        "routes[0].exporters[0].endpoint": "http://127.0.0.1:1",
        "routes[0].exporters[0].timeout": 10.0,
        "routes[0].exporters[0].compression": "zstd",
        "routes[0].exporters[0].verify": True,
        "routes[0].exporters[1].type": "memory",
        "routes[1].name": "archive",
        "routes[1].order": "round_robin",
        "routes[1].on_backlog_full": "hold",
        "routes[1].backlog_share": 0.25,
        "routes[1].exporters[0].type": "file",
        "routes[1].exporters[0].directory": str(tmp_path),
        "routes[1].exporters[0].format": "jsonl",
    }
    _core.Collector(list(options.items())).shutdown(0)


BAD: list[tuple[Any, str]] = [
    ("main", r"routes: 'main' is not a list of Route"),
    (Route("a", []), r"routes: Route\(.* is not a list of Route"),
    ([], r"routes: 0 routes is not in 1\.\.8"),
    ([Route(f"r{i}", [memory()]) for i in range(9)], r"routes: 9 routes is not in 1\.\.8"),
    (["a"], r"routes\[0\]: 'a' is not a Route"),
    ([Route("a", [])], r"routes\[0\]\.exporters: 0 exporters is not in 1\.\.8"),
    ([Route("a", memory())], r"routes\[0\]\.exporters: MemoryExporter.* is not a list"),
    ([Route("a", ["b"])], r"routes\[0\]\.exporters\[0\]: 'b' is not an OtlpHttpExporter"),
    ([Route("a b", [memory()])], r"routes\[0\]\.name: 'a b' is not made of letters"),
    (
        [Route("a", [forebay.ConsoleExporter()]), Route("a", [forebay.ConsoleExporter()])],
        r"routes\[1\]\.name: 'a' is also that of routes\[0\]",
    ),
    ([Route("a", [memory()], order="random")], r"routes\[0\]\.order: 'random' is not one of"),
    (
        [Route("a", [memory()], on_backlog_full="drop")],
        r"routes\[0\]\.on_backlog_full: 'drop' is not one of",
    ),
    ([Route("a", [memory()], backlog_share=1.5)], r"routes\[0\]\.backlog_share: 1.5 is not in"),
    (
        [
            Route("a", [forebay.ConsoleExporter()], backlog_share=0.7),
            Route("b", [forebay.ConsoleExporter()], backlog_share=0.7),
        ],
        r"routes\[1\]\.backlog_share: together 1.4, over 1",
    ),
    (
        [Route("a", [memory(), memory()])],
        r"routes\[0\]\.exporters\[1\]: a second MemoryExporter, beside routes\[0\]\.exporters\[0\]",
    ),
    (
        [Route("a", [forebay.OtlpHttpExporter("ftp://x")])],
        r"routes\[0\]\.exporters\[0\]\.endpoint: 'ftp://x' is not",
    ),
    (
        [Route("a", [forebay.FileExporter("/x"), forebay.FileExporter("/x/")])],
        r"routes\[0\]\.exporters\[1\]\.directory: '/x/' is also that of "
        r"routes\[0\]\.exporters\[0\]\.directory",
    ),
    (
        # Nothing is left for the second.
        [
            Route("a", [forebay.ConsoleExporter()], backlog_share=1.0),
            Route("b", [forebay.ConsoleExporter()]),
        ],
        r"routes\[1\]\.backlog_share: leaves it 0 bytes",
    ),
]


@pytest.mark.parametrize(("routes", "message"), BAD, ids=[message for _, message in BAD])
def test_a_bad_route_is_refused_with_its_path(routes: Any, message: str) -> None:
    with pytest.raises(forebay.OptionError, match=f"^{message}"):
        forebay.Collector(routes=routes)


def test_exporter_and_routes_exclude_each_other() -> None:
    with pytest.raises(forebay.OptionError, match=r"^routes: given together with exporter"):
        forebay.Collector(exporter=memory(), routes=[Route("a", [forebay.ConsoleExporter()])])


def test_the_core_refuses_what_python_would_not_pass_on() -> None:
    """Native code hands over the same paths."""
    console = ("routes[0].exporters[0].type", "console")
    for more, message in [
        ([("exporter.type", "console")], "exporter.type: is given together with routes"),
        ([("routes[1].name", "b")], r"routes\[1\].exporters: 0 exporters"),
        ([("routes[0].exporters[2].type", "null")], r"routes\[0\].exporters\[2\].type: there is"),
        ([("routes[0].order", "any")], r"routes\[0\].order: 'any' is none of"),
    ]:
        with pytest.raises(ValueError, match=message):
            _core.Collector([("routes[0].name", "a"), console, *more])


def test_each_route_has_a_line_in_the_ledger_and_its_destinations_beside_it(
    tmp_path: Path,
) -> None:
    """The plain names are those of the first route."""
    kept = memory()
    routes = [Route("main", [kept]), Route("archive", [forebay.FileExporter(tmp_path)])]
    with forebay.Collector(routes=routes) as collector:
        assert collector.stats().routes["archive"].delivered == 0
        for i in range(10):
            collector.logger("routes").info("record", number=i)
        receipt = collector.flush()
        assert receipt.complete
        assert receipt.delivered == receipt.routes["archive"].delivered == 10
        stats = collector.stats()
        assert [each.delivered for each in stats.routes["archive"].destinations] == [10]
        assert stats.routes["main"].destinations[0].answered
        assert collector.audit().balanced
        assert collector.exporter is kept
        assert collector.routes[1].name == "archive"
    assert len(kept.records()) == 10
    assert list(tmp_path.iterdir())


def test_one_exporter_is_a_route_called_main() -> None:
    kept = memory()
    with forebay.Collector(exporter=kept) as collector:
        assert collector.routes == (forebay.Route("main", (kept,)),)
        assert list(collector.stats().routes) == ["main"]


def test_start_takes_routes_and_forgets_the_endpoint_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    collector = forebay.start(
        service_name="s", routes=[Route("files", [forebay.FileExporter(tmp_path)])], console="off"
    )
    try:
        forebay.get_logger("routes").info("one")
        assert collector.flush().complete
        assert collector.stats().routes["files"].delivered == 1
    finally:
        collector.shutdown()
    assert list(tmp_path.iterdir())


def test_the_first_route_is_shown_on_the_console(tmp_path: Path) -> None:
    """All of its exporters, but not a console, which would show everything twice."""
    options = flat(
        exporter=None,
        console="json",
        routes=[
            Route("a", [forebay.FileExporter(tmp_path), memory(), forebay.ConsoleExporter()]),
            Route("b", [forebay.ConsoleExporter()]),
        ],
    )
    shown = [path for path in options if path.endswith(".console")]
    assert shown == ["routes[0].exporters[0].console", "routes[0].exporters[1].console"]
