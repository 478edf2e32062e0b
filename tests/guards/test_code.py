"""Guards over the code itself; each message says what to do."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LONGEST_FILE = 400
LONGEST_FUNCTION = 50
LONGEST_VIEW = 25
BANNED_NAMES = {"utils", "helpers", "common", "misc"}
SOURCES = sorted(
    path
    for folder in ("portal", "integrations")
    for path in (ROOT / folder).rglob("*.py")
    if "versions" not in path.parts
)


def functions(path: Path) -> Iterator[ast.FunctionDef]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef):
            yield node


def length(function: ast.FunctionDef) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_stay_small(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= LONGEST_FILE, f"{lines} lines: give a part of it a file of its own"
    for function in functions(path):
        assert length(function) <= LONGEST_FUNCTION, f"{function.name}: split it into named steps"


@pytest.mark.parametrize(
    "path", [path for path in SOURCES if path.name == "views.py"], ids=lambda path: path.parent.name
)
def test_views_stay_thin(path: Path) -> None:
    for function in functions(path):
        assert length(function) <= LONGEST_VIEW, f"{function.name}: move rules to services"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_modules_are_named_for_what_they_hold(path: Path) -> None:
    assert path.stem not in BANNED_NAMES, "name it for what it holds"


def test_only_the_owner_of_the_transaction_commits() -> None:
    """Services flush; `foundation.db.transaction` alone commits and rolls back."""
    offenders = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in SOURCES
        if path.is_relative_to(ROOT / "portal") and path != ROOT / "portal" / "foundation" / "db.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"commit", "rollback"}
        and "session" in ast.unparse(node.func.value)
    ]
    assert not offenders, f"let the entry point own the transaction: {offenders}"


def test_flask_stays_at_the_edge() -> None:
    """Rules, queries and models know no request; services know no request either."""
    inner = {"rules.py", "models.py", "services.py", "queries.py", "outbound.py", "presenters.py"}
    offenders = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in SOURCES
        if path.name in inner and path.is_relative_to(ROOT / "portal")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module == "flask"
        for name in (alias.name for alias in node.names)
        if name in {"request", "session", "g", "flash", "abort", "redirect", "render_template"}
    ]
    assert not offenders, f"give the value as an argument: {offenders}"


def test_importing_opens_no_connection() -> None:
    """Every module of the portal imports without an environment, a database or a queue."""
    modules = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in SOURCES
        if path.name != "__init__.py" and "migrations" not in path.parts
    ]
    program = "import importlib, sys\nfor name in sys.argv[1:]: importlib.import_module(name)"
    done = subprocess.run(
        [sys.executable, "-c", program, *modules],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
