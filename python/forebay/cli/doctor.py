"""``forebay doctor``: what is in force here, whether it works, and what to mend."""

from __future__ import annotations

import argparse
import json
import os
import sys
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from . import FINDING, OK, USAGE, need_core, paint

_DESCRIPTION = """\
Looks at this environment as a service would that calls forebay.start() in it: which variables are
followed and which are not, which settings are in force and where each came from (what code gives
wins over all of them), where records would go, whether the destination can be reached (name,
connection, TLS, an empty batch, zstd), whether there is room on the disks and in the container, and
what fork and clock are like. Says what to mend. An empty batch is all that is sent.

Ends with 1 if something is wrong.
"""


@dataclass(frozen=True)
class Check:
    """One finding."""

    state: str  # "ok", "note" or "fail"
    subject: str
    text: str
    mend: str = ""  # what to do


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "doctor",
        help="say what is in force here, whether it works, and what to mend",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--endpoint", metavar="URL", help="instead of the environment's")
    parser.add_argument(
        "--timeout", type=float, default=5.0, metavar="S", help="for each step (default: 5)"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Check everything, and print it."""
    need_core()
    if not 0 < args.timeout <= 3600:
        print(f"forebay doctor: --timeout: {args.timeout:g} is not in 0..3600", file=sys.stderr)
        return USAGE
    environ = dict(os.environ)
    if args.endpoint is not None:
        environ = {k: v for k, v in environ.items() if "_ENDPOINT" not in k}
        environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = args.endpoint
    checks: list[Check] = []
    style = paint.for_stream(sys.stdout)
    for check in _checks(environ, args.timeout, names_endpoint=args.endpoint is not None):
        checks.append(check)
        if not args.json:
            _print(check, style)
    failed = sum(check.state == "fail" for check in checks)
    if args.json:
        print(json.dumps({"ok": not failed, "checks": [vars(check) for check in checks]}))
    else:
        verdict = style.bad(f"{failed} to mend") if failed else style.good("nothing to mend")
        print(f"\n{verdict}")
    return FINDING if failed else OK


def _print(check: Check, style: paint.Style) -> None:
    mark = {"ok": style.good, "note": style.dim, "fail": style.bad}[check.state]
    print(f"{mark(f'{check.state:<5}')} {check.subject:<12} {check.text}", flush=True)
    if check.mend:
        print(f"{'':<19}-> {check.mend}", flush=True)


def _checks(environ: Mapping[str, str], timeout: float, *, names_endpoint: bool) -> Iterator[Check]:
    from .. import _core
    from .._environment import read_environment
    from .._exporters import _without_secrets
    from . import doctor_destination, doctor_machine, doctor_settings

    python = ".".join(map(str, sys.version_info[:3]))
    yield Check("ok", "forebay", f"{_core.version}, Python {python}, {sys.platform}")
    yield Check("ok", "made with", _core.library_parts())
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        environment = read_environment(environ)
    if environment.service_name is None:
        mend = "set OTEL_SERVICE_NAME, or give service_name="
        yield Check("note", "service", "unnamed by the environment", mend)
    else:
        yield Check("ok", "service", environment.service_name)
    for name in sorted(environ):
        if name.startswith(("OTEL_", "FOREBAY_")) and environ[name]:
            shown = environ[name]
            if "HEADERS" in name:
                shown = "…"
            elif "ENDPOINT" in name:
                shown = _without_secrets(shown)
            yield Check("ok", "variable", f"{name}={shown}")
    for warning in caught:
        yield Check("fail", "variable", str(warning.message), "correct it, or unset it")
    if environment.disabled:
        yield Check("note", "destination", "none: the environment disables Forebay")
        yield from doctor_machine.checks()
        return
    yield from doctor_settings.checks(environment, names_endpoint=names_endpoint)
    if environment.no_exporter:
        yield Check("note", "destination", "none (OTEL_LOGS_EXPORTER), unless code names one")
    elif environment.exporter is not None:
        yield from doctor_destination.checks(environment.exporter, timeout)
    elif environment.console:
        yield Check("ok", "destination", "the console")
    else:
        yield from doctor_machine.local_files(environment.service_name)
    if environment.exporter is None:
        yield Check("note", "clock", "cannot be told: there is no receiver to hold it against")
    yield from doctor_machine.checks()
