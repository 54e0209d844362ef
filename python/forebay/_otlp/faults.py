"""How a receiver is told to misbehave, while it runs and from any thread."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import Literal

FaultKind = Literal["fail", "cut", "cut_before", "partial"]


@dataclass
class Fault:
    """What happens to the next requests. Times: how many of them; None is all until cleared."""

    kind: FaultKind
    times: int | None = 1
    status: int = 503
    retry_after: float | str | None = None
    rejected: int = 0
    message: str = ""


class FaultScript:
    """Faults in the order in which they were scripted, and conditions that last."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._faults: deque[Fault] = deque()
        self._stalled_until = 0.0
        self._stopped = False
        self._refused_codecs: dict[str, int] = {}
        self._max_body: int | None = None
        self._body_rate: float | None = None

    def add(self, fault: Fault) -> None:
        """Append a fault; requests use up those before it first."""
        if fault.times is not None and fault.times < 1:
            raise ValueError(f"times: {fault.times} is not 1 or more, nor None")
        with self._changed:
            self._faults.append(fault)

    def next(self, *kinds: FaultKind) -> Fault | None:
        """The fault whose turn it is, used up once, if it is one of these kinds."""
        with self._changed:
            if not self._faults or self._faults[0].kind not in kinds:
                return None
            fault = self._faults[0]
            if fault.times is not None:
                fault.times -= 1
                if fault.times == 0:
                    self._faults.popleft()
            return fault

    def stall(self, seconds: float) -> None:
        """Hold every answer back until this many seconds from now."""
        if seconds < 0:
            raise ValueError(f"stall: {seconds} is negative")
        with self._changed:
            self._stalled_until = time.monotonic() + seconds
            self._changed.notify_all()

    def stalled(self) -> float:
        """The seconds that answers are still held back."""
        with self._changed:
            return max(0.0, self._stalled_until - time.monotonic())

    def wait_while_stalled(self) -> bool:
        """Wait until no stall is on. False if the receiver stops before that."""
        with self._changed:
            while not self._stopped:
                left = self._stalled_until - time.monotonic()
                if left <= 0:
                    return True
                # An endless stall is waited for in turns: Condition.wait takes no huge timeout.
                self._changed.wait(min(left, 3600.0))
            return False

    def refuse_codec(self, codec: str, status: int | None) -> None:
        """Answer batches in this codec with that status; None takes them again."""
        with self._changed:
            if status is None:
                self._refused_codecs.pop(codec, None)
            else:
                self._refused_codecs[codec] = status

    def codec_status(self, codec: str) -> int | None:
        """The status that this codec is refused with, if it is."""
        with self._changed:
            return self._refused_codecs.get(codec)

    def set_max_body(self, max_bytes: int | None) -> None:
        """Answer 413 to larger bodies, before or after decompression; None: no such limit."""
        with self._changed:
            self._max_body = max_bytes

    def max_body(self) -> int | None:
        """The limit on bodies, if there is one."""
        with self._changed:
            return self._max_body

    def set_body_rate(self, bytes_per_second: float | None) -> None:
        """Read bodies at this rate only; None: as they come."""
        if bytes_per_second is not None and bytes_per_second <= 0:
            raise ValueError(f"slow_body: {bytes_per_second} is not above 0")
        with self._changed:
            self._body_rate = bytes_per_second
            self._changed.notify_all()

    def body_rate(self) -> float | None:
        """The rate at which bodies are read, if it is limited."""
        with self._changed:
            return self._body_rate

    def pause(self, seconds: float) -> None:
        """Wait, but no longer than until the rate changes or the receiver stops."""
        with self._changed:
            if not self._stopped:
                self._changed.wait(seconds)

    def clear(self) -> None:
        """Behave again: end a stall, forget every fault, lift every limit."""
        with self._changed:
            self._faults.clear()
            self._stalled_until = 0.0
            self._refused_codecs.clear()
            self._max_body = None
            self._body_rate = None
            self._changed.notify_all()

    def set_stopped(self, stopped: bool) -> None:
        """While stopped nothing waits here."""
        with self._changed:
            self._stopped = stopped
            self._changed.notify_all()
