"""The command line: one module a command, loaded when that command is asked for.

Exit codes: 0 all is well; 1 the command's own finding (a ledger that does not balance, lines that
are not accounted for, a file that could not be read whole, an output that takes nothing); 2 wrong
use; 3 something is missing (an extra package, the compiled core); 130 interrupted.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import sys
from collections.abc import Sequence

from .._warnings import say
from . import output

# Command -> module. In the order of `--help`.
COMMANDS = ("demo", "stats", "top", "cat", "tail", "doctor", "receive", "pipe", "simulate")

OK = 0
FINDING = 1
USAGE = 2
MISSING = 3
INTERRUPTED = 130


class MissingError(Exception):
    """Something that this command needs is not installed; the text says what to run."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command. Returns the exit code; argparse itself leaves with 2."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if sys.stdout is None:
        # The next file that is opened would be descriptor 1, and others print into that.
        say("standard output is closed")
        return FINDING
    output.escape_what_cannot_be_shown()
    try:
        try:
            return _run(arguments)
        finally:
            sys.stdout.flush()  # at exit nobody could tell a failure well
    except BrokenPipeError:
        # The reader of a pipe has seen enough (`forebay cat | head`).
        output.let_go()
        return OK
    except OSError as error:
        output.tell_failure(error)
        return FINDING
    except KeyboardInterrupt:
        return INTERRUPTED


def _run(arguments: list[str]) -> int:
    parser = _parser(arguments)
    parsed = parser.parse_args(arguments)
    if not hasattr(parsed, "run"):
        parser.print_help()
        return OK
    try:
        code: int = parsed.run(parsed)
    except MissingError as error:
        print(f"forebay {parsed.command}: {error}", file=sys.stderr)
        return MISSING
    return code


def _parser(arguments: list[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="forebay",
        description="Look at what Forebay writes and counts, and try it out.",
        epilog="forebay COMMAND --help says more about one of them.",
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and end")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND")
    # Only the module of the command that is asked for is loaded; for help, all of them.
    wanted = [argument for argument in arguments if not argument.startswith("-")][:1]
    names = wanted if wanted and wanted[0] in COMMANDS else COMMANDS
    for name in names:
        importlib.import_module(f".{name}", __name__).add_parser(subparsers)
    return parser


class _Version(argparse.Action):
    """Looks the version up only when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        print(f"forebay {version()}")
        parser.exit(OK)


def version() -> str:
    """The installed version, whether or not the compiled core can be loaded."""
    from importlib import metadata

    try:
        return metadata.version("forebay")
    except metadata.PackageNotFoundError:
        with contextlib.suppress(ImportError):
            core = importlib.import_module("forebay._core")
            return str(core.version)
        return "(not installed)"


def need_core() -> None:
    """Raise `MissingError` unless the compiled core can be loaded."""
    try:
        importlib.import_module("forebay._core")
    except ImportError as error:
        raise MissingError(
            f"the compiled core cannot be loaded ({error}); run: python -m pip install forebay"
        ) from None
