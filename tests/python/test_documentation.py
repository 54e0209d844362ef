"""What the documents say is so: their Python runs, their links and names lead somewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import forebay

ROOT = Path(__file__).resolve().parents[2]
TUTORIALS = [
    ROOT / "README.md",
    *(ROOT / "docs" / f"{name}.md" for name in ("guide", "back-pressure", "losses", "migrate")),
    ROOT / "docs" / "services.md",
]
PAGES = sorted(
    {
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("examples/**/*.md"),
        *ROOT.glob("benchmarks/*.md"),
    }
)
EXAMPLES = sorted(ROOT.glob("examples/*.py"))

# A block that is a file of its own; tests/integration/test_services_page.py runs these.
FILE = re.compile(r"# [a-z_/]+\.py\n")
PYTHON_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
COMMAND = re.compile(r"(?:-m forebay|`forebay) ([a-z]+)\b")
TARGET = re.compile(r"(?<![\w-])make ([a-z][a-z-]*)\b")
PUBLIC_NAME = re.compile(r"(?<![\"'])\bforebay\.([A-Za-z_]+)")  # not a key of attributes
CODE = re.compile(r"^```.*?^```$|^ {4}[^\n]*$|`[^`\n]+`", re.MULTILINE | re.DOTALL)


def blocks() -> list[tuple[str, str]]:
    """Each Python block with a name, and above it as many empty lines as the page has."""
    found = []
    for page in TUTORIALS:
        text = page.read_text()
        for match in PYTHON_BLOCK.finditer(text):
            if FILE.match(match.group(1)):
                continue
            line = text.count("\n", 0, match.start(1))
            found.append((f"{page.name}:{line + 1}", "\n" * line + match.group(1)))
    return found


def run(argument: list[str], tmp_path: Path) -> subprocess.CompletedProcess[str]:
    """Run Python with everything that Forebay writes under a folder of its own."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "FOREBAY_"))}
    environment |= {
        "HOME": str(tmp_path),
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "FOREBAY_RUN_DIR": str(tmp_path / "run"),
    }
    (tmp_path / "run").mkdir(exist_ok=True)
    return subprocess.run(
        [sys.executable, *argument],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize(("name", "code"), blocks(), ids=[name for name, _ in blocks()])
def test_python_block_of_a_page_runs(name: str, code: str, tmp_path: Path) -> None:
    """What a reader copies runs as it is, and no assertion in it fails."""
    done = run(["-c", code], tmp_path)
    assert done.returncode == 0, f"{name}:\n{done.stderr}"


@pytest.mark.parametrize("example", EXAMPLES, ids=[e.name for e in EXAMPLES])
def test_example_runs(example: Path, tmp_path: Path) -> None:
    """Each small example runs to its end; those that count check their own ledger."""
    done = run([str(example)], tmp_path)
    assert done.returncode == 0, done.stderr


def test_cat_prints_what_the_readme_shows(tmp_path: Path) -> None:
    """The quickstart's records come out of `cat` with time, level, scope, message, attributes."""
    started = run([str(ROOT / "examples" / "quickstart.py")], tmp_path)
    assert started.stdout == "emitted 2 = delivered 2 + lost 0\n"
    assert "no endpoint is set, so records go to" in started.stderr
    printed = run(["-m", "forebay", "cat"], tmp_path).stdout
    pattern = (
        r"^\S+Z INFO +checkout\.api request finished route=/items status=200 elapsed_ms=12\.5$"
    )
    assert re.search(pattern, printed, re.MULTILINE), printed
    assert re.search(r"^\S+Z ERROR +checkout\.api payment failed ", printed, re.MULTILINE), printed


def test_policies_example_names_each_loss(tmp_path: Path) -> None:
    """What the guide shows of it is what it prints, but for the numbers."""
    done = run([str(ROOT / "examples" / "policies.py")], tmp_path)
    guide = (ROOT / "docs" / "guide.md").read_text()
    shown = re.findall(r"^    ((?:newest|oldest|fail|patient) .*)$", guide, re.MULTILINE)
    assert len(shown) == 4

    def without_numbers(line: str) -> str:
        return re.sub(r"\d+", "N", line)

    printed = [without_numbers(line) for line in done.stdout.splitlines()]
    for line in shown:
        assert without_numbers(line) in printed, done.stdout


@pytest.mark.parametrize("page", PAGES, ids=[str(p.relative_to(ROOT)) for p in PAGES])
def test_links_lead_to_files(page: Path) -> None:
    """Each relative link of a page is a file or folder of this tree."""
    # In code, brackets and parentheses are something else.
    text = CODE.sub("", page.read_text())
    dead = [
        target
        for target in LINK.findall(text)
        if "://" not in target
        and not target.startswith("#")
        and not (page.parent / target.partition("#")[0]).exists()
    ]
    assert not dead


def test_commands_named_exist(tmp_path: Path) -> None:
    """Each `python -m forebay COMMAND` or `forebay COMMAND` in a page is one that there is."""
    named = {
        command
        for page in PAGES
        for code in CODE.findall(page.read_text())
        for command in COMMAND.findall(code)
    }
    assert {"cat", "stats", "receive", "pipe"} <= named
    usage = run(["-m", "forebay", "--help"], tmp_path).stdout
    known = set(re.findall(r"^    ([a-z]+) ", usage, re.MULTILINE))
    assert named <= known


def test_make_targets_named_exist() -> None:
    """Each `make TARGET` in code of a page is a target of the Makefile."""
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    named = {
        target
        for page in PAGES
        for code in CODE.findall(page.read_text())
        for target in TARGET.findall(code)
    }
    assert {"demo", "test"} <= named
    assert named <= targets


@pytest.mark.parametrize("page", TUTORIALS, ids=[p.name for p in TUTORIALS])
def test_public_names_in_use_exist(page: Path) -> None:
    """Each `forebay.NAME` in a page's Python is a public name."""
    used = {
        name
        for code in PYTHON_BLOCK.findall(page.read_text())
        for name in PUBLIC_NAME.findall(code)
    }
    assert used
    modules = {p.stem for p in (ROOT / "python" / "forebay").glob("[a-z]*")}
    assert used - modules <= set(forebay.__all__)


def test_the_tests_that_the_page_of_faults_names_exist() -> None:
    """Each row of it names one at least."""
    sources = "".join(
        path.read_text()
        for path in (*ROOT.glob("tests/**/*_test.cc"), *ROOT.glob("tests/**/test_*.py"))
    )
    rows = [
        line.split("|")[1:5]
        for line in (ROOT / "docs" / "faults.md").read_text().splitlines()
        if line.startswith("|") and not line.startswith(("|---", "| fault"))
    ]
    assert len(rows) > 20
    for row in rows:
        names = re.findall(r"`([a-z_]+)`", row[3])
        assert names, row
        for name in names:
            assert re.search(rf"(def |, ){name}[()]", sources), name
