"""Guards the size of files and functions, so that no file grows into the one that does everything.

Limits in lines: a file 400 (tests 600), a function 60. Exits with 1 and one line per offence.
"""

import ast
import subprocess
import sys
from pathlib import Path

FILE_LIMIT, TEST_FILE_LIMIT, FUNCTION_LIMIT = 400, 600, 60
ROOT = Path(__file__).resolve().parent.parent


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return [ROOT / line for line in listed.stdout.splitlines() if (ROOT / line).exists()]


def offences(path: Path) -> list[str]:
    name = path.relative_to(ROOT)
    source = path.read_text(encoding="utf-8")
    # A migration is a list of what changes, as long as that is.
    is_test = name.parts[0] in ("tests", "benchmarks") or "migrations" in name.parts
    limit = TEST_FILE_LIMIT if is_test else FILE_LIMIT
    lines = source.count("\n")
    problems = [f"{name}: {lines} lines, at most {limit}"] if lines > limit else []
    if is_test:
        return problems
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LIMIT:
                problems.append(f"{name}:{node.lineno}: {node.name} has {length} lines, at most {FUNCTION_LIMIT}")
    return problems


def main() -> int:
    problems = [line for path in tracked() for line in offences(path)]
    print("\n".join(problems) or "sizes: all files and functions within their limits")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
