"""Small faults that a good test must notice: one mutation per place in a module.

Every mutation replaces one node of the syntax tree by another. Words for people (texts with a space in them),
docstrings, annotations and log lines are left alone: a test that repeats them word for word proves nothing.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
CALLS = {"min": "max", "max": "min", "any": "all", "all": "any"}
LOGGERS = ("log", "logger")


@dataclass(frozen=True)
class Mutation:
    """`parent.field` (or the item `index` of it) becomes `new`. `function`: the outermost function around it, or empty."""

    parent: ast.AST
    field: str
    index: int | None
    old: ast.AST
    new: ast.AST
    line: int
    function: str
    statement: str  # around it, where it is not in a function

    @property
    def name(self) -> str:
        """Stable while the function around it is not edited; a line number would not be."""
        return f"{self.function or self.statement}: {short(self.old)} → {short(self.new)}"

    def apply(self) -> None:
        self._put(self.new)

    def revert(self) -> None:
        self._put(self.old)

    def _put(self, node: ast.AST) -> None:
        if self.index is None:
            setattr(self.parent, self.field, node)
        else:
            getattr(self.parent, self.field)[self.index] = node


def short(node: ast.AST) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 100 else f"{text[:97]}…"


def mutations(tree: ast.Module) -> Iterator[Mutation]:
    """Every mutation of a module, in the order of its lines."""
    yield from inside(tree, "", "", in_class="")


def inside(node: ast.AST, function: str, statement: str, *, in_class: str) -> Iterator[Mutation]:
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "type_params") or is_type(node, field):
            continue
        children = value if isinstance(value, list) else [value]
        for index, child in enumerate(children):
            if not isinstance(child, ast.AST) or is_left_alone(node, field, child):
                continue
            where = function
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not function and field == "body":
                where = f"{in_class}.{node.name}" if in_class else node.name
            around = short(child) if isinstance(child, ast.Assign | ast.AnnAssign) and not function else statement
            for new in replacements(child):
                located = ast.fix_missing_locations(ast.copy_location(new, child))
                place = index if isinstance(value, list) else None
                yield Mutation(node, field, place, child, located, getattr(child, "lineno", 0), where, around)
            if isinstance(child, ast.ClassDef) and not function:
                yield from inside(child, "", around, in_class=child.name)
            else:
                yield from inside(child, where, around, in_class=in_class)


def is_type(node: ast.AST, field: str) -> bool:
    """Annotations in other places than `annotation`: bases of classes, type aliases written as `A | B`."""
    if isinstance(node, ast.ClassDef):
        return field in ("bases", "keywords")
    return isinstance(node, ast.Assign) and field == "value" and is_union(node.value)


def is_union(node: ast.AST) -> bool:
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr) and is_class(node.right)


def is_class(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id[:1].isupper() and not node.id.isupper()


def is_left_alone(parent: ast.AST, field: str, child: ast.AST) -> bool:
    match child:
        case ast.Import() | ast.ImportFrom() | ast.Global() | ast.Nonlocal() | ast.JoinedStr():
            return True
        case ast.Expr(value=ast.Constant(value=str())):
            return True  # a docstring
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id=logger)))) if logger in LOGGERS:
            return True
        case ast.Assign(targets=[ast.Name(id="__slots__" | "__all__")]):
            return True
        case ast.keyword(arg="maxsplit"):
            return False
    return isinstance(parent, ast.Call) and field == "func" and isinstance(child, ast.Name)


def replacements(node: ast.AST) -> Iterator[ast.AST]:
    match node:
        case ast.Compare(left=left, ops=[op], comparators=right):
            for kind in COMPARISONS[type(op)]:
                yield ast.Compare(left, [kind()], right)
        case ast.Compare(left=left, ops=ops, comparators=right):
            for index, op in enumerate(ops):
                yield ast.Compare(left, [*ops[:index], COMPARISONS[type(op)][0](), *ops[index + 1 :]], right)
        case ast.BoolOp(op=op, values=values):
            yield ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), values)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield operand
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            yield ast.UnaryOp(ast.UAdd(), operand)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in ARITHMETIC and not is_union(node):
            yield ast.BinOp(left, ARITHMETIC[type(op)](), right)
        case ast.Constant():
            yield from constants(node.value)
        case ast.IfExp(test=test, body=body, orelse=orelse):
            yield ast.IfExp(test, orelse, body)
        case ast.Call():
            yield from calls(node)
        case ast.stmt():
            yield from statements(node)


def constants(value: Any) -> Iterator[ast.AST]:
    if isinstance(value, bool):
        yield ast.Constant(not value)
    elif isinstance(value, int | float):
        yield ast.Constant(value + 1)
    elif isinstance(value, str) and " " not in value.strip():
        yield ast.Constant(f"{value}XX")
    elif isinstance(value, bytes):
        yield ast.Constant(value + b"XX")


def calls(node: ast.Call) -> Iterator[ast.AST]:
    if isinstance(node.func, ast.Name) and node.func.id in CALLS:
        yield ast.Call(ast.Name(CALLS[node.func.id], ast.Load()), node.args, node.keywords)
    match node.args:
        case [first, second, *rest] if not is_checked_type(node) and ast.dump(first) != ast.dump(second):
            if not isinstance(first, ast.Starred) and not isinstance(second, ast.Starred):
                yield ast.Call(node.func, [second, first, *rest], node.keywords)


def is_checked_type(node: ast.Call) -> bool:
    """Swapped arguments of these raise at once, or mean the same."""
    return isinstance(node.func, ast.Name) and node.func.id in ("isinstance", "min", "max", "getattr", "cast")


def statements(node: ast.stmt) -> Iterator[ast.AST]:
    match node:
        case ast.Return(value=value) if value is not None and not is_none(value):
            yield ast.Return(ast.Constant(None))
        case ast.Expr() | ast.Raise() | ast.Delete():
            if not isinstance(getattr(node, "value", None), ast.Yield | ast.YieldFrom):
                yield ast.Pass()
        case ast.AugAssign(target=target, op=op, value=value):
            yield ast.Pass()
            if type(op) in ARITHMETIC:
                yield ast.AugAssign(target, ARITHMETIC[type(op)](), value)
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript() | ast.Tuple()]):
            if not isinstance(node.targets[0], ast.Tuple) or all(
                isinstance(part, ast.Attribute | ast.Subscript) for part in node.targets[0].elts
            ):
                yield ast.Pass()
        case ast.Break():
            yield ast.Continue()
        case ast.Continue():
            yield ast.Break()
        case ast.If(test=test) | ast.While(test=test) if isinstance(
            test, ast.Name | ast.Attribute | ast.Call | ast.Subscript
        ):
            kind = type(node)
            yield kind(ast.UnaryOp(ast.Not(), test), node.body, node.orelse)


def is_none(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is None
