"""The arrows of the architecture: who may import whom, held over all four packages."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = {
    "promptbreeder": ROOT / "promptbreeder",
    "promptbreeder_server": ROOT / "server" / "promptbreeder_server",
    "promptbreeder_tools": ROOT / "tools" / "promptbreeder_tools",
    "promptbreeder_resources": ROOT / "resources" / "promptbreeder_resources",
}
STDLIB = sorted(sys.stdlib_module_names - {"sqlite3"})
OUR_PURE = [
    "promptbreeder.errors",
    "promptbreeder.text",
    "promptbreeder.labels",
    "promptbreeder.prompt",
    "promptbreeder.skill",
]
SERVICE = ["promptbreeder.errors", "promptbreeder.requests", "promptbreeder.results", "promptbreeder.service"]
MODEL_PORT = "promptbreeder.models.base"

ARROWS: dict[str, list[str]] = {
    # The longest name that fits a module decides. Each may also import its own package and the standard library.
    "promptbreeder": [],
    "promptbreeder.errors": [],
    "promptbreeder.text": [],
    "promptbreeder.prompt": ["promptbreeder.text", "pydantic"],
    "promptbreeder.labels": ["promptbreeder.text"],
    "promptbreeder.skill": ["promptbreeder.text", "promptbreeder.labels", "promptbreeder.prompt", "pydantic"],
    "promptbreeder.suspicion": ["promptbreeder.text", "promptbreeder.prompt"],
    "promptbreeder.likely_keys": [],
    "promptbreeder.requests": [*OUR_PURE, "pydantic"],
    "promptbreeder.results": ["pydantic"],
    "promptbreeder.datasets": [*OUR_PURE, "pydantic"],
    "promptbreeder.evolution": OUR_PURE,
    "promptbreeder.evolution.asks": [*OUR_PURE, "pydantic"],
    # An optional library whose sampler is a pure function of a seed and of what it is told; imported when asked for.
    "promptbreeder.evolution.strategies.mipro": [*OUR_PURE, "optuna"],
    "promptbreeder.evidence": OUR_PURE,
    "promptbreeder.lifecycle": [*OUR_PURE, "promptbreeder.evidence", "promptbreeder.results"],
    "promptbreeder.evaluation": [*OUR_PURE, MODEL_PORT],
    "promptbreeder.runs": [
        *OUR_PURE,
        "promptbreeder.evolution",
        "promptbreeder.evaluation",
        "promptbreeder.evidence",
        MODEL_PORT,
        "anyio",
        "pydantic",
    ],
    "promptbreeder.models": [
        *OUR_PURE,
        "anyio",
        "filelock",
        "gguf",
        "httpx",
        "llama_cpp",
        "numpy",
        "ollama",
        "pydantic",
        "xllamacpp",
    ],
    "promptbreeder.exports": [
        *OUR_PURE,
        MODEL_PORT,
        "promptbreeder.models.chatml",
        "promptbreeder.models.ollama.bodies",
        "promptbreeder.models.ollama.scoring",
    ],
    "promptbreeder.store": [*OUR_PURE, "promptbreeder.results", "anyio", "sqlite3", "sqlite_utils"],
    "promptbreeder.usecases": [
        *OUR_PURE,
        "promptbreeder.suspicion",
        "promptbreeder.likely_keys",
        "promptbreeder.requests",
        "promptbreeder.results",
        "promptbreeder.evolution",
        "promptbreeder.evaluation",
        "promptbreeder.evidence",
        "promptbreeder.exports",
        "promptbreeder.lifecycle",
        "promptbreeder.runs",
        "promptbreeder.store",
        MODEL_PORT,
        "anyio",
        "pydantic",
    ],
    "promptbreeder.service": [
        *SERVICE,
        "promptbreeder.skill",
        "promptbreeder.runs.engine",
        "promptbreeder.usecases",
        MODEL_PORT,
        "anyio",
    ],
    # A client of the service, which brings what has nothing to gain: a strategy, a model's answers.
    "promptbreeder.selftesting": [
        *SERVICE,
        "promptbreeder.skill",
        "promptbreeder.prompt",
        "promptbreeder.evolution",
        "promptbreeder.evidence",
        MODEL_PORT,
    ],
    "promptbreeder_tools": [*SERVICE, "promptbreeder.skill", "mcp", "mcp_types", "pydantic", "typing_extensions"],
    "promptbreeder_resources": [*SERVICE, "mcp", "mcp_types", "pydantic"],
    "promptbreeder_server": [
        *SERVICE,
        "promptbreeder.datasets",
        "promptbreeder.selftesting",
        "promptbreeder.text",
        "promptbreeder_tools",
        "promptbreeder_resources",
        "anyio",
        "click",
        "mcp",
        "mcp_types",
        "platformdirs",
        "pydantic",
        "tabulate",
    ],
    "promptbreeder_server.compose": [
        *SERVICE,
        "promptbreeder.models",
        "promptbreeder.selftesting",
        "promptbreeder.store",
        "promptbreeder_server",
    ],
}


def modules() -> Iterator[tuple[str, Path]]:
    """Yield every module of ours with its file."""
    for package, folder in SOURCES.items():
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            yield ".".join((package, *parts)).removesuffix(".__init__"), path


MODULES = dict(modules())


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Yield what a file imports, also inside functions: `from a import b` as `a.b` where that is a module of ours."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield node.lineno, full if full in MODULES else node.module or ""
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            yield from ((node.lineno, str(name.value)) for name in node.args[:1] if isinstance(name, ast.Constant))


def within(module: str, package: str) -> bool:
    """Tell whether `module` is `package` or in it."""
    return module == package or module.startswith(f"{package}.")


def owner(module: str) -> str:
    """Return the entry of ARROWS that decides for `module`."""
    return max((name for name in ARROWS if within(module, name)), key=len)


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_what_lies_below_it(module: str) -> None:
    """Whoever needs an arrow that is not drawn changes the drawing first (architecture.md, "Arrows")."""
    entry = owner(module)
    # A single module that is drawn apart still belongs to its package; the core as a whole is nobody's package.
    home = ".".join(module.split(".")[: 1 if not within(module, "promptbreeder") else 2])
    allowed = [*ARROWS[entry], *STDLIB, home]
    wrong = [
        f"{MODULES[module].relative_to(ROOT)}:{line} imports {name}"
        for line, name in imports(MODULES[module])
        if not any(within(name, package) for package in allowed)
    ]
    assert wrong == []


def test_the_drawing_has_the_parts_that_the_rules_are_about() -> None:
    """A renamed folder must not take its rules with it unnoticed; and the rules that matter most are in the drawing."""
    assert {owner(module) for module in MODULES} == set(ARROWS)
    for library, places in {
        "mcp": {"promptbreeder_server", "promptbreeder_tools", "promptbreeder_resources"},
        "sqlite_utils": {"promptbreeder.store"},
        "ollama": {"promptbreeder.models"},
        "optuna": {"promptbreeder.evolution.strategies.mipro"},
        "promptbreeder.store": {"promptbreeder.usecases", "promptbreeder_server.compose"},
        "promptbreeder.models": {"promptbreeder_server.compose"},
        "promptbreeder_tools": {"promptbreeder_server"},
    }.items():
        assert {name for name, allowed in ARROWS.items() if library in allowed} == places


def test_only_the_composition_root_makes_models_and_opens_the_database() -> None:
    """Elsewhere `Database` is a type, and a model is whatever was handed in."""
    for module, path in MODULES.items():
        if within(module, "promptbreeder.models") or module == "promptbreeder_server.compose":
            continue
        assert [f"{path}:{line}" for line in makes(ast.parse(path.read_text(encoding="utf-8")))] == []


MADE = {"EmbeddedModel", "OllamaModel", "ScriptedModel", "Models", "Given", "Database"}


def makes(tree: ast.AST) -> list[int]:
    """Return the lines where a model, a catalog of models or a database is made."""
    calls = [(node.lineno, ast.unparse(node.func)) for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [line for line, name in calls if name.rpartition(".")[2] in MADE and name != "sqlite_utils.Database"]


def test_what_only_the_composition_root_makes_is_there() -> None:
    """A class of another name would be looked for in vain."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in MODULES.values()]
    assert {node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)} >= MADE


@pytest.mark.parametrize(
    "made", ["Database(path)", "database.Database(path)", "models.ollama.backend.OllamaModel(x)", "Given(model)"]
)
def test_what_is_made_is_seen_however_it_is_named(made: str) -> None:
    """By its own name, or through its module."""
    assert makes(ast.parse(made)) == [1]


PURE = [
    module
    for module in MODULES
    if owner(module).startswith(("promptbreeder.evolution", "promptbreeder.evidence", "promptbreeder.datasets"))
]
IMPURE = ("time", "datetime", "os", "secrets", "uuid", "threading", "asyncio", "socket", "subprocess", "sys", "logging")


@pytest.mark.parametrize("module", PURE)
def test_search_and_statistics_are_pure(module: str) -> None:
    """No clock, no environment, no randomness but what is handed in, and nothing that another hash seed changes."""
    path = MODULES[module]
    tree = ast.parse(path.read_text(encoding="utf-8"))
    impure = [f"{path.name}:{line} imports {name}" for line, name in imports(path) if name.split(".")[0] in IMPURE]
    assert impure + [f"{path.name}:{line} {what}" for line, what in order_dependent(tree)] == []


def order_dependent(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield the places where the result hangs on the order of a set, on `hash()`, or on shared randomness."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield from ((node.lineno, what) for what in called_badly(node.func, node.args))
        elif isinstance(node, ast.For | ast.comprehension) and is_set(node.iter):
            yield node.iter.lineno, "iterates a set"
        elif isinstance(node, ast.Starred) and is_set(node.value):
            yield node.lineno, "unpacks a set"


def called_badly(function: ast.expr, arguments: list[ast.expr]) -> Iterator[str]:
    """Yield what is wrong with one call."""
    name = ast.unparse(function)
    if name in {"hash", "id"} or name.startswith("random."):
        yield f"calls {name}()"
    if name.rpartition(".")[2] in _ORDERED and any(map(is_set, arguments)):
        yield f"puts a set in order by {name}()"
    if isinstance(function, ast.Attribute) and function.attr == "pop" and is_set(function.value):
        yield "pops from a set"


_ORDERED = frozenset(
    "list tuple iter next enumerate zip map filter reversed dict sum join extend choice sample choices".split(" ")  # noqa: SIM905
)


def is_set(node: ast.expr) -> bool:
    """Tell whether an expression is a set as far as its text shows."""
    if isinstance(node, ast.Set | ast.SetComp):
        return True
    if isinstance(node, ast.BinOp):
        return is_set(node.left) or is_set(node.right)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return node.func.attr in {"union", "intersection", "difference", "symmetric_difference"}
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"set", "frozenset"}


@pytest.mark.parametrize(
    "bad",
    [
        "for x in set(y): pass",
        "[x for x in {1, 2}]",
        "list(frozenset(y))",
        "tuple(set(a) | b)",
        "''.join({c for c in s})",
        "hash(x)",
        "random.random()",
        "[*set(y)]",
        "rng.choice(list(set(y)))",
        "enumerate(set(a).union(b))",
    ],
)
def test_the_purity_check_sees_what_it_is_for(bad: str) -> None:
    """A check that finds nothing proves nothing."""
    assert list(order_dependent(ast.parse(bad)))


@pytest.mark.parametrize(
    "good", ["x in set(y)", "sorted(set(y))", "len({1})", "[x for x in dict.fromkeys(y)]", "max({1})"]
)
def test_the_purity_check_lets_be_what_has_no_order(good: str) -> None:
    """Membership, size and sorting."""
    assert not list(order_dependent(ast.parse(good)))
