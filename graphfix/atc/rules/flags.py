"""Rules about flags as such: their names, and the values they take."""

import re
from collections.abc import Iterator
from typing import Final

from graphfix.atc.flags import FLAGS, NO, YES, Kind
from graphfix.atc.request import Request
from graphfix.atc.rule import Rule
from graphfix.atc.shell import unset_variables
from graphfix.atc.words import similar_flag
from graphfix.finding import Finding, Severity
from graphfix.target import CANN_RELEASES, Evidence

_PARSER: Final = "hicann/ge: api/atc/cmd_flag_info.cc"
_MAIN: Final = "hicann/ge: api/atc/main_impl.cc"
_DASHES: Final = ("\u2010", "\u2011", "\u2012", "\u2013", "\u2014", "\u2212", "\uff0d")
_FULL_WIDTH: Final = {
    "：": "full-width colon", "；": "full-width semicolon", "，": "full-width comma",
    "“": "curly quote", "”": "curly quote", "‘": "curly quote", "’": "curly quote",
    "＝": "full-width equals sign", "　": "full-width space", "（": "full-width bracket",
    "）": "full-width bracket", "～": "full-width tilde",
}  # fmt: skip


class UnknownFlag(Rule):
    """ATC ends at a flag that it does not have, at a flag without its value, and at a lone word.

    Often a flag is misspelt (``--out_node`` for ``--out_nodes``), or a value with ``;`` was not
    quoted, so that the shell cut it.
    """

    id = "GF401"
    title = "unknown-flag"
    citation = _PARSER

    def check(self, request: Request) -> Iterator[Finding]:
        """Flags in their order, then words that belong to none."""
        for given in request.words.given:
            if given.flag not in FLAGS:
                close = similar_flag(given.flag)
                yield self.finding(
                    f"atc has no flag {given.written}",
                    given.written,
                    advice=f"write --{close}" if close else "remove it",
                )
            elif given.value is None:
                yield self.finding(
                    f"{given.written} has no value", given.written, advice="give one after '='"
                )
        for word in request.words.strays:
            dash = word.startswith(_DASHES)
            yield self.finding(
                f"{word!r} belongs to no flag",
                word,
                advice="type the dashes before it on the keyboard: these are typographic ones"
                if dash
                else "quote values that hold spaces or ';'",
            )


class FlagSpelling(Rule):
    """ATC reads ``-flag`` and ``--flag-name`` as ``--flag_name``; people and scripts may not.

    The command works. The documentation has two dashes and underscores only.
    """

    id = "GF402"
    title = "flag-spelling"
    severity = Severity.INFO
    citation = _PARSER

    def check(self, request: Request) -> Iterator[Finding]:
        """Flags in their order."""
        for given in request.words.given:
            if given.flag in FLAGS and given.written != f"--{given.flag}":
                yield self.finding(
                    f"{given.written} is read as --{given.flag}",
                    given.written,
                    advice=f"write --{given.flag}",
                )


class FlagValue(Rule):
    """Flags with a list of values take no other one; numbers are digits without a sign.

    ``high_preformance`` for ``high_performance`` is the usual one.
    """

    id = "GF403"
    title = "flag-value"
    citation = _PARSER

    def check(self, request: Request) -> Iterator[Finding]:
        """Flags in their order."""
        for given in request.words.given:
            flag = FLAGS.get(given.flag)
            value = given.value
            if flag is None or value is None or unset_variables(value):
                continue
            name = f"--{flag.name}"
            if flag.kind is Kind.BOOLEAN and value.lower() not in YES | NO:
                yield self.finding(f"{name} takes true or false, not {value!r}", name)
            elif flag.kind is Kind.INTEGER and not (value.isascii() and value.isdigit()):
                yield self.finding(f"{name} takes digits only, not {value!r}", name)
            elif flag.choices and value not in flag.choices.split():
                choices = ", ".join(flag.choices.split())
                yield self.finding(
                    f"{name}={value} is not one of its values", name, advice=f"one of: {choices}"
                )
        allow = request.text("allow_hf32")
        if allow is not None and allow not in ("true", "false"):
            yield self.finding(
                f"--allow_hf32 takes true or false, not {allow!r} (E10005)", "--allow_hf32"
            )


class MissingFlag(Rule):
    """A conversion needs ``--model``, ``--output``, ``--soc_version`` and ``--framework``.

    ``--framework`` is 5 for ONNX: with another value ATC reads the file as something else.
    ``--weight`` belongs to Caffe and is ignored.
    """

    id = "GF404"
    title = "missing-flag"
    citation = f"{_MAIN}: CheckFlags"

    def check(self, request: Request) -> Iterator[Finding]:
        """What is missing, then a framework that is not ONNX."""
        if not request.converts:
            return
        without_value = {given.flag for given in request.words.given if given.value is None}
        for name in ("model", "output", "framework", "soc_version"):
            if not request.has(name) and name not in without_value:
                advice = "add --framework=5, which is ONNX" if name == "framework" else ""
                yield self.finding(
                    f"--{name} is missing (E10007, E10054)", f"--{name}", advice=advice
                )
        framework = request.text("framework")
        if framework is not None and framework != "5":
            yield self.finding(
                f"--framework={framework} is not ONNX", "--framework", advice="write --framework=5"
            )
        if request.has("weight"):
            yield self.finding(
                "--weight is ignored for ONNX",
                "--weight",
                severity=Severity.INFO,
                advice="remove it",
            )


class FlagRelease(Rule):
    """Flags come and go with CANN releases.

    ``--auto_tune_mode`` always fails since tuning is the work of ``aoe``; ``--input_shape_range``
    and ``--shape_generalized_build_mode`` print a warning.
    """

    id = "GF405"
    title = "flag-release"
    citation = "hicann/ge 8.5.0 to 9.1.0: api/atc/atc_flags.cc"

    def check(self, request: Request) -> Iterator[Finding]:
        """Flags in their order."""
        recent = CANN_RELEASES.index(request.cann) >= CANN_RELEASES.index("8.5")
        for given in request.words.given:
            flag = FLAGS.get(given.flag)
            if flag is None:
                continue
            if not flag.known_to(request.cann):
                guess = flag.since == "7.0"
                yield self.finding(
                    f"--{flag.name} came with CANN {flag.since}, this is {request.cann}",
                    f"--{flag.name}",
                    evidence=Evidence.INFERENCE if guess else None,
                    severity=Severity.INFO if guess else None,
                )
            elif flag.name == "auto_tune_mode" and recent:
                yield self.finding(
                    "--auto_tune_mode always fails in this release",
                    "--auto_tune_mode",
                    advice="remove it; the tool 'aoe' tunes",
                )
            elif flag.name == "shape_generalized_build_mode" and recent:
                yield self.finding(
                    f"--{flag.name} is deprecated", f"--{flag.name}", severity=Severity.INFO
                )


class RepeatedFlag(Rule):
    """Of a flag that is given twice, the last one is taken to count."""

    id = "GF406"
    title = "repeated-flag"
    severity = Severity.INFO
    evidence = Evidence.INFERENCE
    citation = _PARSER

    def check(self, request: Request) -> Iterator[Finding]:
        """Flags in the order in which they come again."""
        seen: dict[str, str | None] = {}
        for given in request.words.given:
            if given.flag in seen and seen[given.flag] != given.value:
                yield self.finding(
                    f"--{given.flag} is given again, with {given.value!r}; the last one counts",
                    f"--{given.flag}",
                    advice="keep one",
                )
            seen[given.flag] = given.value


class FullWidth(Rule):
    """Punctuation of a Chinese keyboard or of a word processor is no punctuation to ATC or a shell.

    ``：`` for ``:`` in ``--input_shape`` makes the whole text one name; curly quotes quote nothing.
    """

    id = "GF407"
    title = "full-width"
    citation = f"{_PARSER}; compiler/api/aclgrph/option_utils.cc"

    def check(self, request: Request) -> Iterator[Finding]:
        """Words in their order."""
        for given in request.words.given:
            text = f"{given.written}={given.value or ''}"
            hits = [name for sign, name in _FULL_WIDTH.items() if sign in text]
            if hits:
                yield self.finding(
                    f"{text!r} holds a {hits[0]}",
                    given.written,
                    advice="type it again with a keyboard set to English",
                )


class UnsetVariable(Rule):
    """A shell variable without a value cannot be checked; a dim that is one counts as 1."""

    id = "GF408"
    title = "unset-variable"
    severity = Severity.INFO
    citation = "the command itself"

    def check(self, request: Request) -> Iterator[Finding]:
        """Every variable once, then what the shell would make of the text."""
        flags: dict[str, list[str]] = {}
        for given in request.words.given:
            for name in unset_variables(given.value or ""):
                flags.setdefault(name, []).append(f"--{given.flag}")
        for name, used in flags.items():
            known = f"{', '.join(dict.fromkeys(used))} not checked for its value"
            yield self.finding(
                f"${name} has no value here: {known}", *used, advice=f"add --set {name}=VALUE"
            )
        for problem in request.command.problems:
            yield self.finding(problem, severity=Severity.ERROR)


class SocName(Rule):
    """ATC does not compare ``--soc_version`` with a list; a wrong name fails when GE starts.

    ``npu-smi info`` prints ``310P3``, which belongs into ``Ascend310P3``. ``Ascend310${chip_name}``
    becomes ``Ascend310310P3``, and ``Ascend{chip_name}`` lacks its dollar sign.
    """

    id = "GF409"
    title = "soc-name"
    citation = (
        "hicann/ge: string literals; docs/zh/user_guides/atc_tools/CLI_options/--soc_version.md"
    )

    _KNOWN = re.compile(
        r"Ascend(310(B[1-4])?|310P[1-7]|610|710|910(A|B|ProA|ProB|PremiumA)?|910B\d(C|_\d)?"
        r"|910_93\d*|950\w*|960|03[15][AB]?)"
    )

    def check(self, request: Request) -> Iterator[Finding]:
        """The one name."""
        name = request.values.get("soc_version", "")
        chip = "310|610|710|910|950"
        twice = re.match(rf"(?i)ascend({chip})(\$|ascend|{chip})", name)
        flag = "--soc_version"
        if not name:
            return
        if twice and not self._KNOWN.fullmatch(name):
            yield self.finding(
                f"{flag}={name} names the chip twice"
                + (" once the variable has its value, such as 310P3" if "$" in name else ""),
                flag,
                evidence=Evidence.INFERENCE,
                advice="write Ascend and the name that 'npu-smi info' prints, such as Ascend310P3",
            )
        elif "$" in name:
            return
        elif "{" in name or "*" in name or "<" in name:
            yield self.finding(
                f"{flag}={name} is a template, not a name",
                flag,
                advice="write the name, or ${…} with the dollar sign in a script",
            )
        elif not name.startswith("Ascend"):
            right = name[0].isdigit() and self._KNOWN.fullmatch(f"Ascend{name}")
            yield self.finding(
                f"{flag}={name} does not start with Ascend",
                flag,
                evidence=Evidence.INFERENCE,
                severity=None if right else Severity.INFO,
                advice=f"write Ascend{name}" if right else "graphfix targets lists names",
            )
        elif not self._KNOWN.fullmatch(name):
            yield self.finding(
                f"{flag}={name} is no name that is known",
                flag,
                severity=Severity.INFO,
                evidence=Evidence.INFERENCE,
                advice="compare it with 'npu-smi info'; graphfix targets lists names",
            )
