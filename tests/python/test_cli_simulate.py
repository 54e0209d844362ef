"""``forebay simulate``: what it answers, as JSON, table, plot and sentence."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

from forebay.cli import main
from forebay.cli.simulate_svg import nice_ticks
from tests.waiting import wait_until

# A short run in which one small lane overflows and the other does not.
SMALL = [
    "--rate=info=2000,error=10",
    "--outage=4s@1s",
    "--length=8s",
    "--lane=errors:min_level=ERROR,queue_records=4096,backlog_share=0.5",
    "--lane=rest:queue_records=4096,on_full=drop_oldest",
]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "forebay.toml"
    path.write_text(
        "[backlog]\nmax_bytes = 65536\n"
        "[retry]\ninitial = 0.05\nmax = 0.1\n"
        "[breaker]\nopen_initial = 0.05\nopen_max = 0.1\n"
    )
    return path


@pytest.fixture(autouse=True)
def terminal_of_100_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")


def simulate(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str, str]:
    code = main(["simulate", *map(str, arguments)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def as_json(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> dict[str, Any]:
    code, out, err = simulate(capsys, *arguments, "--json")
    assert (code, err) == (0, "")
    result: dict[str, Any] = json.loads(out)
    return result


def assert_law(numbers: dict[str, Any]) -> None:
    """Every record has one end."""
    ends = ("delivered", "lost", "sampled_out", "rate_limited", "held")
    assert numbers["emitted"] + numbers["internal"] == sum(numbers[end] for end in ends)
    assert numbers["lost"] == sum(numbers["lost_by_reason"].values())
    assert numbers["difference"] == 0


def test_every_record_has_one_end_in_every_lane_and_in_sum(
    capsys: pytest.CaptureFixture[str], config: Path
) -> None:
    """And the overflow is the small lane's alone, while the outage lasts and its queue is full."""
    answer = as_json(capsys, *SMALL, "--config", config)
    errors, rest, total = answer["lanes"]["errors"], answer["lanes"]["rest"], answer["total"]
    for numbers in (errors, rest, total):
        assert_law(numbers)
    assert answer["balanced"] is True
    assert total["emitted"] == errors["emitted"] + rest["emitted"] == 16_080
    assert total["held"] == 0
    assert errors["lost"] == 0
    assert 3000 < rest["lost"] < 8000
    assert set(rest["lost_by_reason"]) == {"dropped.queue_full_oldest"}
    assert (rest["peak_queue"] > 0.99, errors["peak_queue"] < 0.5) == (True, True)
    assert 0.1 < rest["time_to_full_s"] < 4
    assert rest["full_at_s"] == pytest.approx(1 + rest["time_to_full_s"])
    assert rest["first_loss_at_s"] == pytest.approx(rest["full_at_s"], abs=0.3)
    assert 0 < rest["recovery_s"] < 2
    samples = answer["samples"]
    assert samples[-1]["lanes"]["rest"]["lost"] == rest["lost"]
    assert samples[-1]["lanes"]["rest"]["held"] == 0
    losses = [sample["lanes"]["rest"]["lost"] for sample in samples]
    assert losses == sorted(losses)
    assert max(sample["lanes"]["rest"]["queue"] for sample in samples) == rest["peak_queue"]


def test_the_same_question_has_the_same_answer(
    capsys: pytest.CaptureFixture[str], config: Path
) -> None:
    """No clock and no chance of this machine is in it."""
    first = as_json(capsys, *SMALL, "--config", config)
    assert as_json(capsys, *SMALL, "--config", config) == first
    other = as_json(capsys, *SMALL, "--config", config, "--seed=2")
    assert other["samples"] != first["samples"]


def test_several_seeds_show_medians_and_ranges_and_the_run_in_the_middle(
    capsys: pytest.CaptureFixture[str], config: Path
) -> None:
    """Each run is the one that its seed alone gives."""
    runs = [as_json(capsys, *SMALL, "--config", config, f"--seed={n}") for n in (3, 4, 5)]
    answer = as_json(capsys, *SMALL, "--config", config, "--seed=3", "--seeds=3")
    seeds = answer.pop("seeds")
    assert (seeds["runs"], seeds["first"], seeds["balanced"]) == (3, 3, True)
    lost = sorted(run["total"]["lost"] for run in runs)
    assert seeds["total"]["lost"] == {"median": lost[1], "min": lost[0], "max": lost[2], "runs": 3}
    recoveries = sorted(run["lanes"]["rest"]["recovery_s"] for run in runs)
    assert seeds["lanes"]["rest"]["recovery_s"]["median"] == recoveries[1]
    assert seeds["lanes"]["errors"]["first_loss_at_s"] is None
    assert answer in runs
    assert answer["total"]["lost"] == lost[1]

    code, out, _ = simulate(capsys, *SMALL, "--config", config, "--seed=3", "--seeds=3")
    assert code == 0
    (row,) = [line for line in out.splitlines() if line.startswith("in sum") and " … " in line]
    assert row.split() == ["in", "sum", "lost", f"{lost[1]:,}", f"{lost[0]:,}", "…", f"{lost[2]:,}"]


@pytest.mark.parametrize("seeds", ["0", "101"])
def test_a_bad_number_of_seeds_is_refused(capsys: pytest.CaptureFixture[str], seeds: str) -> None:
    """With the range."""
    code, out, err = simulate(capsys, *SMALL, "--seeds", seeds)
    assert (code, out) == (2, "")
    assert err == f"forebay simulate: --seeds: {seeds} is not in 1..100\n"


def test_what_only_the_simulated_collector_would_warn_of_is_not_said(config: Path) -> None:
    """Such as a breaker that opens: stderr is for what is so."""
    done = subprocess.run(
        [sys.executable, "-m", "forebay", "simulate", *SMALL, f"--config={config}"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stderr == ""
    assert "You would lose" in done.stdout


def test_without_an_outage_nothing_is_lost(capsys: pytest.CaptureFixture[str]) -> None:
    """And the sentence says so."""
    answer = as_json(capsys, "--rate=1000", "--length=3s")
    assert answer["answer"].startswith("You would lose nothing: of 3,000 records none is lost")
    assert answer["total"]["recovery_s"] is None
    assert answer["total"]["time_to_full_s"] is None


def test_a_slow_destination_loses_without_an_outage(
    capsys: pytest.CaptureFixture[str], config: Path
) -> None:
    """What comes above its rate, once all is full."""
    answer = as_json(
        capsys, "--rate=4000", "--length=10s", "--destination-rate=1k", "--config", config,
        "--lane=only:queue_records=2048",
    )  # fmt: skip
    total = answer["total"]
    assert_law(total)
    assert total["lost"] == pytest.approx(30_000, rel=0.15)
    assert "after the beginning" in answer["answer"]


def test_what_the_users_own_rules_let_go_is_no_loss(
    capsys: pytest.CaptureFixture[str], config: Path
) -> None:
    """A rate limit and sampling act under virtual time as they do in real time."""
    config.write_text(
        config.read_text()
        + "[[sampling]]\ntype = 'ratio'\nratio = 0.25\nmax_level = 'DEBUG'\n"
        + "[[lanes]]\nname = 'only'\nrate_limit = {per_second = 2000, burst = 500}\n"
    )
    total = as_json(capsys, "--rate=debug=2000,info=4000", "--length=10s", f"--config={config}")[
        "total"
    ]
    assert_law(total)
    assert total["lost"] == 0
    assert total["sampled_out"] == pytest.approx(15_000, abs=10)
    # 4,500 come to the limit in a second.
    assert total["rate_limited"] == pytest.approx(25_000 - 500, rel=0.02)
    assert total["delivered"] == pytest.approx(20_000 + 500 + total["internal"], rel=0.02)


def test_early_drop_goes_before_the_queue_is_full(
    capsys: pytest.CaptureFixture[str], config: Path
) -> None:
    """And with it the answer is the same each time, too."""
    arguments = (
        "--rate=2000",
        "--outage=5s@1s",
        "--length=7s",
        f"--config={config}",
        "--lane=only:queue_records=4096,early_drop.start=0.5,early_drop.full=0.9",
    )
    first = as_json(capsys, *arguments)
    assert set(first["total"]["lost_by_reason"]) == {"dropped.early_drop"}
    assert 0.5 < first["total"]["peak_queue"] < 0.95
    assert as_json(capsys, *arguments) == first


def test_a_lane_that_blocks_holds_its_caller_up_instead(
    capsys: pytest.CaptureFixture[str], config: Path
) -> None:
    """No loss; the wait is told, by lane."""
    answer = as_json(
        capsys, "--rate=4000", "--outage=5s@1s", "--length=7s", "--config", config,
        "--lane=only:queue_records=2048,on_full=block",
    )  # fmt: skip
    total = answer["total"]
    assert_law(total)
    assert total["lost"] == 0
    assert 3 < total["waited_s"] < 6
    assert "Callers would wait" in answer["answer"]


def test_a_record_that_waited_its_time_goes_on_to_the_next_policy(
    capsys: pytest.CaptureFixture[str], config: Path
) -> None:
    """block(100ms)+drop_newest: ten a second are dropped, one after the other."""
    answer = as_json(
        capsys, "--rate=4000", "--outage=5s@1s", "--length=6s", "--config", config,
        "--lane=only:queue_records=2048,on_full=block(100ms)+drop_newest",
    )  # fmt: skip
    total = answer["total"]
    assert_law(total)
    assert total["lost"] == pytest.approx(10 * total["waited_s"], abs=3)
    assert total["not_emitted"] > 5000


def test_one_exporter_that_is_away_is_stood_in_for(
    capsys: pytest.CaptureFixture[str], config: Path
) -> None:
    """An outage of the first alone loses less than one of the route."""
    config.write_text(
        config.read_text()
        + "[[routes]]\nname = 'main'\nexporters = [{type = 'otlp_http'}, {type = 'otlp_http'}]\n"
    )
    arguments = [
        "--rate=4000",
        "--length=8s",
        f"--config={config}",
        "--lane=only:queue_records=4096",
    ]
    both = as_json(capsys, *arguments, "--outage=5s@1s:main")["total"]
    one = as_json(capsys, *arguments, "--outage=5s@1s:main.0")["total"]
    assert both["lost"] > 8000
    assert one["lost"] < both["lost"] / 4


def test_the_table_and_the_plot_have_every_lane(
    capsys: pytest.CaptureFixture[str], config: Path
) -> None:
    """In 100 columns, with the sentence at the end."""
    code, out, err = simulate(capsys, *SMALL, "--config", config)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "2,010 records/s for 8 s, outage of 4 s from 1 s"
    assert lines[2].split() == ["errors", "rest", "in", "sum"]
    rows = {line[:29].strip(): line[29:].split() for line in lines[3:16] if line}
    assert rows["emitted"] == ["80", "16,000", "16,080"]
    assert rows["lost"] == rows["dropped.queue_full_oldest"]
    assert any(line.startswith("outage") and "▒" in line for line in lines)
    assert any(line.startswith("  lost/s") and "█" in line for line in lines)
    assert all(len(line) <= 100 for line in lines)
    sentence = lines.index("", len(lines) - 4) + 1
    assert lines[sentence].startswith("You would lose ")
    assert lines[-1].endswith(".")


def test_a_terminal_without_unicode_gets_a_plot_too(
    capsys: pytest.CaptureFixture[str], config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In ASCII."""
    monkeypatch.setattr("forebay.cli.simulate._shows_blocks", lambda: False)
    code, out, _ = simulate(capsys, *SMALL, "--config", config)
    assert code == 0
    assert out.isascii()


def test_the_page_shows_what_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """The same rows for the command that stands above them; their numbers may change."""
    page = (Path(__file__).resolve().parents[2] / "docs" / "simulate.md").read_text()
    command, shown = page.split("    python -m forebay simulate ", 1)[1].split("\n\n", 1)
    code, out, _ = simulate(capsys, *command.partition(" --out ")[0].split())
    assert code == 0

    def row_names(text: str) -> list[str]:
        lines = (line.strip() for line in text.splitlines())
        return [line[:8] for line in lines if line and line[0].isalpha()]

    names = row_names(out)
    assert len(names) > 15
    assert row_names(shown)[: len(names) - 1] == names[:-1]


SVG = "{http://www.w3.org/2000/svg}"


def test_the_plot_is_well_formed_svg_with_axes_and_units(
    capsys: pytest.CaptureFixture[str], config: Path, tmp_path: Path
) -> None:
    """A line a lane in each of three panels, all of it inside."""
    path = tmp_path / "plot.svg"
    code, out, err = simulate(capsys, *SMALL, "--config", config, "--out", path)
    assert (code, err) == (0, "")
    assert str(path) in out
    root = ElementTree.parse(path).getroot()
    assert root.tag == f"{SVG}svg"
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    texts = ["".join(text.itertext()) for text in root.iter(f"{SVG}text")]
    for wanted in ("errors", "rest", "outage", "Time, s", "100 %", "Lost, records a second"):
        assert wanted in texts
    curves = list(root.iter(f"{SVG}polyline"))
    assert len(curves) == 6
    for curve in curves:
        for point in curve.attrib["points"].split():
            x, y = map(float, point.split(","))
            assert 0 <= x <= width
            assert 0 <= y <= height


@pytest.mark.parametrize("most", [0.003, 1, 7, 9.5, 130, 9500, 1e7])
def test_ticks_are_round_and_reach_the_top(most: float) -> None:
    """From 0, evenly, a handful of them."""
    ticks = nice_ticks(most)
    assert ticks[0] == 0
    assert ticks[-1] >= most
    assert 3 <= len(ticks) <= 7
    assert ticks[-2] < most


# Says so when it begins to simulate a day.
A_DAY = """
import sys
from forebay.cli import main, simulate
inner = simulate._simulate
def say(asked):
    print("simulating", flush=True)
    return inner(asked)
simulate._simulate = say
sys.exit(main(["simulate", "--rate=100k", "--length=24h"]))
"""


def catches_interrupts(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status").read_text()
    caught = next(line for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught.split()[1], 16) & 1 << (signal.SIGINT - 1))


def test_ctrl_c_ends_a_long_simulation_at_once() -> None:
    """The core does not look at signals while it simulates."""
    process = subprocess.Popen([sys.executable, "-c", A_DAY], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "simulating\n"
    assert wait_until(lambda: not catches_interrupts(process.pid), timeout=30)
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == -signal.SIGINT
    process.stdout.close()
