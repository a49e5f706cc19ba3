"""``python -m bench [NAME...] [--json]``: run benches and print the performance table.

Each module of this package that has ``ROWS`` (the row names it measures) and ``run()`` is a bench.
Exit code 0 when every named row met its target, 1 when one did not, 2 for an unknown name.
"""

import argparse
import importlib
import json
import os
import pkgutil
import platform
import subprocess
import sys
from dataclasses import asdict
from types import ModuleType

import bench
from bench.harness import Row


def main() -> int:
    """Run the named benches, each in a process of its own so that none warms up another."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="row names; none: all")
    parser.add_argument("--json", action="store_true", help="print rows as JSON")
    parser.add_argument("--in-process", metavar="MODULE", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.in_process:
        print(json.dumps([asdict(row) for row in _module(arguments.in_process).run()]))
        return 0
    modules = _modules()
    known = {row: name for name, module in modules.items() for row in module.ROWS}
    unknown = [name for name in arguments.names if name not in known]
    if unknown:
        print(f"no bench named {', '.join(unknown)}; there are {', '.join(sorted(known))}")
        return 2
    wanted = arguments.names or sorted(known)
    rows = [row for name in dict.fromkeys(known[row] for row in wanted) for row in _measure(name)]
    rows = [row for row in rows if row.name in wanted]
    _report(rows, as_json=arguments.json)
    missing = set(wanted) - {row.name for row in rows}
    return 0 if not missing and all(row.met for row in rows) else 1


def _modules() -> dict[str, ModuleType]:
    """The bench modules by name."""
    names = [info.name for info in pkgutil.iter_modules(bench.__path__)]
    modules = {name: _module(name) for name in names if name not in {"__main__", "harness"}}
    return {name: module for name, module in modules.items() if hasattr(module, "ROWS")}


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"bench.{name}")


def _measure(module: str) -> list[Row]:
    """Run one module in a fresh interpreter and read its rows back."""
    print(f"measuring {module} ...", file=sys.stderr, flush=True)
    command = [sys.executable, "-m", "bench", "--in-process", module]
    answer = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)
    if answer.returncode != 0:
        print(f"{module}: failed, see the message above", file=sys.stderr)
        return []
    return [Row(**row) for row in json.loads(answer.stdout.splitlines()[-1])]


def _report(rows: list[Row], *, as_json: bool) -> None:
    if as_json:
        machine = (
            f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
        )
        print(json.dumps([asdict(row) | {"machine": machine} for row in rows], indent=2))
        return
    for row in rows:
        print(row.line())


if __name__ == "__main__":
    sys.exit(main())
