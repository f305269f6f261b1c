"""The compiled core under the address and undefined-behaviour sanitizers, where the compiler has them.

The core is built once with MULTILEVEL_SANITIZE=ON; every design of exercise_core.py then runs in a process of its own,
into which the sanitizer's library has to be loaded before Python's.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from exercise_core import DESIGNS, STRUCTURES

TESTS = Path(__file__).resolve().parent
PROBE = "#include <vector>\nint main() { return static_cast<int>(std::vector<int>(1)[0]); }\n"


def tool(name: str) -> str | None:
    """A program of this environment, or of the machine."""
    return shutil.which(name, path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))


def run(*command: str, timeout: float = 600, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=timeout, check=False
    )


@pytest.fixture(scope="module")
def compiler(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A compiler whose programs run with both sanitizers."""
    if sys.platform != "linux":
        pytest.skip("the sanitizer build is made on Linux only")
    found = os.environ.get("CXX") or tool("c++") or tool("g++")
    if found is None:
        pytest.skip("no C++ compiler")
    folder = tmp_path_factory.mktemp("probe")
    (folder / "probe.cpp").write_text(PROBE)
    program = folder / "probe"
    if run(found, "-fsanitize=address,undefined", str(folder / "probe.cpp"), "-o", str(program)).returncode:
        pytest.skip("the compiler has no sanitizers")
    if run(str(program), ASAN_OPTIONS="detect_leaks=0").returncode:
        pytest.skip("programs with sanitizers do not run on this machine")
    return found


@pytest.fixture(scope="module")
def preload(compiler: str) -> str:
    """What the dynamic linker has to load first: the sanitizer, and the C++ library whose `throw` it watches."""
    files = [run(compiler, f"-print-file-name={name}").stdout.strip() for name in ("libasan.so", "libstdc++.so.6")]
    if not all(Path(file).is_absolute() for file in files):
        pytest.skip("the compiler's address sanitizer is not a shared library")
    return " ".join(files)


@pytest.fixture(scope="module")
def sanitized(compiler: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a `_core` built with sanitizers."""
    pytest.importorskip("nanobind", reason="nanobind is not installed")
    cmake, ninja = tool("cmake"), tool("ninja")
    if cmake is None or ninja is None:
        pytest.skip("cmake and ninja are not installed")
    folder = tmp_path_factory.mktemp("sanitized")
    configured = run(
        cmake, "-S", str(TESTS.parent), "-B", str(folder), "-G", "Ninja", f"-DCMAKE_MAKE_PROGRAM={ninja}",
        f"-DCMAKE_CXX_COMPILER={compiler}", f"-DPython_EXECUTABLE={sys.executable}",
        "-DCMAKE_BUILD_TYPE=None", "-DMULTILEVEL_SANITIZE=ON",
    )  # fmt: skip
    assert configured.returncode == 0, configured.stderr
    built = run(cmake, "--build", str(folder), "-j", "2", timeout=1800)
    assert built.returncode == 0, built.stdout
    return folder


@pytest.mark.parametrize("design", [*DESIGNS, STRUCTURES])
def test_the_core_is_clean(design: str, sanitized: Path, preload: str) -> None:
    result = run(
        sys.executable, str(TESTS / "exercise_core.py"), str(sanitized), design,
        LD_PRELOAD=preload,
        ASAN_OPTIONS="detect_leaks=0",  # of Python itself
        UBSAN_OPTIONS="halt_on_error=1:print_stacktrace=1",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "runtime error" not in result.stderr
