"""What Forebay says on standard error."""

from __future__ import annotations

import os
import sys

import pytest

from forebay._warnings import say
from tests.python.in_memory import run_python


class Busy:
    """A stream that is in the middle of a write, which a handler of a signal has interrupted."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def write(self, _: str) -> int:
        raise RuntimeError("reentrant call inside <_io.BufferedWriter name='<stderr>'>")

    def fileno(self) -> int:
        return self.descriptor


def test_what_is_said_in_the_middle_of_a_write_goes_past_the_buffer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All lines at once; and nobody waits for a pipe that nobody reads."""
    out, into = os.pipe()
    os.set_blocking(into, False)
    monkeypatch.setattr(sys, "stderr", Busy(into))
    say("one", "two")
    assert os.read(out, 100) == b"forebay: one\nforebay: two\n"
    filled = 0
    try:
        while True:
            filled += os.write(into, b"x" * 4096)
    except BlockingIOError:
        os.set_blocking(into, True)
    say("three")
    os.close(into)
    left = b""
    while part := os.read(out, 1 << 16):
        left += part
    assert left == b"x" * filled
    os.close(out)


def test_a_loss_that_is_told_while_standard_error_is_written_ends_nothing() -> None:
    """SIGTERM comes while the main thread waits for whoever reads its standard error."""
    run_python(
        """
        import fcntl, signal, struct, subprocess, sys, termios, textwrap

        inside = textwrap.dedent('''
            import sys, forebay
            forebay.start(
                exporter=forebay.OtlpHttpExporter("http://127.0.0.1:1"), install_sigterm=True
            )
            forebay.get_logger("x").info("m")
            sys.stderr = open(2, "w", buffering=8192, closefd=False)
            for _ in range(100_000):
                sys.stderr.write("x" * 1000)
        ''')
        process = subprocess.Popen([sys.executable, "-c", inside], stderr=subprocess.PIPE)
        inside_pipe = 0
        while inside_pipe <= 65536 - 8192:  # the next write is more than it takes
            answer = fcntl.ioctl(process.stderr, termios.FIONREAD, bytes(4))
            (inside_pipe,) = struct.unpack("i", answer)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == -signal.SIGTERM
        """
    )
