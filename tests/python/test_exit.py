"""The end of the process: what was emitted is shipped, within its time, and nothing crashes."""

from __future__ import annotations

import time

from forebay.testing import Receiver
from tests.ports import free_port
from tests.python.in_memory import run_python, start_python


def bodies(receiver: Receiver) -> list[str]:
    return sorted(str(received.record.body) for received in receiver.records())


def test_records_are_shipped_at_exit_without_a_shutdown() -> None:
    """A script that just ends."""
    with Receiver() as receiver:
        run_python(
            """
            import sys, forebay
            forebay.start(exporter=forebay.OtlpHttpExporter(sys.argv[1]))
            log = forebay.get_logger("x")
            for i in range(1000):
                log.info("m")
            """,
            receiver.endpoint,
        )
        assert receiver.counts().unique_records == 1000


def test_a_collector_that_nobody_kept_is_shut_down_at_exit_too() -> None:
    """Only its logger is still held."""
    with Receiver() as receiver:
        run_python(
            """
            import sys, forebay
            log = forebay.Collector(exporter=forebay.OtlpHttpExporter(sys.argv[1])).logger("x")
            log.info("m")
            """,
            receiver.endpoint,
        )
        assert bodies(receiver) == ["m"]


def test_an_exception_that_ends_the_program_is_no_obstacle() -> None:
    """atexit runs all the same."""
    with Receiver() as receiver:
        run_python(
            """
            import sys, forebay
            forebay.start(exporter=forebay.OtlpHttpExporter(sys.argv[1]))
            forebay.get_logger("x").info("m")
            raise SystemExit(3)
            """,
            receiver.endpoint,
            expect=3,
        )
        assert bodies(receiver) == ["m"]


def test_daemon_threads_that_go_on_emitting_do_no_harm() -> None:
    """Their last records are refused or delivered; the process ends cleanly."""
    with Receiver() as receiver:
        done = run_python(
            """
            import sys, threading, forebay
            forebay.start(exporter=forebay.OtlpHttpExporter(sys.argv[1]), capture_logging=True)
            log = forebay.get_logger("x")
            import logging
            def work():
                while True:
                    log.info("m", a=1, nested=[1])
                    logging.info("n %s", 1)
            for _ in range(3):
                threading.Thread(target=work, daemon=True).start()
            while forebay.get_collector().stats().delivered < 100:
                pass
            """,
            receiver.endpoint,
        )
        assert receiver.counts().unique_records >= 100
        assert "Traceback" not in done.stderr


def test_emitting_from_atexit_and_del_after_our_own_shutdown_is_refused() -> None:
    """Later than us there is only False."""
    with Receiver() as receiver:
        done = run_python(
            """
            import atexit, sys
            def late():
                print("late", log.info("late"))
            atexit.register(late)            # before ours, so it runs after it
            import forebay
            forebay.start(exporter=forebay.OtlpHttpExporter(sys.argv[1]))
            log = forebay.get_logger("x")
            class Thing:
                def __del__(self, log=log):
                    log.info("from del", value=[1])
            thing = Thing()
            cycle = [thing]; cycle.append(cycle)
            log.info("m")
            """,
            receiver.endpoint,
        )
        assert done.stdout == "late False\n"
        assert bodies(receiver) == ["m"]


def test_what_is_logged_after_our_own_shutdown_at_exit_is_refused_and_counted() -> None:
    """Through a captured `logging` too: a record under no name at all would be lost unseen."""
    done = run_python(
        """
        import atexit, logging
        import forebay

        def late():
            logging.getLogger("late").warning("after the shutdown")
            stats = collector.stats()
            print(stats.emitted, stats.delivered, stats.refused_by_reason["shutdown"])
            print(collector.audit().balanced)

        atexit.register(late)  # runs after ours, which comes later
        collector = forebay.start(
            service_name="s", exporter=forebay.MemoryExporter(), capture_logging="INFO",
            console="off",
        )
        logging.getLogger("early").info("in time")
        """
    )
    assert done.stdout.split() == ["2", "1", "1", "True"], done.stderr


def test_logging_shutdown_after_ours_is_quick() -> None:
    """Its atexit handler flushes ours once more."""
    with Receiver() as receiver:
        run_python(
            """
            import logging, sys, forebay
            logging.getLogger().addHandler(forebay.LoggingHandler())
            forebay.start(exporter=forebay.OtlpHttpExporter(sys.argv[1]))
            logging.warning("m")
            """,
            receiver.endpoint,
        )
        assert bodies(receiver) == ["m"]


def test_where_the_destination_never_answered_exit_does_not_wait_long() -> None:
    """Half a second, and it says how many records it let go."""
    done = run_python(
        """
        import atexit, sys, time, forebay

        def begin():
            global begun
            begun = time.monotonic()

        atexit.register(lambda: print(time.monotonic() - begun))  # runs after ours
        forebay.start(exporter=forebay.OtlpHttpExporter(sys.argv[1]))
        atexit.register(begin)  # runs before ours
        log = forebay.get_logger("x")
        for _ in range(7):
            log.info("m")
        """,
        f"http://127.0.0.1:{free_port()}",
    )
    assert 0.4 < float(done.stdout) < 2.5
    assert "7 records were let go at exit" in done.stderr


def test_one_record_that_is_let_go_is_one() -> None:
    """In words, too."""
    done = run_python(
        """
        import sys, forebay
        forebay.start(exporter=forebay.OtlpHttpExporter(sys.argv[1]))
        forebay.get_logger("x").info("m")
        """,
        f"http://127.0.0.1:{free_port()}",
    )
    assert "forebay: 1 record was let go at exit" in done.stderr


def test_a_first_answer_that_takes_its_time_is_waited_for() -> None:
    """A program that ends at once: its one request is under way, and nothing has failed."""
    with Receiver() as receiver:
        receiver.stall(1.5)
        done = run_python(
            """
            import sys, forebay
            forebay.start(exporter=forebay.OtlpHttpExporter(sys.argv[1]))
            forebay.get_logger("x").info("m")
            """,
            receiver.endpoint,
        )
        assert bodies(receiver) == ["m"], done.stderr
        assert done.stderr == ""


def test_a_destination_that_never_answers_its_first_request_does_not_hold_up_exit_for_ever() -> (
    None
):
    """It has five seconds, like any; what it took may have arrived, and is not called lost."""
    with Receiver() as receiver:
        receiver.stall()
        begin = time.monotonic()
        done = run_python(
            """
            import sys, forebay
            forebay.start(exporter=forebay.OtlpHttpExporter(sys.argv[1]))
            forebay.get_logger("x").info("m")
            """,
            receiver.endpoint,
        )
        assert time.monotonic() - begin < 10
        assert "let go" not in done.stderr
        receiver.stall(0)


def test_a_destination_that_says_503_has_answered_and_is_waited_for() -> None:
    """It speaks: so it is worth more than half a second."""
    with Receiver() as receiver:
        receiver.fail(503, times=4)
        run_python(
            """
            import sys, forebay
            forebay.start(
                exporter=forebay.OtlpHttpExporter(sys.argv[1]),
                retry=forebay.RetryOptions(initial=0.3, max=0.3),
            )
            forebay.get_logger("x").info("m")
            """,
            receiver.endpoint,
        )
        assert bodies(receiver) == ["m"]


def test_exit_while_the_destination_hangs_ends_in_five_seconds() -> None:
    """It answered once, so it is waited for; but not for ever."""
    with Receiver() as receiver:
        process = start_python(
            """
            import sys, time, forebay
            collector = forebay.start(exporter=forebay.OtlpHttpExporter(sys.argv[1]))
            log = forebay.get_logger("x")
            log.info("one")
            assert collector.flush(10).complete
            print("flushed", flush=True)
            sys.stdin.readline()
            log.info("two")
            """,
            receiver.endpoint,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "flushed\n"
        receiver.stall()
        begin = time.monotonic()
        _, told = process.communicate("go\n", timeout=60)
        elapsed = time.monotonic() - begin
        assert process.returncode == 0
        assert 4 < elapsed < 10
        assert told.startswith(
            "forebay: 1 record was sent and not answered for (unknown) at exit: given up at "
            f"shutdown, without an answer of {receiver.endpoint}/v1/logs"
        )
        assert told.count("\n") == 1
        receiver.stall(0)


def test_several_destinations_that_never_answer_are_waited_for_at_the_same_time() -> None:
    """Half a second for all of them: it was half a second for each, twice."""
    done = run_python(
        """
        import atexit, sys, time, forebay

        def begin():
            global begun
            begun = time.monotonic()

        atexit.register(lambda: print(time.monotonic() - begun))  # runs after ours
        collectors = [
            forebay.Collector(exporter=forebay.OtlpHttpExporter(sys.argv[1])) for _ in range(8)
        ]
        atexit.register(begin)  # runs before ours
        for collector in collectors:
            collector.logger("x").info("m")
        """,
        f"http://127.0.0.1:{free_port()}",
    )
    assert 0.4 < float(done.stdout) < 4
    assert done.stderr.count("forebay: 1 record was let go at exit") == 8


def test_a_handler_that_raises_at_exit_costs_no_collector_its_end() -> None:
    """A time limit, say: it ends the wait, as Ctrl-C does, and comes out when all is done."""
    with Receiver() as hung, Receiver() as well:
        hung.stall()
        done = run_python(
            """
            import atexit, os, signal, sys, threading, time, forebay
            from forebay import _exit

            class TimeLimit(Exception):
                pass

            def limit(*_):
                raise TimeLimit

            signal.signal(signal.SIGALRM, limit)
            _exit.TIMEOUT = 60
            collectors = [
                forebay.Collector(
                    exporter=forebay.OtlpHttpExporter(url), batch=forebay.BatchOptions(max_delay=30)
                )
                for url in (sys.argv[1], sys.argv[2], sys.argv[2])
            ]
            atexit.register(lambda: print([each.is_shut_down for each in collectors]))
            for collector in collectors:
                collector.logger("x").info("m")

            def interrupt():
                while not (collectors[1].is_shut_down and collectors[2].is_shut_down):
                    time.sleep(0.01)
                os.kill(os.getpid(), signal.SIGALRM)

            threading.Thread(target=interrupt, daemon=True).start()
            # Ours runs before the print that was registered above.
            atexit.unregister(_exit._run_at_exit)
            atexit.register(_exit._run_at_exit)
            """,
            hung.endpoint,
            well.endpoint,
        )
        assert well.counts().unique_records == 2
    assert done.stdout.strip() == "[True, True, True]"
    assert "forebay: 1 record was sent and not answered for (unknown) at exit" in done.stderr
    assert "TimeLimit" in done.stderr


def test_a_collector_that_is_made_after_our_own_shutdown_at_exit_is_told_of() -> None:
    """Nobody is left to shut it down."""
    done = run_python(
        """
        import atexit, forebay

        def late():
            collector = forebay.Collector(exporter=forebay.MemoryExporter())
            collector.logger("x").info("m")
            collector.shutdown(5)

        atexit.register(late)  # runs after ours
        forebay.Collector(exporter=forebay.MemoryExporter())
        """
    )
    assert "a collector that is made while Python ends is not shut down by itself" in done.stderr


def test_a_child_that_is_forked_while_the_parent_ends_has_times_of_its_own() -> None:
    """Its collectors are shut down when it ends, and not when the parent would have."""
    done = run_python(
        """
        import os, forebay
        from forebay import _exit

        forebay.Collector(exporter=forebay.MemoryExporter())
        _exit._ending = _exit._Ending()
        child = os.fork()
        if child == 0:
            print(_exit._ending, flush=True)
            os._exit(0)
        os.waitpid(child, 0)
        _exit._ending = None
        """
    )
    assert done.stdout.strip() == "None"
