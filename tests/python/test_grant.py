"""Room that is set aside for who asked."""

from __future__ import annotations

import threading
import time

import pytest

import forebay
from tests.python.stalled import lane, stalled, until


def test_a_grant_is_room_that_others_cannot_take() -> None:
    """It counts down as its thread emits, and what is left goes back."""
    with stalled(lane("a", on_full="fail")) as s:
        s.collector.logger("a").info("begin")
        with s.collector.request("a", 5) as granted:
            assert granted == 5 == granted.granted == granted.left
            assert list(range(granted)) == [0, 1, 2, 3, 4]
            others: list[int] = []
            thread = threading.Thread(target=lambda: others.append(s.fill("a")))
            thread.start()
            thread.join()
            assert others[0] > 0
            log = s.collector.logger("a")
            for left in (4, 3, 2):
                assert log.info("x" * 500)
                assert granted.left <= left + 1
        assert granted.left == 0
        granted.release()
        # What was given back is there for anybody.
        until(lambda: s.collector.block_for_room("a", timeout=0))


def test_a_grant_waits_for_its_first_record_at_most() -> None:
    """0 where none came in time."""
    with stalled(lane("a")) as s:
        s.fill("a")
        assert s.collector.request("a", 5) == 0
        begin = time.monotonic()
        nothing = s.collector.request("a", 5, timeout=0.2)
        assert 0.19 < time.monotonic() - begin < 5
        assert not nothing
        assert (nothing.left, repr(nothing)) == (0, "<forebay.Grant 0, 0 left>")
        timer = threading.Timer(0.1, s.go_on)
        timer.start()
        assert s.collector.request("a", 5, timeout=30)
        timer.join()
        with pytest.raises(forebay.OptionError, match=r"^lane: 'c' is not one of 'a'"):
            s.collector.request("c", 5)
        with pytest.raises(forebay.OptionError, match=r"^n: 0 is not in"):
            s.collector.request("a", 0)
        with pytest.raises(forebay.OptionError, match=r"^record_bytes: 0 is not in"):
            s.collector.request("a", 1, record_bytes=0)


def test_cooperative_producers_lose_nothing() -> None:
    """Each emits only what was granted, before a destination that is slower than they are."""
    with stalled(lane("a", queue_records=512)) as s:
        s.go_on()
        wanted, done = 2000, []

        def produce() -> None:
            log = s.collector.logger("a")
            sent = 0
            while sent < wanted:
                with s.collector.request("a", min(50, wanted - sent), timeout=10) as granted:
                    for _ in range(granted):
                        assert log.info("x" * 800)
                    sent += granted
            done.append(sent)

        threads = [threading.Thread(target=produce) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert done == [wanted] * 4
        stats = s.collector.stats()
        assert (stats.lost, stats.emitted) == (0, 4 * wanted)
    assert s.collector.stats().delivered == 4 * wanted
