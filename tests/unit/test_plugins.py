"""The registry: entry points, plugin files, clashes and broken plugins."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from graphfix.errors import PluginError
from graphfix.plugins import Group, Plugin, Registry, load_registry

PASS = '''
from dataclasses import dataclass
from graphfix.rewrite import RewritePass

@dataclass(frozen=True)
class {cls}(RewritePass):
    """Do nothing."""
    name = "{name}"
    match_ops = ("Relu",)
    def rewrite(self, node, rw):
        return rw.skip("always")
'''


class Site:
    """A folder on the import path in which distributions are installed by hand."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def module(self, name: str, source: str) -> None:
        (self.folder / f"{name}.py").write_text(source)

    def distribution(self, name: str, version: str, **entry_points: str) -> None:
        info = self.folder / f"{name}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        rows = "".join(f"{key} = {value}\n" for key, value in entry_points.items())
        (info / "entry_points.txt").write_text(f"[graphfix.plugins]\n{rows}")

    def plugin(self, name: str, version: str, passes: dict[str, str]) -> None:
        """A distribution whose module and entry point are called ``name`` too."""
        source = f"from graphfix.plugins import Plugin\nPLUGIN = Plugin(passes={passes!r})\n"
        self.module(name, source)
        self.distribution(name, version, **{name: f"{name}:PLUGIN"})


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    known = set(sys.modules)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield Site(tmp_path)
    for name in set(sys.modules) - known:
        if name.startswith(("alpha", "beta", "graphfix_plugin_")):
            del sys.modules[name]


def test_builtin_passes_come_through_the_entry_point_or_the_checkout() -> None:
    import graphfix_passes

    registry = load_registry(also={"graphfix-passes": graphfix_passes.PLUGIN})
    assert {"gridsample", "sim", "out-nodes", "opset"} <= set(registry.names())
    assert registry.origin("sim").plugin == "graphfix-passes"


def test_installed_plugin_is_found_without_importing_its_modules(site: Site) -> None:
    site.plugin("alpha", "1.0", {"a-pass": "alpha_a:A"})
    site.module("alpha_a", PASS.format(cls="A", name="a-pass"))
    registry = load_registry()
    assert "a-pass" in registry.names()
    assert str(registry.origin("a-pass")) == "plugin 'alpha' of alpha 1.0"
    assert "alpha_a" not in sys.modules
    assert registry.pass_class("a-pass").__name__ == "A"


def test_names_are_sorted(site: Site) -> None:
    site.plugin("alpha", "1.0", {"zz": "m:C", "aa": "m:C"})
    names = load_registry().names()
    assert list(names) == sorted(names)


def test_two_distributions_with_one_name_are_both_named(site: Site) -> None:
    site.plugin("alpha", "1.0", {"same": "alpha_a:A"})
    site.plugin("beta", "2.5", {"same": "beta_b:B"})
    with pytest.raises(PluginError) as caught:
        load_registry()
    assert str(caught.value) == (
        "two plugins offer a pass called 'same': plugin 'alpha' of alpha 1.0 and plugin 'beta' of "
        "beta 2.5; uninstall one, or rename the pass in one of them"
    )


def test_a_broken_plugin_leaves_the_others_working(site: Site) -> None:
    site.module("alpha", "import does_not_exist\n")
    site.distribution("alpha", "1.0", alpha="alpha:PLUGIN")
    site.plugin("beta", "2.5", {"b-pass": "beta_b:B"})
    registry = load_registry()
    assert "b-pass" in registry.names()
    assert [str(error) for error in registry.broken] == [
        (
            "plugin 'alpha' of alpha 1.0 cannot be loaded: ModuleNotFoundError: No module named "
            "'does_not_exist'; reinstall it or uninstall it"
        )
    ]


def test_an_entry_point_that_is_no_plugin_is_broken(site: Site) -> None:
    site.module("alpha", "PLUGIN = {'a': 'b'}\n")
    site.distribution("alpha", "1.0", alpha="alpha:PLUGIN")
    assert [str(error) for error in load_registry().broken] == [
        "plugin 'alpha' of alpha 1.0: 'alpha:PLUGIN' is not a graphfix.plugins.Plugin"
    ]


def test_a_broken_pass_module_breaks_only_its_pass(site: Site) -> None:
    site.plugin("alpha", "1.0", {"bad": "alpha_bad:Bad", "good": "alpha_good:Good"})
    site.module("alpha_bad", "raise RuntimeError('no licence')\n")
    site.module("alpha_good", PASS.format(cls="Good", name="good"))
    registry = load_registry()
    assert registry.broken == ()
    assert registry.pass_class("good").__name__ == "Good"
    with pytest.raises(PluginError) as caught:
        registry.pass_class("bad")
    assert str(caught.value) == (
        "the pass 'bad' of plugin 'alpha' of alpha 1.0 cannot be loaded from 'alpha_bad:Bad': "
        "RuntimeError: no licence"
    )


def test_a_row_that_points_nowhere_names_the_plugin(site: Site) -> None:
    site.plugin("alpha", "1.0", {"a-pass": "alpha_a:Absent"})
    site.module("alpha_a", PASS.format(cls="A", name="a-pass"))
    with pytest.raises(PluginError) as caught:
        load_registry().pass_class("a-pass")
    assert str(caught.value) == (
        "the pass 'a-pass' of plugin 'alpha' of alpha 1.0 cannot be loaded from "
        "'alpha_a:Absent': AttributeError: module 'alpha_a' has no attribute 'Absent'"
    )


def test_a_row_must_name_a_pass_class(site: Site) -> None:
    site.plugin("alpha", "1.0", {"a-pass": "alpha_a:A", "base": "graphfix.rewrite:RewritePass"})
    site.module("alpha_a", "class A: pass\n")
    registry = load_registry()
    for name, path in (("a-pass", "alpha_a:A"), ("base", "graphfix.rewrite:RewritePass")):
        with pytest.raises(PluginError) as caught:
            registry.pass_class(name)
        assert str(caught.value) == f"{path!r} of plugin 'alpha' of alpha 1.0 is not a pass class"


def test_a_row_must_agree_with_the_name_of_the_class(site: Site) -> None:
    site.plugin("alpha", "1.0", {"a-pass": "alpha_a:A"})
    site.module("alpha_a", PASS.format(cls="A", name="other"))
    with pytest.raises(PluginError) as caught:
        load_registry().pass_class("a-pass")
    assert str(caught.value) == (
        "'alpha_a:A' of plugin 'alpha' of alpha 1.0 calls itself 'other' but is registered as "
        "'a-pass'"
    )


def test_a_plugin_of_the_checkout_yields_to_the_installed_one(site: Site) -> None:
    site.plugin("alpha", "1.0", {"installed": "alpha_a:A"})
    registry = load_registry(also={"alpha": Plugin(passes={"checkout": "m:C"})})
    assert "installed" in registry.names()
    assert "checkout" not in registry.names()


def test_a_plugin_of_the_checkout_is_used_when_none_is_installed(site: Site) -> None:
    registry = load_registry(also={"alpha": Plugin(passes={"checkout": "m:C"})})
    assert str(registry.origin("checkout")) == "plugin 'alpha' of this checkout"


def test_a_plugin_file_offers_all_its_passes(site: Site) -> None:
    path = site.folder / "mine.py"
    path.write_text(PASS.format(cls="A", name="one") + PASS.format(cls="B", name="two"))
    registry = load_registry([path])
    assert registry.pass_class("one").__name__ == "A"
    assert registry.pass_class("two").__name__ == "B"
    assert str(registry.origin("one")) == f"plugin 'mine' of {path}"


def test_a_plugin_file_does_not_offer_what_it_imports(site: Site) -> None:
    site.module("alpha_a", PASS.format(cls="A", name="imported"))
    path = site.folder / "mine.py"
    path.write_text("from alpha_a import A\n" + PASS.format(cls="B", name="own"))
    registry = load_registry([path])
    assert "own" in registry.names()
    assert "imported" not in registry.names()


def test_a_plugin_file_that_clashes_names_both(site: Site) -> None:
    site.plugin("alpha", "1.0", {"same": "alpha_a:A"})
    path = site.folder / "mine.py"
    path.write_text(PASS.format(cls="B", name="same"))
    with pytest.raises(PluginError) as caught:
        load_registry([path])
    assert str(caught.value) == (
        "two plugins offer a pass called 'same': plugin 'alpha' of alpha 1.0 and plugin 'mine' of "
        f"{path}; uninstall one, or rename the pass in one of them"
    )


def test_two_plugin_files_of_one_stem_keep_their_own_classes(site: Site) -> None:
    paths = []
    for folder, name in (("x", "first"), ("y", "second")):
        path = site.folder / folder / "mine.py"
        path.parent.mkdir()
        path.write_text(PASS.format(cls="A", name=name))
        paths.append(path)
    registry = load_registry(paths)
    first, second = registry.pass_class("first"), registry.pass_class("second")
    assert first.__module__ != second.__module__
    assert sys.modules[first.__module__].A is first


@pytest.mark.parametrize(
    ("file", "source", "message"),
    [
        ("absent.py", None, "there is no such file"),
        ("mine.txt", "x = 1\n", "not a Python file (it must end in .py)"),
        ("mine.py", "x = 1\n", "the file defines no pass (a subclass of Pass)"),
        ("mine.py", "import nowhere\n", "ModuleNotFoundError: No module named 'nowhere'"),
        ("mine.py", "\ndef f(:\n", "SyntaxError: invalid syntax (mine.py, line 2)"),
        (
            "mine.py",
            PASS.format(cls="A", name="x").replace('name = "x"', ""),
            "class A has no 'name'",
        ),
        (
            "mine.py",
            PASS.format(cls="A", name="x").replace('"x"', '"Not Kebab"'),
            (
                "a pass cannot be called 'Not Kebab'; names are lower-case words joined by dashes, "
                "such as 'pow-to-mul'"
            ),
        ),
    ],
)
def test_a_plugin_file_that_cannot_be_used(
    site: Site, file: str, source: str | None, message: str
) -> None:
    path = site.folder / file
    if source is not None:
        path.write_text(source)
    with pytest.raises(PluginError) as caught:
        load_registry([path])
    assert str(caught.value) == f"--plugin {path}: {message}"


def test_a_plugin_file_that_fails_leaves_no_module_behind(site: Site) -> None:
    path = site.folder / "mine.py"
    path.write_text("import nowhere\n")
    before = set(sys.modules)
    with pytest.raises(PluginError):
        load_registry([path])
    assert set(sys.modules) == before


def test_one_plugin_file_given_twice_is_a_clash(site: Site) -> None:
    path = site.folder / "mine.py"
    path.write_text(PASS.format(cls="A", name="one"))
    with pytest.raises(PluginError, match="two plugins offer a pass called 'one'"):
        load_registry([path, path])


def test_passes_that_belong_together_have_a_family_in_front(site: Site) -> None:
    site.plugin("alpha", "1.0", {"acme:a-pass": "alpha_a:A"})
    assert "acme:a-pass" in load_registry().names()
    site.plugin("beta", "1.0", {"acme::b": "beta_b:B"})
    (error,) = load_registry().broken
    assert "a pass cannot be called 'acme::b'" in str(error)


def test_a_table_with_a_name_that_cannot_be_written_is_broken(site: Site) -> None:
    site.plugin("alpha", "1.0", {"Not Kebab": "alpha_a:A"})
    assert [str(error) for error in load_registry().broken] == [
        (
            "plugin 'alpha' of alpha 1.0: a pass cannot be called 'Not Kebab'; names are "
            "lower-case words joined by dashes, such as 'pow-to-mul'"
        )
    ]


def test_an_empty_registry_has_no_names() -> None:
    assert list(Registry([]).names()) == []


OPERATOR = '''
from graphfix.ops import FunctionOperator

TWICE = FunctionOperator.from_text("""
<domain: "alpha", opset_import: ["" : 13]>
Twice (x) => (y) { y = Add (x, x) }
""")
NUMBER = 5
'''


def _operators(site: Site, **operators: str) -> Registry:
    source = f"from graphfix.plugins import Plugin\nPLUGIN = Plugin(operators={operators!r})\n"
    site.module("alpha", source)
    site.module("alpha_a", OPERATOR)
    site.distribution("alpha", "1.0", alpha="alpha:PLUGIN")
    return load_registry()


def test_operator_of_a_plugin_is_imported_when_it_is_asked_for(site: Site) -> None:
    registry = _operators(site, Twice="alpha_a:TWICE")
    assert registry.operator_names() == ["Twice"]
    assert "alpha_a" not in sys.modules
    assert registry.operator("Twice").domain == "alpha"


def test_own_operators_are_found_beside_those_of_plugins(site: Site) -> None:
    assert _operators(site, Twice="alpha_a:TWICE").operator("RoiExtractor").domain == "ascend"


@pytest.mark.parametrize(
    ("name", "path", "message"),
    [
        ("Thrice", "alpha_a:TWICE", "calls itself 'Twice' but is registered as 'Thrice'"),
        ("Twice", "alpha_a:NUMBER", "is not an operator"),
        ("RoiExtractor", "alpha_a:TWICE", "offers an operator 'RoiExtractor', which graphfix has"),
        ("Twice", "alpha_a:GONE", "the operator 'Twice' of plugin 'alpha' of alpha 1.0 cannot"),
    ],
)
def test_operator_that_is_not_what_the_table_says(
    site: Site, name: str, path: str, message: str
) -> None:
    registry = _operators(site, **{name: path})
    with pytest.raises(PluginError) as caught:
        registry.operator(name)
    assert message in str(caught.value)


def test_two_plugins_with_one_operator_are_refused(site: Site) -> None:
    _operators(site, Twice="alpha_a:TWICE")
    source = "from graphfix.plugins import Plugin\nPLUGIN = Plugin(operators={'Twice': 'm:T'})\n"
    site.module("beta", source)
    site.distribution("beta", "2.0", beta="beta:PLUGIN")
    with pytest.raises(PluginError) as caught:
        load_registry()
    assert str(caught.value) == (
        "two plugins offer an operator called 'Twice': plugin 'alpha' of alpha 1.0 and plugin "
        "'beta' of beta 2.0; uninstall one, or rename the operator in one of them"
    )


def test_operators_of_a_plugin_file(tmp_path: Path) -> None:
    path = tmp_path / "graphfix_plugin_ops.py"
    path.write_text(OPERATOR)
    registry = load_registry([path])
    assert registry.operator("Twice").name == "Twice"


PATHS = {"a-pass": "m:A", "b-pass": "m:B"}


def table(**fields: Any) -> Registry:
    return load_registry(also={"alpha": Plugin(passes=PATHS, **fields)})


def test_a_plugin_offers_groups_and_says_what_its_passes_are_about() -> None:
    group = Group("Do both.", "a-pass,b-pass")
    registry = table(groups={"both": group}, topics={"Types": ["a-pass"]})
    assert registry.groups()["both"] == group
    assert "both" not in registry.names()
    assert str(registry.origin("both")) == "plugin 'alpha' of this checkout"
    assert (registry.topic("a-pass"), registry.topic("b-pass")) == ("Types", "Other")


def test_a_group_with_the_name_of_a_pass_is_refused() -> None:
    with pytest.raises(PluginError) as caught:
        table(groups={"a-pass": Group("", "b-pass")})
    assert str(caught.value) == (
        "'a-pass' is a group of plugin 'alpha' of this checkout and a pass of plugin 'alpha' of "
        "this checkout; uninstall one, or rename one of them"
    )


def test_the_name_of_a_group_has_the_form_of_a_name() -> None:
    with pytest.raises(PluginError, match="a group cannot be called 'Both'; names are lower-case"):
        table(groups={"Both": Group("", "b-pass")})
