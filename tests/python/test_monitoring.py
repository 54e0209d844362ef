"""The dashboard and the alert rules of docs/monitoring, as Prometheus and Grafana judge them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

import forebay
from tests.python.own_series import OwnSeries
from tests.python.stalled import lane, stalled
from tests.waiting import wait_until

PAGE = Path(__file__).parents[2] / "docs" / "monitoring.md"
FOLDER = PAGE.with_suffix("")
DASHBOARD = json.loads((FOLDER / "dashboard.json").read_text())
RULES = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"][0]["rules"]
TESTS = yaml.safe_load((FOLDER / "alerts_test.yml").read_text())["tests"]

# All states of the ledger: those that a look did not see yet, too.
STATES = {
    *("emitted", "internal", "recovered", "delivered", "sampled_out", "rate_limited", "refused"),
    *("dropped", "expired", "rejected", "unknown", "superseded", "handed_over"),
}


@dataclass
class Seen:
    """What Forebay reports of itself, as Prometheus has it."""

    names: set[str] = field(default_factory=set)
    labels: set[str] = field(default_factory=lambda: {"job", "instance"})

    def look(self, collector: forebay.Collector) -> bool:
        """See more. True where some lane's time until full is told."""
        for name, series in OwnSeries(collector).values.items():
            self.names.add(name)
            self.labels |= {label for labels in series for label, _ in labels}
        return "forebay_lane_time_to_full_seconds" in self.names


@pytest.fixture(scope="module")
def seen() -> Seen:
    """Of a service whose lane fills before a destination that rejects, and then stands still."""
    found = Seen()
    with stalled(lane("a", queue_records=4096)) as s:
        s.collector.counter("orders").add(-1)
        s.receiver.clear()
        s.receiver.fail(400)
        log = s.collector.logger("a")
        log.info("x")
        assert s.collector.flush(30).complete
        s.receiver.stall()

        def more() -> bool:
            for _ in range(10):
                log.info("x" * 500)
            return found.look(s.collector)

        assert wait_until(more, 30)
    return found


def promtool(*arguments: str) -> None:
    """Debian's package ``prometheus`` has it; without it this fails."""
    program = shutil.which("promtool")
    assert program is not None, "promtool is missing: scripts/install-system-packages test"
    done = subprocess.run(
        [program, *arguments], cwd=FOLDER, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


def panels() -> Iterator[dict[str, Any]]:
    """Those that show something."""
    for panel in DASHBOARD["panels"]:
        if panel["type"] != "row":
            yield panel


def dashboard_queries() -> list[str]:
    """With something in the places of Grafana's variables."""
    queries = [target["expr"] for panel in panels() for target in panel["targets"]]
    return [
        query.replace("$__rate_interval", "5m").replace("$__range", "1h").replace("$", "")
        for query in queries
    ]


def all_queries() -> list[str]:
    return [*dashboard_queries(), *(rule["expr"] for rule in RULES)]


# -- the rules -----------------------------------------------------------------------------------


def test_promtool_takes_the_rules() -> None:
    """And finds nothing to say about them."""
    promtool("check", "rules", "--lint=all", "--lint-fatal", "alerts.yml")


def test_each_rule_fires_when_it_should_and_not_before() -> None:
    """In promtool's simulation of Prometheus."""
    promtool("test", "rules", "alerts_test.yml")


def test_each_rule_is_tried_both_ways() -> None:
    """A rule without a test might never fire, or always."""
    fires = {
        each["alertname"]
        for test in TESTS
        for each in test["alert_rule_test"]
        if each.get("exp_alerts")
    }
    rests = {
        each["alertname"]
        for test in TESTS
        for each in test["alert_rule_test"]
        if not each.get("exp_alerts")
    }
    names = {rule["alert"] for rule in RULES}
    assert fires == names
    assert rests == names


def test_the_page_explains_each_rule() -> None:
    """Under its name, and no other."""
    explained = re.findall(r"^### (Forebay\w+)$", PAGE.read_text(), re.MULTILINE)
    assert explained == [rule["alert"] for rule in RULES]


# -- the dashboard -------------------------------------------------------------------------------


def test_grafana_knows_every_field_of_the_dashboard() -> None:
    """What its own library reads and writes again is what there was."""
    plugins.register_default_plugins()
    read = Dashboard.from_json(DASHBOARD)
    written = json.loads(json.dumps(read, cls=JSONEncoder))
    assert list(lost(DASHBOARD, written, "")) == []


def lost(before: Any, after: Any, path: str) -> Iterator[str]:
    """The paths of what is not there, or not the same, afterwards. Defaults may be added."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key, value in before.items():
            if key in after:
                yield from lost(value, after[key], f"{path}.{key}")
            else:
                yield f"{path}.{key}"
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from lost(one, other, f"{path}[{index}]")
    elif before != after:
        yield path


def test_panels_lie_beside_each_other() -> None:
    """Each has a number and a place of its own."""
    taken: dict[tuple[int, int], str] = {}
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert taken.setdefault((x, y), panel["title"]) == panel["title"]
    numbers = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(numbers) == len(set(numbers))


def test_every_panel_goes_by_the_variables_of_the_dashboard() -> None:
    """Data source, service and instance; each metric of a query, not only one."""
    variables = {each["name"] for each in DASHBOARD["templating"]["list"]}
    assert variables == {"datasource", "job", "instance"}
    for panel in panels():
        assert panel["description"]
        for target in panel["targets"]:
            assert target["datasource"]["uid"] == "${datasource}"
            selectors = re.findall(r"[a-z_]+{([^}]*)}", target["expr"])
            assert len(selectors) == len(names_in(target["expr"]))
            for selector in selectors:
                assert selector.startswith('job=~"$job", instance=~"$instance"')


def test_promtool_takes_every_query_of_the_dashboard(tmp_path: Path) -> None:
    """As the expression of a rule."""
    rules = [
        {"record": f"query:{number}", "expr": query}
        for number, query in enumerate(dashboard_queries())
    ]
    path = tmp_path / "queries.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    promtool("check", "rules", str(path))


# -- both ----------------------------------------------------------------------------------------


def names_in(query: str) -> list[str]:
    """The metrics of a query: names that are no labels and no texts."""
    bare = re.sub(r'"[^"]*"|{[^}]*}|\bby \([^)]*\)', "", query)
    return re.findall(r"\b(?:forebay|otel)_[a-z_]+", bare)


def test_every_metric_and_label_that_is_asked_for_is_one_that_there_is(
    seen: Seen,
) -> None:
    """A typo would show nothing, and never fire."""
    variables = [
        each["query"]["query"]
        for each in DASHBOARD["templating"]["list"]
        if each["name"] != "datasource"
    ]
    asked = {name for query in [*all_queries(), *variables] for name in names_in(query)}
    assert asked - seen.names == set()
    assert "forebay_lane_time_to_full_seconds" in asked
    for query in all_queries():
        by = re.findall(r"\bby \(([^)]*)\)", query)
        labels = {label.strip() for group in by for label in group.split(",")}
        labels |= set(re.findall(r"(\w+)(?:=|!=|=~|!~)\"", query)) - {"otel_metric_overflow"}
        assert labels - {"metric"} <= seen.labels
        for states in re.findall(r'forebay_state[=!~]+"([^"]*)"', query):
            assert set(states.split("|")) <= STATES
    for test in TESTS:
        for series in test["input_series"]:
            if series["series"].startswith("forebay_"):
                assert set(names_in(series["series"])) <= seen.names


def test_the_balance_is_over_every_state_of_the_ledger() -> None:
    """The rule that checks it names what comes in; all other states are where it went."""
    (rule,) = (rule for rule in RULES if rule["alert"] == "ForebayLedgerUnbalanced")
    assert set(re.findall(r'forebay_state=~"([^"]*)"', rule["expr"])) == {
        "emitted|internal|recovered"
    }
    assert set(re.findall(r'forebay_state!~"([^"]*)"', rule["expr"])) == {
        "emitted|internal|recovered"
    }
