"""Mutation testing of the pure core: breaks it in a thousand small ways and counts what the tests beside it notice.

    python -m tools.mutants [--most N] [--jobs N] [--list] [module …]

Prints the survivors of each module and exits with 1 when a module loses fewer than 90 % of its mutants.
`docs/mutants.md` gives the reasons of those that survive.

Why not mutmut: it skips decorated functions and everything at module level (tables, bounds, properties), chooses the
tests itself and has no limit per module. cosmic-ray starts an interpreter for each mutant, which takes an hour here. This one
collects the tests once, forks a process for each mutant, exchanges the code of one function or one assignment, and runs
the tests that call it, the quickest first. What cannot be exchanged is imported anew. A mutant that runs for too long is
told by the time of the processor, so that a busy machine kills none.
"""

import argparse
import ast
import importlib
import importlib.util
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from tools.mutant_exchange import Exchange, compiled, exchange, forget
from tools.mutations import Mutation, mutations

ROOT = Path(__file__).resolve().parent.parent
LEAST = 0.90
SEED = 20_240_917
MOST = 150  # mutants of one module; more are sampled, always the same ones
EXAMPLES = 40  # of a property
IDLE = 6.0  # seconds on the wall after which a test that does nothing counts as hanging
LEAST_WORK = 0.01  # seconds of the processor that a running test uses in them at least

# Each module is held by the tests beside it only.
MODULES: dict[str, tuple[str, ...]] = {
    "inference_service.routing.decide": tuple(
        f"tests/unit/test_decide_{subject}.py" for subject in ("bounds", "errors", "failures", "waits")
    ),
    "inference_service.routing.journal": ("tests/unit/test_journal.py",),
    "inference_service.routing.watch": ("tests/unit/test_watch.py",),
    "inference_service.routing.classify": ("tests/unit/test_classify.py",),
    "inference_service.routing.tokens": ("tests/unit/test_tokens.py",),
    "inference_service.routing.answer.splice": ("tests/unit/test_splice.py",),
    "inference_service.credentials.pool": (
        "tests/unit/test_pool_rules.py",
        "tests/unit/test_pool_calls.py",
        "tests/unit/test_pool.py",
        "tests/unit/test_line.py",
        "tests/unit/test_foresight.py",
        "tests/unit/test_limit_ledger.py",
    ),
    "inference_service.credentials.breaker": ("tests/unit/test_breaker.py",),
    "inference_service.credentials.quota": (
        "tests/unit/test_quota.py",
        "tests/unit/test_quota_room.py",
        "tests/unit/test_arrivals.py",
    ),
    "inference_service.credentials.queue": ("tests/unit/test_line.py", "tests/unit/test_queue.py"),
    "inference_service.providers.kit.sse": ("tests/unit/test_sse.py",),
    "inference_service.providers.kit.errors": (
        "tests/unit/test_errors.py",
        "tests/unit/test_limits.py",
        "tests/unit/test_dialects.py",
    ),
    "inference_service.providers.kit.limits": ("tests/unit/test_limits.py",),
    "discord_bot.rendering.splitter": ("tests/bot/test_splitter.py",),
    "discord_bot.rendering.buckets": ("tests/bot/test_buckets.py",),
    "discord_bot.rendering.pacing": ("tests/bot/test_pacer.py",),
}
PYTEST = (
    "-q",
    "-x",
    "-n",
    "0",
    "-p",
    "no:cacheprovider",
    "--timeout",
    "0",
    "-W",
    "ignore::pytest.PytestAssertRewriteWarning",
)
Killed = bool


# --- children ------------------------------------------------------------------------------------


def in_children(works: Sequence[Callable[[], bool]], jobs: int, cpu: int) -> list[bool]:
    """Runs each in a process of its own; False for those that fail, crash, take too long or wait for nothing.

    `cpu`: seconds of the processor, because those on the wall depend on what else the machine does.
    """
    results, running = [False] * len(works), {}
    for index, work in enumerate(works):
        if len(running) >= jobs:
            collect(running, results)
        child = os.fork()
        if not child:
            run_and_exit(work, cpu)
        running[child] = index
    while running:
        collect(running, results)
    return results


def collect(running: dict[int, int], results: list[bool]) -> None:
    child, status = os.wait()
    results[running.pop(child)] = status == 0


def run_and_exit(work: Callable[[], bool], cpu: int) -> None:
    import resource  # noqa: PLC0415 # there is none on Windows, where this tool cannot run anyway

    code = 1
    try:
        exit_when_idle()
        resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu))
        resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
        code = 0 if work() else 1
    finally:
        os._exit(code)


def exit_when_idle() -> None:
    """Ends the process when it has waited for `IDLE` seconds: pure tests wait for nothing that could still happen."""
    used = time.process_time()

    def look(_signal: int, _frame: Any) -> None:
        nonlocal used
        before, used = used, time.process_time()
        if used - before < LEAST_WORK:
            os._exit(1)

    signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, IDLE, IDLE)


# --- one module ----------------------------------------------------------------------------------


class Subject:
    """A module, its syntax tree and its mutants."""

    def __init__(self, name: str, most: int) -> None:
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        self.name, self.path = name, spec.origin
        self.tree = ast.parse(Path(self.path).read_text(encoding="utf-8"))
        every = list(mutations(self.tree))
        if len(every) > most:
            chosen = sorted(random.Random(SEED).sample(range(len(every)), most))
            every = [every[index] for index in chosen]
        self.mutants = every

    def imported_anew(self, mutant: Mutation | None) -> bool:
        """Whether the tests pass when the mutant is imported in the place of the module."""
        import pytest  # noqa: PLC0415 # loaded before the fork

        sys.meta_path.insert(0, Finder(self.name, self.path, compiled(self.tree, self.path, mutant)))
        return int(pytest.main([*PYTEST, *MODULES[self.name]])) == 0


class Finder:
    """Imports the mutant."""

    def __init__(self, name: str, path: str, code: CodeType) -> None:
        self._name, self._path, self._code = name, path, code

    def find_spec(self, name: str, _path: Any = None, _target: Any = None) -> Any:
        if name != self._name:
            return None
        return importlib.util.spec_from_file_location(name, self._path, loader=self)

    def create_module(self, _spec: Any) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        exec(self._code, module.__dict__)  # that is what a loader does


class Loop:
    """A plugin of pytest: runs the collected tests once for each mutant of a function."""

    def __init__(self, subject: Subject, jobs: int) -> None:
        self._subject, self._jobs = subject, jobs
        self.killed: dict[int, Killed] = {}
        self.seconds = 0.0  # that the tests take without a mutant
        self._calls: dict[str, list[int]] = {}  # function → places of the tests that call it, the quickest first

    def pytest_runtestloop(self, session: Any) -> bool:
        if session.testsfailed:
            return True
        for item in session.items:
            fewer_examples(item)
        self._measure(session)
        if session.testsfailed:
            return True
        works, places = [], []
        for place, mutant in enumerate(self._subject.mutants):
            put, tests = self._exchange(mutant), self._calls.get(mutant.function)
            if put is not None and tests:
                works.append(lambda put=put, tests=tests: self._survives(session, put, tests))
                places.append(place)
        survived = in_children(works, self._jobs, cpu=2 + int(2 * self.seconds))
        self.killed = {place: not passed for place, passed in zip(places, survived, strict=True)}
        return True

    def _measure(self, session: Any) -> None:
        """Which test calls which function, and how long it takes."""
        callers: dict[str, list[tuple[float, int]]] = {"": []}  # "": whatever is not in a function
        for place, item in enumerate(session.items):
            called: set[str] = set()

            def trace(frame: Any, _event: str, _value: Any, called: set[str] = called) -> None:
                if frame.f_code.co_filename == self._subject.path:
                    called.add(frame.f_code.co_qualname.split(".<locals>")[0])

            began = time.process_time()
            sys.settrace(trace)
            try:
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
            finally:
                sys.settrace(None)
            took = time.process_time() - began
            self.seconds += took
            for function in (*called, ""):
                callers.setdefault(function, []).append((took, place))
        self._calls = {name: [place for _, place in sorted(tests)] for name, tests in callers.items()}

    def _exchange(self, mutant: Mutation) -> Exchange | None:
        subject = self._subject
        try:
            return exchange(subject.tree, subject.path, mutant, sys.modules[subject.name])
        except (SyntaxError, TypeError, ValueError):
            return self._impossible

    @staticmethod
    def _impossible() -> None:
        raise SyntaxError("the mutant is no Python")

    def _survives(self, session: Any, put: Exchange, tests: list[int]) -> bool:
        put()
        forget(sys.modules[self._subject.name])
        for place in tests:
            item = session.items[place]
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
            if session.testsfailed:
                return False
        return True


def test_module(subject: Subject, jobs: int, say: Callable[[str], None]) -> bool:
    """Prints the survivors; whether enough of the mutants were killed."""
    import pytest  # noqa: PLC0415 # slow, and not needed for --list

    preload(subject.name, MODULES[subject.name])
    quick_properties()
    began = time.monotonic()
    receiver, sender = os.pipe()
    child = os.fork()
    if not child:
        loop = Loop(subject, jobs)
        code = int(pytest.main([*PYTEST, *MODULES[subject.name]], plugins=[loop]))
        os.write(sender, repr((code, loop.seconds, loop.killed)).encode())
        os._exit(0)
    os.close(sender)
    with os.fdopen(receiver, "rb") as stream:
        code, seconds, killed = ast.literal_eval(stream.read().decode() or "(1, 0.0, {})")
    os.waitpid(child, 0)
    if code:
        say(f"{subject.name}: the tests fail without a mutant")
        return False
    rest = [place for place in range(len(subject.mutants)) if place not in killed]
    works = [lambda place=place: subject.imported_anew(subject.mutants[place]) for place in rest]
    passed = in_children(works, jobs, cpu=20 + int(3 * seconds))
    killed |= {place: not survived for place, survived in zip(rest, passed, strict=True)}
    return report(subject, killed, time.monotonic() - began, say)


def preload(subject: str, tests: Sequence[str]) -> None:
    """Imports what does not depend on the subject, so that no child has to: other projects, and its own imports."""
    receiver, sender = os.pipe()
    child = os.fork()
    if not child:
        importlib.import_module(subject)
        before = [name for name in sys.modules if name != subject]
        for test in tests:
            importlib.import_module(test.removesuffix(".py").replace("/", "."))
        own = ("inference_service", "discord_bot", "antiphon", "tests", "tools", "__main__")
        others = [name for name in sys.modules if name.partition(".")[0] not in own]
        os.write(sender, "\n".join([*before, *others]).encode())
        os._exit(0)
    os.close(sender)
    with os.fdopen(receiver, "rb") as stream:
        names = stream.read().decode().split("\n")
    os.waitpid(child, 0)
    for name in names:
        if name not in sys.modules:
            try:
                importlib.import_module(name)
            except Exception:  # noqa: BLE001 # a name that only its own package can import
                continue


def quick_properties() -> None:
    """Properties look at fewer examples, always the same ones, and a broken one is not made smaller."""
    from hypothesis import Phase, settings  # noqa: PLC0415 # slow, and not needed for --list

    phases = (Phase.explicit, Phase.generate)
    settings.register_profile(
        "mutants", max_examples=EXAMPLES, phases=phases, derandomize=True, database=None, deadline=None
    )
    settings.load_profile("mutants")


def fewer_examples(item: Any) -> None:
    """Also for properties that ask for many: a mutant is noticed by the first examples or hardly ever."""
    from hypothesis import settings  # noqa: PLC0415 # loaded before the fork

    name = "_hypothesis_internal_use_settings"
    own = getattr(getattr(item, "obj", None), name, None)
    if own is not None:
        setattr(item.obj, name, settings(own, max_examples=min(own.max_examples, EXAMPLES)))


def report(subject: Subject, killed: dict[int, Killed], seconds: float, say: Callable[[str], None]) -> bool:
    total, dead = len(killed), sum(killed.values())
    share = dead / total if total else 1.0
    say(f"{subject.name}: {dead} of {total} killed, {share:.1%}, {seconds:.0f} s")
    for place, mutant in enumerate(subject.mutants):
        if not killed[place]:
            say(f"  {mutant.line}: {mutant.name}")
    return share >= LEAST


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="*", help="the ends of their names; without any: all")
    parser.add_argument("--most", type=int, default=MOST)
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--list", action="store_true", help="only count the mutants")
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    chosen = [name for name in MODULES if not options.modules or any(name.endswith(end) for end in options.modules)]
    if options.list:
        for name in chosen:
            print(f"{name}: {len(Subject(name, options.most).mutants)}")
        return 0
    if options.alone:
        out = os.fdopen(os.dup(1), "w")
        silence = os.open(os.devnull, os.O_WRONLY)
        if "MUTANTS_DEBUG" not in os.environ:
            os.dup2(silence, 1)
            os.dup2(silence, 2)
        return (
            0 if test_module(Subject(chosen[0], options.most), options.jobs, lambda line: print(line, file=out)) else 1
        )
    failed = [name for name in chosen if not run_alone(name, options.most, options.jobs)]
    for name in failed:
        print(f"{name}: fewer than {LEAST:.0%} killed")
    return 1 if failed else 0


def run_alone(name: str, most: int, jobs: int) -> bool:
    """In an interpreter of its own, so that no module sees what another has imported."""
    command = [sys.executable, "-m", "tools.mutants", "--alone", "--most", str(most), "--jobs", str(jobs), name]
    return subprocess.run(command, cwd=ROOT, check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main())
