"""Designs and values in words: `participant=1:40 condition=control,treatment` and what each of them means.

1:40  1:3,7                      the whole numbers from 1 to 40; 1, 2, 3 and 7
10                               the whole numbers from 1 to 10
0,0.5,1  control,treatment       numbers, or levels in this order
nested(20, school)               rules of `multilevel.designs`, as in Python but without quotes
between(participant, a, b)       the unit first, then the levels; latin_square(participant, item, a, b)
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ..errors import DataError, nearest
from .fitting import table

HELP = (
    "a .csv, .csv.gz or .parquet file or a bundled data set; or columns that are crossed, each as name=values: "
    "participant=1:40 trial=10 "
    "condition=control,treatment, and for columns that follow a rule 'pupil=nested(20, school)', "
    "'group=between(pupil, a, b)', 'prime=latin_square(participant, item, a, b)'"
)
ASKED = "such as trial=1:10 or condition=control,treatment"
LONGEST = 2**31  # rows that a design may have
RULE = re.compile(r"(\w+)\s*\((.*)\)")
RANGE = re.compile(r"([-+]?\d+):([-+]?\d+)")


def add_design(parser: argparse.ArgumentParser) -> None:
    """DESIGN, a table or columns in words."""
    parser.add_argument("design", metavar="DESIGN", nargs="+", help=HELP)


def design_of(words: Sequence[str]) -> Any:
    """The table that the words name, or the design that they state.

    Raises
    ------
    DataError : a word states no column, or the columns make no design.

    >>> made = design_of(["participant=1:2", "condition=control,treatment"])
    >>> made["condition"].levels, made["participant"].values
    (('control', 'treatment'), array([1, 1, 2, 2]))
    """
    if len(words) == 1 and ("=" not in words[0] or Path(words[0]).is_file()):
        return table(words[0])
    from ..designs import expand_grid

    return expand_grid({name: _column(name, text) for name, text in stated(words, ASKED)}, backend="dict")


def stated(words: Sequence[str], asked: str) -> Iterator[tuple[str, str]]:
    """Names and what stands for each, of words like `name=values`; DataError for others, and for a name twice."""
    seen: set[str] = set()
    for word in words:
        name, sign, text = word.partition("=")
        if not (sign and name.strip() and text.strip()):
            raise DataError(f"{word!r} is not of the form name=values, {asked}")
        if name.strip() in seen:
            raise DataError(f"{name.strip()!r} is given twice; give it once")
        seen.add(name.strip())
        yield name.strip(), text.strip()


def values_of(name: str, text: str) -> list[Any]:
    """Numbers, if all of the values are, else texts; ranges written out.

    >>> values_of("x", "1:3,7"), values_of("x", "0, .5"), values_of("x", "a,1")
    ([1, 2, 3, 7], [0.0, 0.5], ['a', '1'])
    """
    entries = [entry.strip() for entry in text.split(",")]
    if "" in entries:
        raise DataError(f"{name}={text} has an empty value between its commas; expected values {ASKED}")
    spans = [_span(name, entry) for entry in entries]
    for kind in (int, float):
        try:
            return [x for entry, span in zip(entries, spans, strict=True) for x in span or [kind(entry)]]
        except ValueError:
            continue
    if any(spans):
        raise DataError(
            f"{name}={text} has a range among other texts; ranges are of whole numbers: write all texts out"
        )
    return entries


def _span(name: str, entry: str) -> range | None:
    """The numbers of a range in words; None for what is none."""
    if not (ends := RANGE.fullmatch(entry)):
        return None
    first, last = map(int, ends.groups())
    if not first <= last < first + LONGEST:
        raise DataError(f"{name}: {entry} is no range; expected first:last, the smaller number first, as in 1:10")
    return range(first, last + 1)


def _column(name: str, text: str) -> Any:
    """What `expand_grid` takes: values, how many there are, or a rule."""
    if rule := RULE.fullmatch(text):
        return _rule(name, *rule.groups())
    values = values_of(name, text)
    return values[0] if len(values) == 1 and isinstance(values[0], int) and ":" not in text else values


def _rule(name: str, rule: str, inside: str) -> Any:
    """`nested(20, school)`: the first words are names or sizes, the rest are levels."""
    from ..designs import between, latin_square, nested

    words = [word.strip() for word in inside.split(",")]
    rules: dict[str, tuple[int, Callable[[], Any], str]] = {
        "nested": (2, lambda: nested(_sizes(name, words[:-1]), words[-1]), "nested(20, school)"),
        "between": (2, lambda: between(words[0], _levels(name, words[1:])), "between(participant, a, b)"),
        "latin_square": (
            3,
            lambda: latin_square(words[0], words[1], _levels(name, words[2:])),
            "latin_square(participant, item, a, b)",
        ),
    }
    if rule not in rules:
        raise DataError(f"{name}: no rule of designs is called {rule!r}{nearest(rule, rules)} ({', '.join(rules)})")
    fewest, made, example = rules[rule]
    if len(words) < fewest or "" in words:
        raise DataError(f"{name}={rule}({inside}) says too little; expected {name}={example}")
    return made()


def _levels(name: str, words: Sequence[str]) -> Any:
    return values_of(name, ",".join(words))


def _sizes(name: str, words: Sequence[str]) -> Any:
    """One size for all, or one for each."""
    sizes = values_of(name, ",".join(words))
    return sizes[0] if len(sizes) == 1 else list(sizes)
