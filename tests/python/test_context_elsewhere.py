"""Where a context goes and where it does not: executors, pools, blocks left elsewhere."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

import forebay
from tests.python.in_memory import InMemory, in_memory


@pytest.fixture
def memory() -> Iterator[InMemory]:
    with in_memory() as made:
        yield made


def test_an_executor_has_the_context_only_where_it_is_given_one(memory: InMemory) -> None:
    """By `loop.run_in_executor` and `submit`, which copy none; `to_thread` copies."""
    log = memory.log

    async def main(pool: ThreadPoolExecutor) -> None:
        loop = asyncio.get_running_loop()
        with forebay.context(request=1):
            await loop.run_in_executor(pool, log.info, "bare")
            await loop.run_in_executor(None, log.info, "bare, of asyncio")
            copied = contextvars.copy_context()
            await loop.run_in_executor(pool, lambda: copied.run(log.info, "copied"))
            await asyncio.to_thread(log.info, "to_thread")

    with ThreadPoolExecutor(1) as pool:
        asyncio.run(main(pool))
        with forebay.context(request=2):
            pool.submit(log.info, "submitted").result()
            pool.submit(contextvars.copy_context().run, log.info, "submitted, copied").result()
    assert {str(r.body): dict(r.attributes) for r in memory.records()} == {
        "bare": {},
        "bare, of asyncio": {},
        "copied": {"request": 1},
        "to_thread": {"request": 1},
        "submitted": {},
        "submitted, copied": {"request": 2},
    }


def test_a_thread_of_a_pool_keeps_nothing_of_the_task_before(memory: InMemory) -> None:
    """Neither what the task was given, nor what it bound itself, nor what it left open."""
    log = memory.log
    threads: set[int] = set()
    left_open: list[Callable[[], object]] = []

    def binds(n: int) -> None:
        threads.add(threading.get_ident())
        with forebay.context(task=n, left=n):
            log.info("binds", n=n)
        log.info("bound no more", n=n)

    def leaves_open(n: int) -> None:
        def generator() -> Generator[None, None, None]:
            with forebay.context(open=n):
                yield

        inside = generator()
        next(inside)
        left_open.append(partial(contextvars.copy_context().run, inside.close))
        log.info("open", n=n)

    with ThreadPoolExecutor(1) as pool:
        for n in (1, 2):
            with forebay.context(request=n):
                pool.submit(contextvars.copy_context().run, binds, n).result()
                pool.submit(contextvars.copy_context().run, leaves_open, n).result()
            pool.submit(log.info, "next").result()
            pool.submit(binds, n + 10).result()
    for close in left_open:
        close()
    assert len(threads) == 1
    found = [
        (r.body, {k: v for k, v in r.attributes.items() if k != "n"}) for r in memory.records()
    ]
    expected = []
    for n in (1, 2):
        expected += [
            ("binds", {"request": n, "task": n, "left": n}),
            ("bound no more", {"request": n}),
            ("open", {"request": n, "open": n}),
            ("next", {}),
            ("binds", {"task": n + 10, "left": n + 10}),
            ("bound no more", {}),
        ]
    assert found == expected


def test_a_block_that_is_left_elsewhere_brings_nothing_there(memory: InMemory) -> None:
    """The collector of garbage closes generators in whatever task it happens to run."""

    def generator() -> Generator[None, None, None]:
        with forebay.context(step=1):
            yield

    def request() -> Generator[None, None, None]:
        with forebay.context(user="mallory"):
            inside = generator()
            next(inside)
            return inside

    left = contextvars.copy_context().run(request)
    left.close()
    memory.log.info("of nobody")
    with forebay.context(user="alice"):
        contextvars.copy_context().run(request).close()
        memory.log.info("of alice")
    assert [dict(r.attributes) for r in memory.records()] == [{}, {"user": "alice"}]


def test_a_block_that_is_left_in_a_copy_of_its_context_ends_there(memory: InMemory) -> None:
    """With a block around it, and without."""

    def generator() -> Generator[None, None, None]:
        with forebay.context(step=1):
            yield

    def leave(inside: Generator[None, None, None]) -> None:
        inside.close()
        memory.log.info("left")

    def enter() -> None:
        inside = generator()
        next(inside)
        contextvars.copy_context().run(leave, inside)

    contextvars.copy_context().run(enter)
    with forebay.context(user="alice"):
        enter()
    assert [dict(r.attributes) for r in memory.records()] == [{}, {"user": "alice"}]
