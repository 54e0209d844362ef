"""Code of the pages that is not Python: it is what it says, too."""

from __future__ import annotations

import re
import subprocess
import sysconfig
from pathlib import Path

import pytest
import yaml

import forebay
from forebay.cli import main

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted({*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")})
FENCE = re.compile(r"^```([a-z]+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> dict[str, str]:
    """By page and line."""
    found = {}
    for page in PAGES:
        text = page.read_text()
        for match in FENCE.finditer(text):
            if match.group(1) == language:
                found[f"{page.name}:{text.count(chr(10), 0, match.start()) + 1}"] = match.group(2)
    return found


def test_every_language_of_the_pages_is_looked_at() -> None:
    """A new one needs a test here."""
    known = {"python", "toml", "cpp", "yaml"}
    assert {m.group(1) for page in PAGES for m in FENCE.finditer(page.read_text())} == known


@pytest.mark.parametrize("name", blocks("toml"))
def test_a_configuration_of_a_page_is_taken(name: str, tmp_path: Path) -> None:
    """By `from_config`, and on the simulator's page by the simulator."""
    path = tmp_path / "forebay.toml"
    path.write_text(blocks("toml")[name])
    try:
        collector = forebay.from_config(path)
        assert "audit" in collector.stats().lanes
    finally:
        if (started := forebay.get_collector()) is not None:
            started.shutdown(timeout=0)
    if name.startswith("simulate"):
        short = ["--rate", "100", "--outage", "1s", "--json"]
        assert main(["simulate", *short, "--config", str(path)]) == 0


@pytest.mark.parametrize("name", blocks("cpp"))
def test_c_plus_plus_of_a_page_compiles(name: str, tmp_path: Path) -> None:
    """Without a warning, against the installed headers."""
    source = tmp_path / "page.cc"
    source.write_text(blocks("cpp")[name])
    includes = [forebay.get_include(), sysconfig.get_paths()["include"]]
    command = ["g++", "-std=c++20", "-Wall", "-Wextra", "-Werror", "-fsyntax-only"]
    done = subprocess.run(
        [*command, *(f"-isystem{path}" for path in includes), str(source)],
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", blocks("yaml"))
def test_a_manifest_of_a_page_names_variables_that_there_are(name: str) -> None:
    """And volumes that it mounts."""
    manifest = yaml.safe_load(blocks("yaml")[name])
    pod = manifest["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    options = (ROOT / "docs" / "options.md").read_text()
    for variable in container["env"]:
        assert f"`{variable['name']}`" in options, variable
    assert {v["name"] for v in container["volumeMounts"]} == {v["name"] for v in pod["volumes"]}
    assert pod["terminationGracePeriodSeconds"] > 5
