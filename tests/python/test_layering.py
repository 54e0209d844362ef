"""The source tree keeps its shape: no include goes up, no stage knows another, no file overgrows.

Each check is a function from a tree to the sentences that say what is wrong with it; the tests run
it over this tree, where it must find nothing, and over small wrong ones, where it must find the
fault.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

STAGES = frozenset(
    ("admit", "queue", "batch", "encode", "compress", "backlog", "spool", "ship", "metrics")
)
BELOW_STAGES = frozenset({"public", "base", "model", "account"})

# What each layer may include besides itself. "top" is collector, C API and fork: the files that lie
# in cpp/src itself.
ALLOWED: dict[str, frozenset[str]] = {
    "public": frozenset(),
    "base": frozenset({"public"}),
    "model": frozenset({"public", "base"}),
    "account": frozenset({"public", "base"}),
    **dict.fromkeys(STAGES, BELOW_STAGES),
    # From encode on, nothing knows what a record is.
    **dict.fromkeys(("backlog", "spool", "ship"), BELOW_STAGES - {"model"}),
    "pipeline": BELOW_STAGES | STAGES,
    "top": BELOW_STAGES | STAGES | {"pipeline"},
    "bindings": frozenset({"public"}),
}
# The core never touches Python; a public header does, for native modules that attach.
MAY_INCLUDE_PYTHON = frozenset({"public", "bindings"})

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">]+)[">]', re.MULTILINE)
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 100
SAYS_WHY = re.compile(r"\blong because\b", re.IGNORECASE)
FIRST_LINES = 15


def cpp_files(root: Path) -> list[Path]:
    return sorted(p for p in (root / "cpp").rglob("*") if p.suffix in {".h", ".cc", ".cpp", ".c"})


def layer_of(root: Path, file: Path) -> str | None:
    """The layer that a file under cpp/ belongs to, or None when its folder is not a known one."""
    match file.relative_to(root / "cpp").parts:
        case ("include", "forebay", *_):
            return "public"
        case ("bindings", *_):
            return "bindings"
        case ("src", _):
            return "top"
        case ("src", folder, *_) if folder in ALLOWED and folder not in {"top", "public"}:
            return folder
    return None


def resolve(root: Path, file: Path, name: str) -> Path | None:
    """The project's file that an include names, as the compiler would look for it."""
    for folder in (file.parent, root / "cpp/src", root / "cpp/include"):
        candidate = (folder / name).resolve()
        if candidate.is_file() and candidate.is_relative_to(root / "cpp"):
            return candidate
    return None


def wrong_includes(root: Path) -> Iterator[str]:
    """A sentence for each include line that points where its layer may not look."""
    for file in cpp_files(root):
        shown = file.relative_to(root)
        layer = layer_of(root, file)
        if layer is None:
            yield f"{shown}: its folder is not one that docs/architecture.md knows"
            continue
        for quote, name in INCLUDE.findall(file.read_text()):
            is_python = name == "Python.h" or name.startswith("pybind11/")
            if is_python and layer not in MAY_INCLUDE_PYTHON:
                yield f"{shown}: {layer} includes <{name}>; the core never touches Python"
            target = resolve(root, file, name)
            if target is None:
                if quote == '"' and not is_python:
                    yield f'{shown}: "{name}" is no file of the project; <> is for what is outside'
                continue
            target_layer = layer_of(root, target)
            if target_layer not in ALLOWED[layer] | {layer}:
                yield f"{shown}: {layer} includes {name}, which is {target_layer}"


def python_that_imports_tests(root: Path) -> Iterator[str]:
    """A sentence for each import in the package that reaches into the tests."""
    for file in sorted((root / "python").rglob("*.py")):
        if file.name == "_pytest_fixture.py":
            continue  # what users' tests have of us
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            else:
                continue
            for name in names:
                if name.split(".")[0] in {"tests", "pytest", "conftest", "hypothesis"}:
                    yield f"{file.relative_to(root)}:{node.lineno}: the package imports {name}"


def written_files(root: Path) -> Iterator[Path]:
    for folder in ("cpp", "python", "tests", "benchmarks", "examples"):
        for file in sorted((root / folder).rglob("*")):
            if file.suffix in {".h", ".cc", ".py", ".pyi"} and file.is_file():
                yield file


def files_too_long(root: Path) -> Iterator[str]:
    """A sentence for each file over 400 lines whose first lines do not say why."""
    for file in written_files(root):
        lines = file.read_text().splitlines()
        if len(lines) > MAX_FILE_LINES and not SAYS_WHY.search(" ".join(lines[:FIRST_LINES])):
            yield (
                f"{file.relative_to(root)}: {len(lines)} lines; split it by concept, or say "
                "'Long because ...' in its first lines"
            )


def python_functions(text: str) -> Iterator[tuple[str, int, int]]:
    """Name, first line and number of lines of each function."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, node.lineno, (node.end_lineno or node.lineno) - node.lineno + 1


CPP_NOT_A_FUNCTION = re.compile(
    r"^(namespace|class|struct|union|enum|extern|typedef|using|#|//|\}|\s)"
)


def cpp_functions(text: str) -> Iterator[tuple[str, int, int]]:
    """The same for C++, by the lay-out that clang-format gives: a function outside a class starts
    in the first column, and a brace in the first column ends it."""
    start = 0
    head = ""
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("}"):
            if start and "(" in head:
                yield head.split("(")[0].split()[-1], start, number - start + 1
            start, head = 0, ""
        elif not start and line and not CPP_NOT_A_FUNCTION.match(line):
            start, head = number, line
        elif start and not head.rstrip().endswith(("{", ";")):
            head += " " + line.strip()
        if head.rstrip().endswith(";"):
            start, head = 0, ""


def functions_too_long(root: Path) -> Iterator[str]:
    """A sentence for each function over 100 lines that does not say why."""
    for file in written_files(root):
        if file.suffix == ".pyi":
            continue
        text = file.read_text()
        lines = text.splitlines()
        functions = python_functions if file.suffix == ".py" else cpp_functions
        for name, first, length in functions(text):
            around = " ".join(lines[max(0, first - 8) : first + 8])
            if length > MAX_FUNCTION_LINES and not SAYS_WHY.search(around):
                yield (
                    f"{file.relative_to(root)}:{first}: {name} has {length} lines; split it, "
                    "or say 'Long because ...' above it"
                )


CHECKS = [wrong_includes, python_that_imports_tests, files_too_long, functions_too_long]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_this_tree_keeps_its_shape(check: object) -> None:
    """No fault of any kind in what is written here."""
    assert callable(check)
    assert not list(check(ROOT))


def test_the_checks_see_this_tree() -> None:
    """Finding nothing means something: the layers have files, and includes were read."""
    layers = {layer_of(ROOT, file) for file in cpp_files(ROOT)}
    assert {"public", "base", "model", "account", "ship", "pipeline", "bindings"} <= layers
    resolved = [
        name
        for file in cpp_files(ROOT)
        for _, name in INCLUDE.findall(file.read_text())
        if resolve(ROOT, file, name)
    ]
    assert len(resolved) > 100


def tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root.resolve()


TARGETS = {
    "cpp/include/forebay/c_api.h": "",
    "cpp/src/base/clock.h": "",
    "cpp/src/model/record.h": "",
    "cpp/src/account/ledger.h": "",
    "cpp/src/batch/batcher.h": "",
    "cpp/src/ship/shipper.h": "",
    "cpp/src/pipeline/pipeline.h": "",
    "cpp/src/collector.h": "",
}


@pytest.mark.parametrize(
    ("file", "line", "fault"),
    [
        ("cpp/include/forebay/log.h", '#include "base/clock.h"', "public includes base/clock.h"),
        ("cpp/src/base/bytes.h", '#include "model/record.h"', "which is model"),
        ("cpp/src/model/site.h", '#include "account/ledger.h"', "which is account"),
        ("cpp/src/account/names.h", '#include "model/record.h"', "which is model"),
        ("cpp/src/encode/otlp.cc", '#include "batch/batcher.h"', "which is batch"),
        ("cpp/src/encode/otlp.cc", "#include <batch/batcher.h>", "which is batch"),
        ("cpp/src/encode/otlp.cc", '  #  include "../batch/batcher.h"', "which is batch"),
        ("cpp/src/backlog/backlog.h", '#include "model/record.h"', "backlog includes model"),
        ("cpp/src/spool/segment.h", '#include "model/record.h"', "spool includes model"),
        ("cpp/src/ship/http.h", '#include "model/record.h"', "ship includes model"),
        ("cpp/src/queue/lane.h", '#include "pipeline/pipeline.h"', "which is pipeline"),
        ("cpp/src/pipeline/drain.h", '#include "collector.h"', "which is top"),
        ("cpp/bindings/emit.cc", '#include "base/clock.h"', "bindings includes base/clock.h"),
        ("cpp/bindings/emit.cc", '#include "../src/collector.h"', "which is top"),
        ("cpp/src/queue/lane.h", "#include <Python.h>", "never touches Python"),
        ("cpp/src/queue/lane.h", '#include "nowhere.h"', "is no file of the project"),
        ("cpp/src/helpers/strings.h", "", "its folder is not one"),
    ],
)
def test_a_wrong_arrow_is_found(tmp_path: Path, file: str, line: str, fault: str) -> None:
    """Each kind of wrong include is named, with the file that has it."""
    root = tree(tmp_path, TARGETS | {file: line + "\n"})
    (found,) = wrong_includes(root)
    assert found.startswith(f"{file}: ")
    assert fault in found


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("cpp/src/base/bytes.h", "#include <forebay/c_api.h>"),
        ("cpp/src/batch/batcher.cc", '#include "batcher.h"\n#include "model/record.h"'),
        ("cpp/src/ship/http.cc", '#include "ship/shipper.h"\n#include "account/ledger.h"'),
        ("cpp/src/pipeline/drain.cc", '#include "batch/batcher.h"\n#include "ship/shipper.h"'),
        ("cpp/src/fork.cc", '#include "collector.h"\n#include "pipeline/pipeline.h"'),
        ("cpp/bindings/emit.cc", "#include <forebay/c_api.h>\n#include <pybind11/pybind11.h>"),
    ],
)
def test_a_right_arrow_is_let_be(tmp_path: Path, file: str, line: str) -> None:
    """Downward includes, in either form of quotes, are no fault."""
    assert list(wrong_includes(tree(tmp_path, TARGETS | {file: line + "\n"}))) == []


def test_a_package_that_imports_its_tests_is_found(tmp_path: Path) -> None:
    """Also inside a function, where an import is easily overlooked."""
    source = "def f() -> None:\n    from tests.integration import conftest\n"
    (found,) = python_that_imports_tests(tree(tmp_path, {"python/forebay/a.py": source}))
    assert found == "python/forebay/a.py:2: the package imports tests.integration"


def test_a_long_file_must_say_why(tmp_path: Path) -> None:
    """401 lines are a fault, 400 are not, and a reason in the first lines excuses."""
    root = tree(
        tmp_path,
        {
            "cpp/src/base/a.h": "//\n" * 401,
            "cpp/src/base/b.h": "//\n" * 400,
            "python/forebay/c.py": "# Long because the table is one.\n" + "#\n" * 500,
        },
    )
    (found,) = files_too_long(root)
    assert found.startswith("cpp/src/base/a.h: 401 lines")


def test_a_long_function_must_say_why(tmp_path: Path) -> None:
    """In both languages, and a class or a namespace of that length is not a function."""
    body = "  step();\n" * 120
    root = tree(
        tmp_path,
        {
            "cpp/src/base/a.cc": "namespace x {\n\nvoid run(int a,\n         int b) {\n"
            + body
            + "}\n\n}\n",
            "cpp/src/base/b.cc": "// Long because it is a table.\nint table() {\n" + body + "}\n",
            "cpp/src/base/c.h": "class C {\n"
            + body
            + "};\nvoid g();\nstruct D {\n"
            + body
            + "};\n",
            "python/forebay/d.py": "def f() -> None:\n" + "    step()\n" * 100,
        },
    )
    found = list(functions_too_long(root))
    assert [line.split(" has ")[0] for line in found] == [
        "cpp/src/base/a.cc:3: run",
        "python/forebay/d.py:1: f",
    ]
