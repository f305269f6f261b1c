"""The house has floors: imports go down, or stay in one room; what is heavy or optional is imported where it is used.

The table below is that of ARCHITECTURE.md. A module that is not in it has no place yet: give it one there and here.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import multilevel

# Lowest floor first; rooms of a floor do not see each other. A package is named once, for all of its modules.
FLOORS: list[list[set[str]]] = [
    [{"_core"}, {"errors", "arguments"}, {"digits", "lettering"}, {"framed"}, {"progress"}],
    [
        {"formula"},
        {"families"},
        {"tables", "layout", "labelled", "grouped", "varcorr", "pages", "generalized_pages"},
        {"seeds"},
    ],
    [{"data"}],
    [{"models"}, {"datasets"}, {"designs"}],
    [{"effects"}, {"predict", "simulation", "responses", "truth"}],
    [{"inference"}],
    [{"studies"}],
    [
        {"diagnostics", "checks", "summary", "tidy", "generalized_words", "generalized_summary", "generalized_checks"},
        {"paper"},
        {"plots"},
    ],
    [{"report"}],
    [{"fit"}],
    [{"__init__"}, {"cli", "tutorial"}],
]
ROOMS = {
    name: (height, room) for height, floor in enumerate(FLOORS) for room, names in enumerate(floor) for name in names
}

REQUIRED = {"numpy", "scipy", "narwhals"}
OPTIONAL = {"pandas", "polars", "pyarrow", "duckdb", "matplotlib", "plotnine"}  # inside functions only
SLOW = {"scipy.stats", "scipy.linalg", "scipy.interpolate", "scipy.special", "narwhals", "matplotlib", *OPTIONAL}

NUMBERS_OF_PICTURES = {"densities", "distributions", "intervals", "dotplots", "thickness", "options"}

HOUSE = Path(multilevel.__file__).parent
MODULES = {".".join(path.relative_to(HOUSE).with_suffix("").parts): path for path in sorted(HOUSE.rglob("*.py"))}


def place(module: str) -> tuple[int, int] | None:
    """Floor and room of a module, `formula.parse` or `formula.__init__`, by its first name."""
    return ROOMS.get(module.partition(".")[0])


def own(name: str) -> str | None:
    """The module of this package that a dotted name, `formula.column.Column` for instance, stands for."""
    for module in (name, name.rpartition(".")[0]):
        for candidate in (module, f"{module}.__init__".lstrip(".")):
            if candidate in MODULES or candidate == "_core":
                return candidate
    return None


def imports(module: str) -> Iterator[tuple[str, int, bool]]:
    """Absolute dotted names that a module imports, the line, and whether that happens inside a function."""
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    inside = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
    }
    package = ["multilevel", *module.split(".")[:-1]]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            parent = ".".join([*base, *([node.module] if node.module else [])])
            names = [f"{parent}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from ((name, node.lineno, id(node) in inside) for name in names)


def inner_imports(module: str) -> Iterator[tuple[str, int]]:
    """The modules of this package that a module imports, anywhere in it."""
    for name, line, _ in imports(module):
        if name.partition(".")[0] == "multilevel":
            target = own(name.partition(".")[2] or "__init__")
            assert target is not None, f"{module}:{line} imports {name}, which is no module of this package"
            yield target, line


@pytest.mark.parametrize("module", MODULES)
def test_every_module_has_a_floor(module: str) -> None:
    assert place(module) is not None, f"give {module} a floor, in ARCHITECTURE.md and in FLOORS"


@pytest.mark.parametrize("module", [module for module in MODULES if place(module)])
def test_imports_go_down_or_stay_in_the_room(module: str) -> None:
    here = place(module)
    assert here is not None
    climbing = [
        f"{module}:{line} imports {target}"
        for target, line in inner_imports(module)
        if (there := place(target)) is None or not (there[0] < here[0] or there == here)
    ]
    assert not climbing


def test_no_module_of_the_table_is_gone() -> None:
    present = {module.partition(".")[0] for module in MODULES} | {"_core"}
    assert set(ROOMS) <= present


def test_no_cycles_lazy_imports_included() -> None:
    graph = {module: {target for target, _ in inner_imports(module)} - {module} for module in MODULES}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as found:
        pytest.fail(" -> ".join(found.args[1]))


@pytest.mark.parametrize("module", MODULES)
def test_third_parties(module: str) -> None:
    """Only what is required may be imported at all times; what is optional only where it is used.

    The modules of pictures are themselves imported only when a picture is asked for.
    """
    for name, line, inside in imports(module):
        top = name.partition(".")[0]
        if top in sys.stdlib_module_names or top == "multilevel":
            continue
        of_numbers = any(f"{module}.".startswith(f"plots.{room}.") for room in NUMBERS_OF_PICTURES)
        inside = inside or (module.startswith("plots.") and not of_numbers)
        assert top in REQUIRED or (inside and top in OPTIONAL), f"{module}:{line} imports {name}"
        slow = any(name == other or name.startswith(f"{other}.") for other in SLOW)
        assert inside or not slow, f"{module}:{line} imports {name} at the top; import it where it is used"


def test_the_core_is_imported_by_the_sums_and_the_reading_of_rows_only() -> None:
    users = {module.partition(".")[0] for module in MODULES for target, _ in inner_imports(module) if target == "_core"}
    assert users == {"data", "models"}


def test_import_loads_nothing_slow() -> None:
    code = "import sys, multilevel\nprint(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not SLOW.intersection(loaded)
    assert "multilevel.fit" not in loaded  # public names are imported when first asked for


def test_the_first_fit_loads_nothing_slow() -> None:
    code = "import sys, multilevel\nmultilevel.lmer\nprint(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not SLOW.intersection(loaded)
    assert "multilevel._core" in loaded
    later = {"fit.generalized_mixed", "inference.means", "inference.confidence", "inference.profile", "truth", "paper"}
    assert not {f"multilevel.{name}" for name in later}.intersection(loaded)


def test_splines_pages_and_checks_load_special_functions_and_nothing_slower() -> None:
    code = (
        "import sys, multilevel as mlm\n"
        "d = mlm.datasets.load('sleepstudy', 'dict')\n"
        "m = mlm.lmer('reaction ~ ns(days, 3) + bs(days, 2, degree=1) + (days | subject)', d)\n"
        "str(m.summary()), str(m.check()), str(m.confint()), str(m.anova()), str(m.emmeans('~ 1'))\n"
        "print(*sys.modules)"
    )
    command = [sys.executable, "-W", "ignore", "-c", code]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert not SLOW.difference({"scipy.special"}).intersection(loaded)
    assert not {"scipy.optimize", "scipy.sparse"}.intersection(loaded)


def test_every_public_name_has_a_home() -> None:
    for name in multilevel.__all__:
        assert getattr(multilevel, name) is not None
    assert set(multilevel.__all__) <= set(dir(multilevel))
