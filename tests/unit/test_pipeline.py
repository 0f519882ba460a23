"""Pipeline text, recipes and pass objects: three spellings of one thing."""

import enum
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import onnx_ir as ir
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphfix.errors import PipelineError
from graphfix.pipeline import (
    Pipeline,
    annotation_text,
    option_fields,
    options_help,
    parse,
    parse_recipe,
    pass_text,
    recipe,
)
from graphfix.plugins import Group
from graphfix.rewrite import Expect, Pass, PassContext, PassResult, Selector


class Mode(enum.Enum):
    FAST = "fast"
    EXACT = "exact"
    NONE = "none"


@dataclass(frozen=True)
class Plain(Pass):
    """Have no options of its own."""

    name = "plain"

    def run(self, model: ir.Model, context: PassContext) -> PassResult:
        return PassResult(model, self.contract)


@dataclass(frozen=True)
class Rich(Plain):
    """Have an option of every type."""

    name = "rich"

    mode: Mode = Mode.FAST
    """How to go about it."""
    max_rank: int = 4
    """Largest rank
    that is accepted."""
    ratio: float = 0.5
    label: str = "x"
    fold: bool = False
    on: bool = True
    keep: tuple[str, ...] = ()
    axes: tuple[int, ...] = (0, 1)
    limit: int | None = None
    title: str | None = None
    force: bool | None = None
    names: tuple[str, ...] | None = ("a",)
    either: float | Mode = 1.5


@dataclass(frozen=True)
class Strict(Plain):
    """Need a value, and check it."""

    name = "strict"

    size: int

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ValueError(f"size={self.size} must be positive")


class Lookup:
    def names(self) -> Sequence[str]:
        return ["plain", "rich", "strict"]

    def pass_class(self, name: str) -> type[Pass]:
        classes: dict[str, type[Pass]] = {"plain": Plain, "rich": Rich, "strict": Strict}
        return classes[name]

    def groups(self) -> Mapping[str, Group]:
        return {}


def one(text: str) -> Pass:
    (item,) = parse(text, Lookup()).passes
    return item


def option(text: str) -> object:
    """The value of the one option in ``rich{key=...}``."""
    item = one(f"rich{{{text}}}")
    return getattr(item, text.partition("=")[0].replace("-", "_"))


def test_names_are_separated_by_commas() -> None:
    assert parse("plain,rich,plain", Lookup()).passes == (Plain(), Rich(), Plain())


@pytest.mark.parametrize(
    "text",
    [
        "rich{mode=exact,max-rank=3}",
        " rich { mode = exact , max-rank = 3 } ",
        "rich{mode=exact,max_rank=3}",
        "rich{\n  mode='exact',\n  max-rank=\"3\"\n}",
    ],
)
def test_whitespace_quotes_and_underscores_make_no_difference(text: str) -> None:
    assert parse(text, Lookup()).passes == (Rich(mode=Mode.EXACT, max_rank=3),)


def test_empty_braces_mean_no_options() -> None:
    assert one("plain{}") == Plain()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("mode=exact", Mode.EXACT),
        ("mode=none", Mode.NONE),
        ("max-rank=-7", -7),
        ("ratio=3", 3.0),
        ("ratio=-1e-6", -1e-6),
        ("ratio=inf", math.inf),
        ("label=some/name:0", "some/name:0"),
        ("label='a, {b}'", "a, {b}"),
        (r'label="say \"no\" \\"', 'say "no" \\'),
        ("label=''", ""),
        ("label=none", "none"),
        ("label=true", "true"),
        ("fold", True),
        ("fold=true", True),
        ("on=false", False),
        ("keep=[]", ()),
        ("keep=[a]", ("a",)),
        ("keep=a", ("a",)),
        ("keep=[ a , 'b c' ]", ("a", "b c")),
        ("keep=[none]", ("none",)),
        ("axes=[-1,2]", (-1, 2)),
        ("limit=5", 5),
        ("limit=none", None),
        ("title=none", None),
        ("title='none'", "none"),
        ("force", True),
        ("force=false", False),
        ("force=none", None),
        ("names=none", None),
        ("names=[a,b]", ("a", "b")),
        ("either=2", 2.0),
        ("either=exact", Mode.EXACT),
        ("select='op=Resize & k=0,2'", Selector("op=Resize & k=0,2")),
        ("expect=14", Expect("14")),
        ("expect='>=1'", Expect(">=1")),
        ("optional", True),
    ],
)
def test_the_annotation_of_a_field_reads_its_text(text: str, value: object) -> None:
    result = option(text)
    assert (type(result), result) == (type(value), value)


@pytest.mark.parametrize(
    ("text", "message", "column"),
    [
        ("", "expected a pass name, the text ends", 0),
        ("  ", "expected a pass name, the text ends", 0),
        ("plain,", "expected a pass name, the text ends", 6),
        ("plain,,plain", "expected a pass name, found ','", 6),
        ("{fold}", "expected a pass name, found '{'", 0),
        ("plain rich", "expected ',' between passes or '{' before options, found 'rich'", 6),
        ("rich{fold}}", "expected ',' between passes or '{' before options, found '}'", 10),
        ("rich{fold", "expected ',' or '}' in the options of 'rich', the text ends", 9),
        ("rich{fold on}", "expected ',' or '}' in the options of 'rich', found 'on'", 10),
        ("rich{", "expected an option name, the text ends", 5),
        ("rich{fold,}", "expected an option name, found '}'", 10),
        ("rich{=3}", "expected an option name, found '='", 5),
        ("rich{label=}", "expected a value, found '}'", 11),
        ("rich{label={}}", "expected a value, found '{'", 11),
        ("rich{keep=[a b]}", "expected ',' or ']' in the list, found 'b'", 13),
        ("rich{keep=[a,]}", "expected a value, found ']'", 13),
        (
            "rich{keep=[in0(op=TopK)]}",
            "expected ',' or ']' in the list, found '='; a selector stands in quotes",
            17,
        ),
        ("rich{keep=[a", "expected ',' or ']' in the list, the text ends", 12),
        ("rich{label='it}", "this quote is never closed", 11),
        ('rich{label= "it\\"}', "this quote is never closed", 12),
        ("plane", "there is no pass called 'plane'; did you mean 'plain'?", 0),
        ("plain, zzz", "there is no pass called 'zzz'; there are: plain, rich, strict", 7),
        ("rich{mod=fast}", "rich: there is no option 'mod'; did you mean 'mode'?", 5),
        (
            "plain{zzz=1}",
            "plain: there is no option 'zzz'; there are: expect, optional, select",
            6,
        ),
        ("rich{fold,fold}", "rich: option 'fold' is given twice", 10),
        ("rich{max-rank=1,max_rank=2}", "rich: option 'max-rank' is given twice", 16),
        ("rich{max-rank=four}", "rich: option 'max-rank': 'four' is not an integer", 5),
        ("rich{max-rank=1.5}", "rich: option 'max-rank': '1.5' is not an integer", 5),
        ("rich{max-rank}", "rich: option 'max-rank': needs a value (int)", 5),
        (
            "rich{max-rank=[1]}",
            "rich: option 'max-rank': takes one value (int), not a list",
            5,
        ),
        ("rich{fold=[true]}", "rich: option 'fold': takes one value (bool), not a list", 5),
        ("rich{label}", "rich: option 'label': needs a value (text)", 5),
        ("rich{ratio=big}", "rich: option 'ratio': 'big' is not a number", 5),
        ("rich{fold=yes}", "rich: option 'fold': 'yes' is neither true nor false", 5),
        ("rich{mode=slow}", "rich: option 'mode': 'slow' is not one of fast|exact|none", 5),
        ("rich{axes=[0,x]}", "rich: option 'axes': 'x' is not an integer", 5),
        ("rich{limit=x}", "rich: option 'limit': 'x' is not an integer", 5),
        ("rich{limit}", "rich: option 'limit': needs a value (int)", 5),
        (
            "rich{either=x}",
            "rich: option 'either': 'x' is not a number; 'x' is not one of fast|exact|none",
            5,
        ),
        (
            "plain{expect=some}",
            "plain: option 'expect': expect='some' is not a number or a comparison such as '>=1'",
            6,
        ),
        (
            "plain{select='k=x'}",
            "plain: option 'select': k='x' is not a list of numbers and ranges such as 0,2,5..7",
            6,
        ),
        (
            "plain,strict",
            "strict: option 'size' is required, e.g. strict{size=...}",
            6,
        ),
        ("strict{size=0}", "strict: size=0 must be positive", 0),
    ],
)
def test_errors_point_at_the_column(text: str, message: str, column: int) -> None:
    with pytest.raises(PipelineError) as caught:
        parse(text, Lookup())
    assert str(caught.value) == f"{message}\n  {text}\n  {' ' * column}^"
    assert caught.value.column == column


def test_an_error_in_a_text_of_several_lines_shows_its_line() -> None:
    with pytest.raises(PipelineError) as caught:
        parse("plain,\n  rich{fold=yes},\nplain", Lookup())
    assert str(caught.value) == (
        "rich: option 'fold': 'yes' is neither true nor false\n    rich{fold=yes},\n         ^"
    )


@pytest.mark.parametrize(
    ("item", "text"),
    [
        (Plain(), "plain"),
        (Rich(), "rich"),
        (Rich(max_rank=4), "rich"),
        (Rich(mode=Mode.EXACT, max_rank=3), "rich{mode=exact,max-rank=3}"),
        (Rich(fold=True, on=False), "rich{fold=true,on=false}"),
        (Rich(keep=("a", "b c")), 'rich{keep=[a,"b c"]}'),
        (Rich(axes=()), "rich{axes=[]}"),
        (Rich(names=None), "rich{names=none}"),
        (Rich(title="none"), 'rich{title="none"}'),
        (Rich(label=" a"), 'rich{label=" a"}'),
        (Rich(label=""), 'rich{label=""}'),
        (Rich(label='"\\'), r'rich{label="\"\\"}'),
        (
            Rich(select=Selector("op=Conv & k=0"), expect=Expect(">=1")),
            'rich{select="op=Conv & k=0",expect=">=1"}',
        ),
        (Strict(size=4), "strict{size=4}"),
    ],
)
def test_a_pass_prints_the_options_that_differ(item: Pass, text: str) -> None:
    assert pass_text(item) == text
    assert one(text) == item


TEXT = st.text(max_size=8) | st.sampled_from(["none", "true", " a", "a b", "0", "'", "[x]", "\n"])
RICH = st.builds(
    Rich,
    mode=st.sampled_from(Mode),
    max_rank=st.integers(),
    ratio=st.floats(allow_nan=False),
    label=TEXT,
    fold=st.booleans(),
    on=st.booleans(),
    keep=st.lists(TEXT, max_size=3).map(tuple),
    axes=st.lists(st.integers(), max_size=3).map(tuple),
    limit=st.none() | st.integers(),
    title=st.none() | TEXT,
    force=st.none() | st.booleans(),
    names=st.none() | st.lists(TEXT, max_size=2).map(tuple),
    either=st.floats(allow_nan=False) | st.sampled_from(Mode),
    select=st.none()
    | st.sampled_from(["op=Conv", "k=0,2..4 & attr.mode!=x y", "name=a/*"]).map(Selector),
    expect=st.none() | st.sampled_from(["1", ">=2", "!= 0"]).map(Expect),
    optional=st.booleans(),
)
PIPELINES = st.lists(RICH | st.just(Plain()) | st.builds(Strict, size=st.integers(1)), min_size=1)


@given(PIPELINES)
def test_text_and_recipe_give_back_the_pipeline(passes: list[Pass]) -> None:
    pipeline = Pipeline(tuple(passes))
    text = str(pipeline)
    assert parse(text, Lookup()) == pipeline
    assert str(parse(text, Lookup())) == text
    assert parse_recipe(recipe(pipeline), Lookup()) == pipeline


@given(st.text(alphabet="rich{}[]=,'\"\\ \nplain0", max_size=30) | st.text(max_size=12))
def test_any_text_parses_or_is_refused_with_its_column(text: str) -> None:
    caught: PipelineError | None = None
    try:
        pipeline = parse(text, Lookup())
    except PipelineError as error:
        caught = error
    if caught is None:
        assert parse(str(pipeline), Lookup()) == pipeline
    else:
        assert caught.column is not None
        assert 0 <= caught.column <= len(text)


def test_a_recipe_says_the_same_as_the_text() -> None:
    text = "rich{mode=exact,keep=[boxes,scores],limit=none,expect='>=1'},plain"
    document = """
passes:
  - rich: {mode: exact, keep: [boxes, scores], limit: null, expect: ">=1"}
  - plain
"""
    assert parse_recipe(document, Lookup()) == parse(text, Lookup())


def test_a_recipe_is_written_with_plain_yaml_values() -> None:
    item = Rich(mode=Mode.EXACT, ratio=0.25, keep=("a",), names=None, select=Selector("k=0"))
    assert recipe(Pipeline((item, Plain()))) == (
        "passes:\n"
        "- rich:\n"
        "    select: k=0\n"
        "    mode: exact\n"
        "    ratio: 0.25\n"
        "    keep:\n"
        "    - a\n"
        "    names: null\n"
        "- plain\n"
    )


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("plain: ", Plain()),
        ("rich: {fold}", Rich(fold=True)),
        ("rich: {max_rank: 3, ratio: 2}", Rich(max_rank=3, ratio=2.0)),
        ("rich: {max-rank: 3.0}", Rich(max_rank=3)),
        ("rich: {label: true, title: 12}", Rich(label="true", title="12")),
        ("rich: {force: null, title: none}", Rich(title="none")),
        ("rich: {keep: one}", Rich(keep=("one",))),
        ("plain: {expect: 14}", Plain(expect=Expect("14"))),
    ],
)
def test_recipe_values(entry: str, expected: Pass) -> None:
    assert parse_recipe(f"passes:\n  - {entry}\n", Lookup()).passes == (expected,)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (
            "passes: [a",
            (
                "the recipe is not YAML: line 1, column 11: expected ',' or ']', but got "
                "'<stream end>'"
            ),
        ),
        ("- plain", "a recipe is a mapping with the one key 'passes', a list of passes"),
        ("", "a recipe is a mapping with the one key 'passes', a list of passes"),
        (
            "passes: [plain]\nmore: 1",
            "a recipe is a mapping with the one key 'passes', a list of passes",
        ),
        ("passes: []", "'passes' in the recipe must be a list of at least one pass"),
        ("passes: plain", "'passes' in the recipe must be a list of at least one pass"),
        ("passes: [3]", "recipe entry 3 is neither a pass name nor 'name: {options}'"),
        (
            "passes: [{plain: {}, rich: {}}]",
            "recipe entry {'plain': {}, 'rich': {}} is neither a pass name nor 'name: {options}'",
        ),
        ("passes: [{rich: [fold]}]", "the options of 'rich' in the recipe must be a mapping"),
        ("passes: [zzz]", "there is no pass called 'zzz'; there are: plain, rich, strict"),
        (
            "passes: [{rich: {max-rank: 1.5}}]",
            "rich: option 'max-rank': 1.5 is not an integer",
        ),
        ("passes: [{rich: {max-rank: .inf}}]", "rich: option 'max-rank': inf is not an integer"),
        ("passes: [{rich: {max-rank: true}}]", "rich: option 'max-rank': True is not an integer"),
        ("passes: [{rich: {max-rank: null}}]", "rich: option 'max-rank': needs a value (int)"),
        (
            "passes: [{rich: {mode: {a: 1}}}]",
            (
                "rich: option 'mode' in the recipe must be text, a number, true, false, null or a "
                "list of these, not {'a': 1}"
            ),
        ),
        (
            "passes: [{rich: {axes: [[1]]}}]",
            (
                "rich: option 'axes' in the recipe must be text, a number, true, false, null or a "
                "list of these, not [[1]]"
            ),
        ),
        (
            "passes: [{rich: {label: 2020-01-01}}]",
            (
                "rich: option 'label' in the recipe must be text, a number, true, false, null or a "
                "list of these, not datetime.date(2020, 1, 1)"
            ),
        ),
        ("passes: [strict]", "strict: option 'size' is required, e.g. strict{size=...}"),
        ("passes: [{strict: {size: 0}}]", "strict: size=0 must be positive"),
        (
            "passes: [!!python/object/apply:os.getcwd []]",
            (
                "the recipe is not YAML: line 1, column 10: could not determine a constructor for "
                "the tag 'tag:yaml.org,2002:python/object/apply:os.getcwd'"
            ),
        ),
    ],
)
def test_recipe_errors(document: str, message: str) -> None:
    with pytest.raises(PipelineError) as caught:
        parse_recipe(document, Lookup())
    assert str(caught.value) == message


def test_types_are_written_for_people() -> None:
    types = {key: annotation_text(annotation) for key, annotation, _ in option_fields(Rich)}
    assert types == {
        "select": "selector",
        "expect": "expect",
        "optional": "bool",
        "mode": "fast|exact|none",
        "max-rank": "int",
        "ratio": "float",
        "label": "text",
        "fold": "bool",
        "on": "bool",
        "keep": "list of text",
        "axes": "list of int",
        "limit": "int",
        "title": "text",
        "force": "bool",
        "names": "list of text",
        "either": "float or fast|exact|none",
    }


def test_help_is_the_string_under_the_field() -> None:
    helps = options_help(Rich)
    assert helps["mode"] == "How to go about it."
    assert helps["max-rank"] == "Largest rank that is accepted."
    assert helps["optional"] == "Accept that nothing matches."
    assert "ratio" not in helps


def test_options_come_in_the_order_of_the_fields() -> None:
    keys = [key for key, _, _ in option_fields(Rich)]
    assert keys == [field.name.replace("_", "-") for field in fields(Rich)]


@dataclass(frozen=True)
class Eager(Plain):
    """Fail when nothing matches."""

    name = "eager"
    must_match = True


class Grouped(Lookup):
    def names(self) -> Sequence[str]:
        return [*super().names(), "eager"]

    def pass_class(self, name: str) -> type[Pass]:
        return Eager if name == "eager" else super().pass_class(name)

    def groups(self) -> Mapping[str, Group]:
        return {
            "both": Group("", "rich{max-rank=3},eager"),
            "nested": Group("", "plain,both"),
            "stale": Group("", "plain,gone"),
        }


def test_a_group_stands_for_its_passes_which_need_not_match() -> None:
    pipeline = parse("plain,both,eager", Grouped())
    assert str(pipeline) == "plain,rich{max-rank=3},eager{optional=true},eager"
    assert parse(str(pipeline), Grouped()) == pipeline


def test_a_recipe_may_name_a_group() -> None:
    assert parse_recipe("passes: [both]", Grouped()) == parse("both", Grouped())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "plain,both{select=x}",
            (
                "both is a group and takes no options; give them to its passes: "
                "rich{max-rank=3},eager\n  plain,both{select=x}\n             ^"
            ),
        ),
        (
            "nested",
            (
                "group 'nested': 'both' is a group, and a group is made of passes\n"
                "  plain,both\n        ^"
            ),
        ),
        (
            "stale",
            (
                "group 'stale': there is no pass called 'gone'; there are: both, eager, nested, "
                "plain, rich, stale, strict\n  plain,gone\n        ^"
            ),
        ),
        (
            "bot",
            "there is no pass called 'bot'; did you mean 'both'?\n  bot\n  ^",
        ),
    ],
)
def test_what_is_wrong_with_a_group_is_said(text: str, message: str) -> None:
    with pytest.raises(PipelineError) as caught:
        parse(text, Grouped())
    assert str(caught.value) == message
