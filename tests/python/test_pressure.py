"""Pressure: states, callbacks, an asynchronous iterator, and the numbers in stats."""

from __future__ import annotations

import asyncio
import itertools
import os
import threading
import time
from typing import Any

import pytest

import forebay
from forebay import Pressure, PressureChange, Receipt, _pressure
from tests.python.in_memory import in_memory, run_python
from tests.python.stalled import lane, stalled, until


def test_pressure_rises_with_the_lane_and_falls_again() -> None:
    """In sum, of the lane, and in stats; another lane is not pressed."""
    with stalled(lane("a"), lane("b")) as s:
        collector = s.collector
        assert collector.pressure is Pressure.NORMAL
        assert collector.pressure_of("a") is Pressure.NORMAL
        assert collector.stats().pressure is Pressure.NORMAL
        s.fill("a")
        until(lambda: collector.pressure is Pressure.FULL)
        assert collector.pressure_of("a") is Pressure.FULL
        assert collector.pressure_of("b") is not Pressure.FULL
        stats = collector.stats()
        assert stats.pressure is Pressure.FULL
        a = stats.lanes["a"]
        assert a.state is Pressure.FULL
        assert a.fill > 0.9
        assert a.retry_after is not None
        assert a.retry_after > 0
        assert stats.lanes["b"].fill < 0.5
        s.go_on()
        until(lambda: collector.pressure is Pressure.NORMAL)
        assert collector.pressure_of("a") is Pressure.NORMAL
        assert collector.stats().lanes["a"].state is Pressure.NORMAL


def test_states_are_ordered_numbers_with_names() -> None:
    """So that a threshold is a comparison."""
    assert Pressure.NORMAL < Pressure.PRESSURED < Pressure.FULL
    assert [str(state) for state in Pressure] == ["normal", "pressured", "full"]
    assert list(Pressure) == [0, 1, 2]


def test_seconds_to_full_is_told_while_a_lane_fills() -> None:
    """And is None while none does."""
    with stalled(lane("a", queue_records=65_536)) as s:
        log = s.collector.logger("a")
        log.info("begin")
        assert s.collector.stats().lanes["a"].seconds_to_full is None
        stop = threading.Event()

        def trickle() -> None:
            while not stop.is_set():
                for _ in range(10):
                    log.info("x" * 500)
                time.sleep(0.002)

        thread = threading.Thread(target=trickle)
        thread.start()
        try:
            until(lambda: s.collector.stats().seconds_to_full is not None)
            stats = s.collector.stats()
        finally:
            stop.set()
            thread.join()
        assert stats.lanes["a"].seconds_to_full is not None
        assert 0 < stats.lanes["a"].seconds_to_full < 3600


def test_callbacks_run_on_one_thread_of_forebays_own() -> None:
    """Each change of each lane in order; none after close."""
    with stalled(lane("a"), lane("b")) as s:
        seen: list[PressureChange] = []
        threads = set()

        def callback(change: PressureChange) -> None:
            threads.add(threading.current_thread().name)
            seen.append(change)

        watch = s.collector.on_pressure(callback)
        other = s.collector.on_pressure(callback)
        other.close()
        other.close()
        s.fill("a")
        until(lambda: any(c.lane_state is Pressure.FULL for c in seen))
        s.fill("b")
        until(lambda: any(c.lane_state is Pressure.FULL and c.lane == "b" for c in seen))
        s.go_on()
        # The last of all lanes is told by one change after the other.
        until(lambda: {c.lane: c.lane_state for c in seen} == dict.fromkeys("ab", Pressure.NORMAL))
        watch.close()
        told = len(seen)
        for name in ("a", "b"):
            states = [c.lane_state for c in seen if c.lane == name]
            assert states[-1] is Pressure.NORMAL
            assert all(x is not y for x, y in itertools.pairwise(states)), states
        assert threads == {"forebay-pressure"}
        s.receiver.stall()
        s.fill("a")
        until(lambda: s.collector.pressure is Pressure.FULL)
        assert len(seen) == told


def test_a_callback_may_shut_the_collector_down() -> None:
    """On Forebay's own thread, while another one does the same: both have the same receipt."""
    with stalled(lane("a")) as s:
        s.others_send = True  # what was under way then arrives when the receiver goes on
        receipts: list[Receipt] = []

        def callback(change: PressureChange) -> None:
            receipts.append(s.collector.shutdown(timeout=0.2))

        s.collector.on_pressure(callback)
        s.fill("a")
        until(lambda: s.collector.is_shut_down)
        receipts.append(s.collector.shutdown(timeout=0.2))
        until(lambda: len(receipts) >= 2)
        assert receipts[0] == receipts[1]


def test_an_error_in_a_callback_is_told_once_and_hurts_nobody(
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Neither the other callbacks, nor the next call."""
    with stalled(lane("a")) as s:
        seen: list[PressureChange] = []
        calls: list[PressureChange] = []

        def broken(change: PressureChange) -> None:
            calls.append(change)
            raise RuntimeError("oh no, not again")

        with s.collector.on_pressure(broken), s.collector.on_pressure(seen.append):
            s.fill("a")
            until(lambda: seen and seen[-1].state is Pressure.FULL)
            s.go_on()
            until(lambda: seen[-1].state is Pressure.NORMAL)
            until(lambda: len(calls) == len(seen))
        assert len(calls) > 1
        assert capfd.readouterr().err.count("oh no, not again") == 1
        bad: Any = "not a function"
        with pytest.raises(forebay.OptionError, match=r"^callback: "):
            s.collector.on_pressure(bad)


def test_a_callback_may_close_its_own_watch_and_emit() -> None:
    """It runs where application code may run."""
    with stalled(lane("a"), lane("b")) as s:
        seen: list[PressureChange] = []

        def callback(change: PressureChange) -> None:
            seen.append(change)
            assert s.collector.logger("b").info("a is pressed", state=str(change.lane_state))
            watch.close()

        watch = s.collector.on_pressure(callback)
        s.fill("a")
        until(lambda: seen)
        s.go_on()
        until(lambda: s.collector.pressure is Pressure.NORMAL)
        assert len(seen) == 1


def test_a_coroutine_iterates_over_changes() -> None:
    """On its own loop; one that is slow gets the last of each lane."""
    with stalled(lane("a")) as s:

        async def until_normal(changes: Any, was_full: asyncio.Event) -> list[Pressure]:
            seen = []
            async for change in changes:
                assert change.lane == "a"
                seen.append(change.lane_state)
                if change.lane_state is Pressure.FULL:
                    was_full.set()
                if change.lane_state is Pressure.NORMAL:
                    break
            return seen

        async def main() -> list[Pressure]:
            was_full = asyncio.Event()
            changes = s.collector.pressure_changes()
            task = asyncio.create_task(until_normal(changes, was_full))
            await asyncio.to_thread(s.fill, "a")
            await asyncio.wait_for(was_full.wait(), 30)
            s.go_on()
            return await asyncio.wait_for(task, 30)

        seen = asyncio.run(main())
        assert Pressure.FULL in seen
        assert seen[-1] is Pressure.NORMAL


def test_an_unknown_lane_has_no_pressure() -> None:
    """Before and after the first record."""
    with in_memory() as memory:
        for _ in range(2):
            with pytest.raises(forebay.OptionError, match=r"^lane: 'x' is not one of 'urgent'"):
                memory.collector.pressure_of("x")
            assert memory.collector.pressure_of("urgent") is Pressure.NORMAL
            memory.log.info("now")


def test_a_forked_child_watches_its_own_lanes() -> None:
    """Callbacks registered in the parent hold in the child, for the child's pressure."""
    with stalled(lane("a")) as s:
        s.others_send = True
        seen: list[PressureChange] = []
        with s.collector.on_pressure(seen.append):
            s.fill("a")
            until(lambda: seen and seen[-1].state is Pressure.FULL)
            until(lambda: s.collector.pressure_of("a") is Pressure.FULL)
            child = os.fork()
            if child == 0:
                try:
                    ok = s.collector.pressure is Pressure.NORMAL
                    ok = ok and s.collector.pressure_of("a") is Pressure.NORMAL
                    del seen[:]
                    s.fill("a")
                    until(lambda: seen and seen[-1].state is Pressure.FULL, timeout=20)
                    until(lambda: s.collector.pressure_of("a") is Pressure.FULL, timeout=20)
                    os._exit(0 if ok else 3)
                except BaseException as error:
                    os.write(2, repr(error).encode())
                finally:
                    os._exit(4)
            _, status = os.waitpid(child, 0)
            assert os.waitstatus_to_exitcode(status) == 0
            told = len(seen)
            s.go_on()
            until(lambda: seen[-1].state is Pressure.NORMAL)
            assert len(seen) > told


def test_a_process_ends_while_somebody_watches() -> None:
    """Without a word on stderr, and with what was emitted delivered."""
    done = run_python(
        """
        import forebay
        collector = forebay.start(service_name="s", exporter=forebay.MemoryExporter())
        collector.on_pressure(print)
        collector.pressure_of("urgent")
        forebay.get_logger("x").info("now")
        """
    )
    assert (done.stdout, done.stderr) == ("", "")


def test_letting_go_of_the_changes_ends_the_calls() -> None:
    """A loop that was left with break leaves nothing behind; without a loop it is an error."""
    with in_memory() as memory:

        async def main() -> int:
            changes = memory.collector.pressure_changes()
            watching = len(_pressure._dispatcher._watches)
            del changes
            return watching - len(_pressure._dispatcher._watches)

        assert asyncio.run(main()) == 1
        with pytest.raises(RuntimeError, match="no running event loop"):
            memory.collector.pressure_changes()
