"""Waiting for room: on an event loop, and in a thread."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from contextlib import suppress
from typing import Any

import pytest

import forebay
from forebay import Block, _core, _room_async
from tests.python.in_memory import in_memory
from tests.python.stalled import TEXT, lane, stalled, until


async def ticks_while(awaitable: Any) -> tuple[Any, int]:
    """What it gives, and how often the loop went round meanwhile."""
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.001)
            ticks += 1

    ticker = asyncio.create_task(tick())
    try:
        return await awaitable, ticks
    finally:
        ticker.cancel()


async def in_line(n: int) -> None:
    """Wait until so many coroutines of this loop wait for room."""
    deadline = time.monotonic() + 30
    while len(_room_async._waiters()._waiting) < n:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.001)


def test_ainfo_and_its_like_emit_what_info_and_its_like_emit() -> None:
    """Same arguments, same record."""

    async def main(log: forebay.Logger) -> list[bool]:
        answers = [
            await log.adebug("d"),
            await log.ainfo("%s and %d", "a", 1, user="u", extra={"more": [1]}),
            await log.awarning("w", level=5),
            await log.aerror("e"),
            await log.acritical("c"),
            await log.alog(25, "l"),
        ]
        try:
            raise ValueError("bad")
        except ValueError:
            later = log.aexception("x")
        answers.append(await later)
        return answers

    with in_memory() as memory:
        assert asyncio.run(main(memory.log)) == [True] * 7
        records = {str(record.body): record for record in memory.records()}
        severities = {"d": 5, "a and 1": 9, "w": 13, "e": 17, "c": 21, "l": 12, "x": 17}
        assert {body: r.severity_number for body, r in records.items()} == severities
        assert records["a and 1"].attributes == {"user": "u", "more": [1]}
        assert records["w"].attributes == {"level": 5}
        assert records["x"].attributes["exception.type"] == "ValueError"


def test_a_coroutine_emits_when_it_is_awaited_and_a_bad_call_fails_at_once() -> None:
    """As coroutine functions do."""
    with in_memory() as memory:
        coroutine = memory.log.ainfo("later")
        assert memory.collector.stats().emitted == 0
        assert asyncio.run(coroutine) is True
        assert memory.collector.stats().emitted == 1
        untyped: Any = memory.log
        with pytest.raises(TypeError, match="a message is missing"):
            untyped.ainfo()
        with pytest.raises(TypeError, match="level must be an int"):
            untyped.alog("INFO", "x")
        low = memory.collector.logger("low", level="ERROR")
        assert asyncio.run(low.ainfo("below")) is True
        assert memory.collector.stats().emitted == 1


def test_ainfo_waits_for_room_while_the_event_loop_goes_on() -> None:
    """And is accepted as soon as there is some."""
    with stalled(lane("audit", on_full="block")) as s:
        taken = s.fill("audit")
        log = s.collector.logger("audit")

        async def main() -> tuple[Any, int]:
            asyncio.get_running_loop().call_later(0.2, s.go_on)
            return await ticks_while(log.ainfo(TEXT))

        accepted, ticks = asyncio.run(main())
        assert accepted is True
        assert ticks > 20
        assert s.collector.stats().emitted == taken + 1
    assert s.collector.stats().delivered == taken + 1


@pytest.mark.parametrize(
    ("after", "name"),
    [([], "block_timeout"), (["fail"], "queue_full"), (["drop_newest"], "queue_full_newest")],
)
def test_the_timeout_of_block_holds_and_then_comes_the_next_policy(
    after: list[Any], name: str
) -> None:
    """Also on a lane that would block event loops."""
    chain = [Block(timeout=0.2, on_event_loop=True), *after]
    with stalled(lane("audit", on_full=chain)) as s:
        s.fill("audit")
        log = s.collector.logger("audit")

        async def emit() -> bool:
            with suppress(forebay.QueueFull):
                return await log.ainfo(TEXT)
            return False

        begin = time.monotonic()
        accepted, ticks = asyncio.run(ticks_while(emit()))
        assert 0.19 < time.monotonic() - begin < 5
        assert accepted is False
        assert ticks > 20
        counts = s.collector.stats().lanes["audit"]
        assert {**counts.refused_by_reason, **counts.dropped_by_reason}[name] == 1


def test_a_cancelled_wait_has_emitted_nothing_and_holds_up_nobody() -> None:
    """Those behind it in the line get the room."""
    with stalled(lane("audit", on_full="block")) as s:
        taken = s.fill("audit")
        log = s.collector.logger("audit")

        async def main() -> list[Any]:
            tasks = [asyncio.create_task(log.ainfo(TEXT, n=n)) for n in range(20)]
            await in_line(20)
            for task in tasks[::2]:
                task.cancel()
            s.go_on()
            return await asyncio.gather(*tasks, return_exceptions=True)

        answers = asyncio.run(main())
        assert answers[1::2] == [True] * 10
        assert all(isinstance(a, asyncio.CancelledError) for a in answers[::2])
        assert s.collector.stats().emitted == taken + 10
    assert s.collector.stats().delivered == taken + 10


def test_no_thread_is_made_for_a_wait_and_all_of_many_get_through() -> None:
    """Beside blocked threads, in one line with them."""
    with stalled(lane("audit", on_full="block", queue_records=512)) as s:
        taken = s.fill("audit")
        log = s.collector.logger("audit")
        threads = [threading.Thread(target=log.info, args=(TEXT,)) for _ in range(4)]
        for thread in threads:
            thread.start()

        async def main() -> list[bool]:
            before = threading.active_count()
            tasks = [asyncio.create_task(log.ainfo(TEXT)) for _ in range(300)]
            await in_line(300)
            assert threading.active_count() == before
            s.go_on()
            return await asyncio.gather(*tasks)

        assert asyncio.run(main()) == [True] * 300
        for thread in threads:
            thread.join(30)
            assert not thread.is_alive()
    assert s.collector.stats().delivered == taken + 304


def test_coroutines_that_wait_have_equal_parts_of_a_slow_destination() -> None:
    """Nobody goes on as long as there is room, while those who waited have not run yet."""
    coroutines, each = 8, 150
    emitted = [0] * coroutines
    spreads: list[int] = []
    with stalled(lane("audit", on_full="block", queue_records=512)) as s:
        taken = s.fill("audit")
        log = s.collector.logger("audit")

        async def emit(who: int) -> None:
            for n in range(each):
                assert await log.ainfo(TEXT, n=n)
                emitted[who] += 1
                spreads.append(max(emitted) - min(emitted))

        async def main() -> None:
            tasks = [asyncio.create_task(emit(who)) for who in range(coroutines)]
            await in_line(coroutines)
            s.go_on()
            s.receiver.stall(0.02)
            await asyncio.gather(*tasks)

        asyncio.run(main())
    assert s.collector.stats().delivered == taken + coroutines * each
    assert max(spreads) <= 40, spreads


def test_wait_for_room_says_whether_it_came() -> None:
    """True at once where there is room; False after the timeout; True when it comes."""
    with stalled(lane("a"), lane("b")) as s:

        async def main() -> None:
            wait = s.collector.wait_for_room
            assert await wait("a") is True  # nothing was ever emitted
            s.fill("a")
            assert await wait("b", 10) is True
            assert await wait("a", timeout=0) is False
            begin = time.monotonic()
            assert (await ticks_while(wait("a", 1, 0.2)))[1] > 20
            assert 0.19 < time.monotonic() - begin < 5
            asyncio.get_running_loop().call_later(0.1, s.go_on)
            assert await wait("a", 200, timeout=30) is True
            assert s.collector.stats().lanes["a"].room >= 200

        asyncio.run(main())


def test_block_for_room_waits_in_a_thread_and_hears_signals() -> None:
    """The same for code without an event loop."""

    class Stop(Exception):
        pass

    def stop(*_: object) -> None:
        raise Stop

    with stalled(lane("a")) as s:
        assert s.collector.block_for_room("a") is True
        s.fill("a")
        assert s.collector.block_for_room("a", timeout=0) is False
        assert s.collector.block_for_room("a", timeout=0.1) is False
        before = signal.signal(signal.SIGUSR1, stop)
        try:
            timer = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGUSR1))
            timer.start()
            with pytest.raises(Stop):
                s.collector.block_for_room("a")
            timer.join()
        finally:
            signal.signal(signal.SIGUSR1, before)
        timer = threading.Timer(0.1, s.go_on)
        timer.start()
        assert s.collector.block_for_room("a", timeout=30) is True
        timer.join()


def test_who_waits_for_room_of_a_collector_that_ends_is_told() -> None:
    """Nobody hangs."""
    with stalled(lane("a")) as s:
        s.others_send = True  # what was under way at the end is unknown to us
        s.fill("a")
        answers = []
        thread = threading.Thread(target=lambda: answers.append(s.collector.block_for_room("a")))
        thread.start()

        async def main() -> bool:
            waiting = asyncio.create_task(s.collector.wait_for_room("a"))
            await in_line(1)
            await s.collector.ashutdown(timeout=0)
            return await waiting

        assert asyncio.run(main()) is False
        thread.join(30)
        assert answers == [False]
        assert s.collector.block_for_room("a") is False


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("b",), "lane: 'b' is not one of 'a'"),
        (("a", 257), "n: 257 is more than lane 'a' has room for"),
        (("a", 0), "n: 0 is not in 1.."),
        (("a", 1, -1), "timeout: -1 is not in"),
        (("",), "lane: ''"),
        ((7,), "lane: 7"),
    ],
)
def test_a_wait_that_can_never_end_is_an_option_error(arguments: Any, told: str) -> None:
    """Before and after the first record."""
    with in_memory(lanes=[forebay.Lane("a", queue_records=256)]) as memory:
        for _ in range(2):
            with pytest.raises(forebay.OptionError, match=told.replace(".", r"\.")):
                memory.collector.block_for_room(*arguments)
            with pytest.raises(forebay.OptionError, match=told.replace(".", r"\.")):
                asyncio.run(memory.collector.wait_for_room(*arguments))
            memory.log.info("now")


def test_loops_in_several_threads_wait_for_the_same_lane() -> None:
    """Each is told through a descriptor of its own."""
    with stalled(lane("audit", on_full="block")) as s:
        taken = s.fill("audit")
        log = s.collector.logger("audit")
        answers: list[bool] = []

        def run() -> None:
            async def main() -> list[bool]:
                return await asyncio.gather(*(log.ainfo(TEXT) for _ in range(20)))

            answers.extend(asyncio.run(main()))

        threads = [threading.Thread(target=run) for _ in range(3)]
        for thread in threads:
            thread.start()
        s.go_on()
        for thread in threads:
            thread.join(60)
        assert answers == [True] * 60
    assert s.collector.stats().delivered == taken + 60


def test_a_child_that_is_forked_while_its_parent_waits_waits_for_nothing() -> None:
    """It has lanes of its own, and its parent's line is none of its business."""
    with stalled(lane("audit", on_full="block")) as s:
        s.fill("audit")
        bell = _core.Bell()
        waiter = _core.RoomWaiter(s.collector._core, "audit", 1, bell, 7)
        grant = s.collector.request("audit", 1)
        child = os.fork()
        if child == 0:
            try:
                waiter.close()
                grant.release()
                os._exit(0 if s.collector.block_for_room("audit", timeout=1) else 3)
            finally:
                os._exit(4)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 0
        assert bell.take() == []
        s.go_on()
        until(lambda: 7 in bell.take())
        waiter.close()
