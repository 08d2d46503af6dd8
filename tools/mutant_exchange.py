"""Puts a mutant into a module that is imported already, where that can be done.

A function gets new code. An assignment at module level is run again in the module, with every assignment that reads
its name; whoever imported the name gets the new value. The rest (classes, defaults of arguments) has to be imported.
"""

import ast
import sys
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any

from tools.mutations import Mutation

OWN = ("inference_service", "discord_bot", "antiphon", "tests")
Exchange = Callable[[], None]


def compiled(tree: ast.Module, path: str, mutant: Mutation | None) -> CodeType:
    if mutant is not None:
        mutant.apply()
    try:
        return compile(tree, path, "exec")
    finally:
        if mutant is not None:
            mutant.revert()


def exchange(tree: ast.Module, path: str, mutant: Mutation, module: ModuleType) -> Exchange | None:
    """What makes the module the mutant; None when it has to be imported anew. Raises SyntaxError and the like."""
    if not mutant.function:
        return of_assignment(tree, path, mutant, module)
    new = codes(compiled(tree, path, mutant))
    pairs = []
    for function in functions(module).get(mutant.function, []):
        code = new.get((mutant.function, function.__code__.co_firstlineno))
        if code is None or code.co_freevars != function.__code__.co_freevars:
            return None
        pairs.append((function, code))

    def put() -> None:
        for function, code in pairs:
            function.__code__ = code

    return put if pairs else None


def forget(module: ModuleType) -> None:
    """Empties the caches of a module's functions, which hold what they returned before the exchange."""
    for value in vars(module).values():
        if callable(clear := getattr(value, "cache_clear", None)):
            clear()


# --- functions -----------------------------------------------------------------------------------


def functions(module: ModuleType) -> dict[str, list[FunctionType]]:
    """Every function of a module and its classes by its qualified name; more than one where a property has a setter."""
    listed: dict[str, list[FunctionType]] = {}
    spaces = [vars(module), *(vars(value) for value in vars(module).values() if isinstance(value, type))]
    for value in [value for space in spaces for value in space.values()]:
        for part in (value, *(getattr(value, name, None) for name in ("fget", "fset", "func", "__func__"))):
            inner = getattr(part, "__wrapped__", part)
            if isinstance(inner, FunctionType) and inner.__module__ == module.__name__:
                same = listed.setdefault(inner.__qualname__, [])
                same += [inner] if inner not in same else []
    return listed


def codes(code: CodeType) -> dict[tuple[str, int], CodeType]:
    """Code of functions by qualified name and line, those inside of functions left out."""
    listed = {}
    for part in code.co_consts:
        if isinstance(part, CodeType):
            listed[part.co_qualname, part.co_firstlineno] = part
            if "<locals>" not in part.co_qualname:
                listed |= {key: inner for key, inner in codes(part).items() if "<locals>" not in key[0]}
    return listed


# --- assignments ---------------------------------------------------------------------------------


def of_assignment(tree: ast.Module, path: str, mutant: Mutation, module: ModuleType) -> Exchange | None:
    begun = next((part for part in tree.body if any(node is mutant.old for node in ast.walk(part))), None)
    if begun is None or not (names := assigned(begun)):
        return None
    again = [begun]
    for part in tree.body[tree.body.index(begun) + 1 :]:
        if names.isdisjoint(read_at_import(part)):
            continue
        if not (more := assigned(part)):
            return None
        names, again = names | more, [*again, part]
    code = compiled(ast.Module(again, []), path, mutant)
    return lambda: rebind(module, code, names)


def assigned(part: ast.stmt) -> set[str]:
    """The names that a statement at module level assigns; none for another statement."""
    match part:
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            return {name}
        case ast.Assign(targets=[ast.Tuple(elts=parts)]) if all(isinstance(target, ast.Name) for target in parts):
            return {target.id for target in parts if isinstance(target, ast.Name)}
    return set()


def read_at_import(part: ast.AST) -> Iterator[str]:
    """Names that a statement reads when the module is imported: not those inside of functions."""
    for field, value in ast.iter_fields(part):
        if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) and field == "body":
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.Name):
                yield child.id
            elif isinstance(child, ast.AST):
                yield from read_at_import(child)


def rebind(module: ModuleType, code: CodeType, names: set[str]) -> None:
    before = {name: vars(module)[name] for name in names}
    exec(code, vars(module))
    for name, old in before.items():
        new: Any = vars(module)[name]
        for other in list(sys.modules.values()):
            if getattr(other, "__name__", "").partition(".")[0] in OWN and vars(other).get(name) is old:
                setattr(other, name, new)
