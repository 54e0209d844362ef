"""The process default: one call that starts it, and loggers that find it."""

from __future__ import annotations

import _thread
import os

from . import _core
from ._validation import boolean, suggests_names, text
from ._warnings import place_of_user, say_once, warn_once

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, Literal

    from ._collector import Collector
    from ._environment import Environment
    from ._exporters import Exporter
    from ._lanes import Lane
    from ._loggers import LoggerCache
    from ._manual_clock import ManualClock
    from ._metric_options import MetricsOptions
    from ._options import (
        BacklogOptions,
        BatchOptions,
        BreakerOptions,
        LimitOptions,
        ResourceValue,
        RetryOptions,
    )
    from ._routes import Route
    from ._sampling import FlightRecorder, SamplingRule

# A handler of a signal may call start() in the middle of start().
_lock = _thread.RLock()
_default: Collector | None = None
# Where start() was called, and with what.
_started_at = ""
_started_with: dict[str, Any] = {}
_loggers: LoggerCache | None = None


def _after_fork_in_child() -> None:
    # The thread that held it is not in the child.
    global _lock
    _lock = _thread.RLock()


os.register_at_fork(after_in_child=_after_fork_in_child)


@suggests_names
def start(
    *,
    service_name: str | None = None,
    capture_logging: int | str | bool | None = None,
    console: Literal["auto", "pretty", "json", "off"] | None = "auto",
    resource: Mapping[str, ResourceValue] | None = None,
    exporter: Exporter | None = None,
    routes: Sequence[Route] | None = None,
    lanes: Sequence[Lane] | None = None,
    sampling: Sequence[SamplingRule] | None = None,
    flight_recorder: FlightRecorder | None = None,
    memory_limit: int | None = None,
    max_record_bytes: int | None = None,
    batch: BatchOptions | None = None,
    backlog: BacklogOptions | None = None,
    retry: RetryOptions | None = None,
    breaker: BreakerOptions | None = None,
    limits: LimitOptions | None = None,
    metrics: MetricsOptions | None = None,
    run_directory: str | os.PathLike[str] | None = None,
    redact: Sequence[str] | bool | None = None,
    disabled: bool = False,
    install_sigterm: bool = False,
    clock: ManualClock | None = None,
) -> Collector:
    """Start the collector of this process, or return the one that was started.

    What is given here wins over the environment: ``OTEL_SERVICE_NAME``,
    ``OTEL_RESOURCE_ATTRIBUTES``, and for the destination ``OTEL_EXPORTER_OTLP_ENDPOINT``,
    ``…_HEADERS``, ``…_TIMEOUT``, ``…_COMPRESSION``, ``…_CERTIFICATE``, ``…_CLIENT_CERTIFICATE``,
    ``…_CLIENT_KEY``, each also as ``OTEL_EXPORTER_OTLP_LOGS_…``; ``OTEL_LOGS_EXPORTER``,
    ``OTEL_BLRP_SCHEDULE_DELAY`` and ``OTEL_BLRP_MAX_EXPORT_BATCH_SIZE``; for metrics
    ``OTEL_METRIC_EXPORT_INTERVAL``, ``OTEL_METRICS_EXPORTER`` and, of
    ``OTEL_EXPORTER_OTLP_METRICS_…``, ``ENDPOINT``, ``TEMPORALITY_PREFERENCE`` and
    ``DEFAULT_HISTOGRAM_AGGREGATION``; ``FOREBAY_METRICS_DIR``, where series are published.
    Without an endpoint records go into local files.
    ``OTEL_LOGS_EXPORTER=none`` is ``disabled=True`` unless ``exporter`` or ``routes`` is given;
    ``OTEL_SDK_DISABLED=true`` is, whatever is given here.

    Args:
        service_name: What the service is called.
        capture_logging: A level of `logging`: the root logger gets a `LoggingHandler` at that
            level, and is itself set to it where it let less through; shutdown undoes both. Where
            `logging` is configured later (``basicConfig``, ``dictConfig``, ``fileConfig``), both
            are done again on top of that. Where the root logger has a `LoggingHandler` of this
            collector, none is added, with a warning. True: INFO.
        console: What is delivered is also shown on standard error. ``"pretty"``: aligned, and
            coloured on a terminal unless ``NO_COLOR`` is set. ``"json"``: one object a line.
            ``"off"`` or None: never. ``"auto"``: nothing where the root logger already has a stream
            handler; pretty where standard error is a terminal; else json where no ``exporter``,
            ``routes`` nor endpoint is given, and nothing where one is. Where local files cannot be
            written, all but ``"off"`` goes to the console instead, with a warning. With ``routes``
            it is the first of them that is shown.
        resource, exporter, routes, lanes, sampling, flight_recorder, memory_limit,
            max_record_bytes, batch, backlog, retry, breaker, limits, metrics, run_directory,
            redact, disabled, clock: As for `Collector`.
        install_sigterm: A handler of SIGTERM before the one that is there. Where that is the
            application's (uvicorn has one, gunicorn's workers, too), what is held is flushed, 5 s
            at most, and then it is called. Where it is the system's, the collector is shut down,
            and then the process ends by the signal. Shutdown takes it back.

    Returns:
        Collector: the process default. With the same arguments as the first call, the same; with
        others a warning names the first call, and nothing changes. After its shutdown a new one,
        and loggers and handlers of the process default go over to it.

    Raises:
        OptionError: an argument has a bad value. Never for a bad value in the environment, which
            warns once and counts as unset.
    """
    arguments = dict(locals())
    global _default, _started_at, _started_with
    with _lock:
        before = _default
        if before is not None and not before.is_shut_down:
            if arguments != _started_with:
                warn_once(
                    f"forebay.start() was called before, at {_started_at}, with other arguments; "
                    "those hold"
                )
            return before
        level = _capture_level(capture_logging)
        boolean("install_sigterm", install_sigterm)
        collector, is_disabled = _make(arguments)
        if _default is not before and _default is not None:  # set by a handler of a signal
            collector.shutdown(0)
            return _default
        _default = collector
        _started_at = place_of_user()
        _started_with = arguments
        _core.set_default(collector._core)
        if install_sigterm:
            from . import _sigterm

            collector._hang_in(_sigterm.install(collector))
        if level is not None and not is_disabled:
            from ._capture_logging import capture

            collector._hang_in(capture(collector, level), to_logging=True)
        return collector


_Default = tuple["Collector | None", str, "dict[str, Any]"]


def set_aside() -> _Default:
    """Leave the process without a default, for the time of a test."""
    global _default, _started_at, _started_with
    with _lock:
        before = (_default, _started_at, _started_with)
        _default, _started_at, _started_with = None, "", {}
        _core.set_default(None)
    return before


def put_back(before: _Default) -> None:
    """The default that was set aside is it again."""
    global _default, _started_at, _started_with
    with _lock:
        _default, _started_at, _started_with = before
        collector = before[0]
        shut = collector is None or collector.is_shut_down
        _core.set_default(None if shut or collector is None else collector._core)


def get_collector() -> Collector | None:
    """The process default that `start` made; None where there is none, or it was shut down."""
    collector = _default
    return None if collector is None or collector.is_shut_down else collector


def get_logger(
    name: str,
    *,
    version: str | None = None,
    level: int | str = "INFO",
    attributes: Mapping[str, object] | None = None,
) -> _core.Logger:
    """The logger of that name, of the process default: the same each time.

    May be called before `start`: it binds at first use, and what is emitted earlier is counted as
    ``not_started``. Arguments and errors as for `Collector.logger`.
    """
    global _loggers
    if _loggers is None:
        from ._loggers import LoggerCache

        # Two threads may both come here: the core gives both the same handles.
        _loggers = LoggerCache(None)
    return _loggers.get(name, version, level, attributes)


def _capture_level(capture_logging: object) -> int | None:
    if capture_logging is None or capture_logging is False:
        return None
    from ._levels import level_number

    return level_number("INFO" if capture_logging is True else capture_logging, "capture_logging")


def _make(arguments: Mapping[str, Any]) -> tuple[Collector, bool]:
    from ._collector import Collector
    from ._console import view_beside
    from ._environment import read_environment
    from ._environment_metrics import metrics_of
    from ._exporters import ConsoleExporter, MemoryExporter
    from ._options import CONSOLE_FORMATS, check_console, check_resource, service_name_of
    from ._routes import check_routes

    exporter = arguments["exporter"]
    console = arguments["console"]
    # "auto" is for start() to decide.
    check_console(None if console == "auto" else console, exporter, CONSOLE_FORMATS)
    routes = arguments["routes"]
    has_destination = not (routes is None and exporter is None)
    environment = read_environment(has_destination=has_destination or arguments["disabled"])
    metrics = metrics_of(arguments["metrics"], environment.metrics, has_destination=has_destination)
    in_code = check_resource(arguments["resource"])
    name = service_name_of(arguments["service_name"], in_code)
    name = environment.service_name if name is None else text("service_name", name)
    disabled = arguments["disabled"] or environment.disabled
    if not has_destination:
        disabled = disabled or environment.no_exporter
        if environment.console and console not in (None, "off"):
            exporter = ConsoleExporter(format=console)
        elif environment.console and not disabled:
            said = "None" if console is None else '"off"'
            warn_once(
                f"OTEL_LOGS_EXPORTER=console is ignored: start() was given console={said}; records "
                "go to local files"
            )
        has_destination = not (exporter is None and environment.exporter is None)
    if routes is not None:
        # What the environment says of a destination is not for these.
        first = check_routes(routes)[0].exporters[0]
    else:
        if exporter is None:
            exporter = environment.exporter
        if exporter is None and disabled:
            exporter = MemoryExporter()  # never used
        first = exporter = exporter or _local_exporter(name, console, environment)
    options = {
        k: v for k, v in arguments.items() if k not in ("capture_logging", "install_sigterm")
    }
    options["resource"] = {**environment.resource, **in_code}
    options["service_name"] = name
    options["exporter"] = exporter
    options["console"] = view_beside(first, console, has_destination=has_destination)
    options["disabled"] = disabled
    options["metrics"] = metrics
    if options["batch"] is None:
        options["batch"] = environment.batch
    return Collector(**options), disabled


def from_config(source: Mapping[str, Any] | str | os.PathLike[str]) -> Collector:
    """`start`, with the arguments in a mapping or a TOML file, by their own names.

    A table is the object of that name: ``[batch]``, ``[[lanes]]``, ``[[sampling]]``, ``[metrics]``
    with ``[[metrics.views]]``; an exporter and a rule of sampling say with ``type`` which they are
    (``otlp_http``, ``file``, ``console``, ``memory``; ``ratio``, ``trace_ratio``, ``burst``).
    ``on_full`` may be written ``"block(50ms)+fail"``.

    Args:
        source: The mapping, or the path of the file.

    Raises:
        OptionError: it cannot be read, there is no such option, or it has a bad value. The message
            begins with the file's path, where there is one, and the option's.
    """
    import inspect
    from collections.abc import Mapping

    from ._config import arguments_from
    from ._errors import OptionError

    prefix = ""
    if isinstance(source, (str, os.PathLike)):
        import tomllib

        prefix = f"{os.fspath(source)}: "
        try:
            with open(source, "rb") as file:
                config: Mapping[str, Any] = tomllib.load(file)
        except OSError as error:
            raise OptionError(f"{prefix}{error.strerror}") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise OptionError(f"{prefix}{error}") from None
    elif isinstance(source, Mapping):
        config = source
    else:
        raise OptionError(f"source: {source!r} is not a mapping or a path")
    try:
        return start(**arguments_from(config, tuple(inspect.signature(start).parameters)))
    except OptionError as error:
        if not prefix:
            raise
        raise OptionError(f"{prefix}{error}") from None


def _local_exporter(
    service_name: str | None, console: str | None, environment: Environment
) -> Exporter:
    from ._exporters import ConsoleExporter, FileExporter
    from ._local_files import can_be_written, default_directory

    directory = default_directory(service_name)
    if directory is not None and can_be_written(directory):
        why = "" if environment.names_endpoint else "no endpoint is set, so "
        say_once(f"{why}records go to {directory} (read them: python -m forebay tail {directory})")
        return FileExporter(directory)
    where = "there is no home directory" if directory is None else f"{directory} cannot be written"
    if console in (None, "off") and directory is not None:
        warn_once(f"{where}; records are held until it can")
        return FileExporter(directory)
    warn_once(f"{where}; records go to the console instead of local files")
    return ConsoleExporter(format=console if console in ("pretty", "json") else "auto")
