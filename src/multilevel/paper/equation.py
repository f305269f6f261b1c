"""The equations of a model, in the notation of textbooks on multilevel models (Gelman & Hill 2007, chapters 11-13)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from ..lettering import display_width
from ..models.estimate import Fit
from .expressions import expression
from .ink import Ink, Latex, Plain
from .mathml import Mathml, typeset
from .response import counted, inflated, linked, response_line
from .sheet import Coefficient, GroupEffect, GroupTerm, LinearPredictor, Part, Sheet

TERMS_PER_LINE = 4
WIDTH = 66  # columns that a sum takes in plain text before it is broken
PAGE = 80  # columns of a terminal
MARGIN = 16  # left sides wider than this stick out


class Line(NamedTuple):
    """`left relation right`, the right side's continuation, and what is said behind it."""

    left: str
    relation: str
    right: tuple[str, ...]
    aside: str = ""


@dataclass(frozen=True, eq=False, repr=False)
class Equation:
    """The equations of a model: LaTeX for a paper, typeset in a notebook, text in a terminal.

    Parameters
    ----------
    latex : an `align*` environment.
    text : the same in plain text, a line for each equation.
    mathml : the same as a `<math>` element, which a browser typesets without any library.
    """

    latex: str
    text: str
    mathml: str

    def __str__(self) -> str:
        return self.latex

    def __repr__(self) -> str:
        return self.text

    def _repr_latex_(self) -> str:
        return f"$$\n{self.latex.replace('{align*}', '{aligned}')}\n$$"

    def _repr_markdown_(self) -> str:
        return self._repr_latex_()


def equation(fit: Fit, numbers: bool = False, *, family: str = "gaussian", link: str = "identity") -> Equation:
    """The equations of a fit.

    Parameters
    ----------
    fit : of a linear or mixed model.
    numbers : put the estimates, with four digits, in the place of the parameters. Default: symbols.
    family, link : distribution of the response around its mean, and what the linear predictor is equal to.

    Raises
    ------
    ValueError : the family or the link is not known.

    >>> from multilevel import datasets, lmer
    >>> m = lmer("reaction ~ days + (days || subject)", datasets.load("sleepstudy", "dict"))
    >>> equation(m._fit)
    reaction[n] ~ N(μ[n], σ)
           μ[n] = α[subject[n]] + β[subject[n]] days[n]
     α[subject] ~ N(α, σ_α),  subject = 1, ..., 18
     β[subject] ~ N(β, σ_β)
    >>> print(equation(m._fit, numbers=True))
    \\begin{align*}
    \\text{reaction}_n &\\sim \\mathcal{N}\\left(\\mu_{n}, 25.57\\right) \\\\
    \\mu_{n} &= \\alpha_{\\text{subject}[n]} + \\beta_{\\text{subject}[n]}\\, \\text{days}_n \\\\
    \\alpha_{\\text{subject}} &\\sim \\mathcal{N}\\left(251.4, 25.05\\right),\\quad \\text{subject} = 1, \\dots, 18 \\\\
    \\beta_{\\text{subject}} &\\sim \\mathcal{N}\\left(10.47, 5.988\\right)
    \\end{align*}
    """
    sheet = Sheet.of(fit, by_level=not numbers)
    latex, plain, mathml = (_Scribe(sheet, ink, numbers, family, link).lines() for ink in (Latex(), Plain(), Mathml()))
    return Equation(_latex(latex), _plain(plain), _mathml(mathml))


def _latex(lines: list[Line]) -> str:
    rows = []
    for left, relation, (first, *rest), aside in lines:
        set_relation = r"\sim" if relation == "~" else relation
        rows.append(rf"{left} &{set_relation} {first}{aside}")
        rows += [rf"&\quad {{}} {part}" for part in rest]
    return "\\begin{align*}\n" + " \\\\\n".join(rows) + "\n\\end{align*}"


def _plain(lines: list[Line]) -> str:
    width = max((display_width(line.left) for line in lines if len(line.left) <= MARGIN), default=0)
    rows = []
    for left, relation, (first, *rest), aside in lines:
        row = f"{' ' * (width - display_width(left))}{left} {relation} {first}"
        if display_width(row) > PAGE and "; " in first:  # a matrix, row by row
            row, *rest = f"{row};".replace("; ", ";\n").removesuffix(";").split("\n")
        if display_width(row + aside) <= PAGE:
            rows.append(row + aside)
        else:
            rest = [*rest, aside.removeprefix(",").strip()] if aside else rest
            rows.append(row + ("," if aside else ""))
        rows += [f"{' ' * (width + 3)}{part}" for part in rest]
    return "\n".join(rows)


def _mathml(lines: list[Line]) -> str:
    rows = []
    for left, relation, (first, *rest), aside in lines:
        rows.append((left, relation, first + aside))
        rows += [("", "", f'<mspace width="2em"></mspace>{part}') for part in rest]
    return typeset(rows)


class _Scribe:
    """Writes the lines of one sheet in one hand."""

    def __init__(self, sheet: Sheet, ink: Ink, numbers: bool, family: str, link: str) -> None:
        self.sheet = sheet
        self.ink = ink
        self.numbers = numbers
        self.family = family
        self.link = link

    def lines(self) -> list[Line]:
        """Response, mean, levels, groups, covariances."""
        sheet, ink = self.sheet, self.ink
        mean = ink.symbol("mu", group="n")
        summands = self.sum_of(sheet.mean)
        inside = sheet.is_plain and self.link == "identity"
        y, trials = self.response()
        sigma, phi, nu, psi = map(self.spread, ("sigma", "phi", "nu", "psi"))
        if sheet.weights is not None and not trials:
            sigma = ink.over_root(sigma, ink.of_row(sheet.weights or "w"))
        around = summands[0] if inside else mean
        line = response_line(self.family, ink, mean=around, sigma=sigma, phi=phi, nu=nu, psi=psi, trials=trials)
        if not sheet.residual:
            lines = [Line(y, "=", summands)]
        else:
            lines = [Line(y, "~", inflated(line, ink) if sheet.inflated else (line,))]
            if not inside:
                lines.append(Line(linked(self.link, mean, ink), "=", summands))
        lines += [line for coefficient in sheet.mean.fixed for line in self.reference(coefficient)]
        lines += [line for part in sheet.parts for line in self.part(part)]
        for term in (term for linear in sheet.linear for term in linear.terms):
            lines += self.distribution(term)
        return lines

    def response(self) -> tuple[str, str]:
        """What stands left of `~`, and the number of trials of a binomial response."""
        if (counts := counted(self.sheet.response.node, self.ink)) is not None:
            return counts
        y = expression(self.sheet.response.node, self.ink)
        weights = self.sheet.weights
        if self.family in ("binomial", "betabinomial") and weights is not None:
            trials = self.ink.of_row(weights or "w")
            return f"{trials} {y}", trials
        return y, ""

    def part(self, part: Part) -> list[Line]:
        """The linear predictor of the chance of an inflated zero, or of the dispersion."""
        ink = self.ink
        symbol = ink.symbol(part.symbol, group="n")
        powers = {1: symbol, 2: ink.power(symbol, "2"), -1: f"1 / {symbol}"}
        left = ink.function("logit" if part.symbol == "pi" else "log", [powers[part.exponent]])
        references = [line for c in part.linear.fixed for line in self.reference(c)]
        return [Line(left, "=", self.sum_of(part.linear)), *references]

    # ---- linear predictors ------------------------------------------------------------------------------------------

    def summands(self, linear: LinearPredictor) -> list[str]:
        """The linear predictor's summands, a coefficient (or all that vary together) times what it multiplies."""
        ink = self.ink
        made = []
        for coefficient, recipe in linear.columns():
            varying = [
                ink.symbol(effect.letter, _index(effect, ink), ink.group_of_row(term.group))
                for term in linear.terms
                for effect in term.effects
                if effect.recipe == recipe and not (coefficient and coefficient.levels_of)
            ]
            carried = recipe in linear.carried and not (coefficient and coefficient.levels_of)
            own = [] if coefficient is None or carried else [self.of_row(coefficient)]
            if not recipe:
                made += own + varying
                continue
            together = " + ".join(own + varying)
            together = f"({together})" if len(own + varying) > 1 else together
            made.append(ink.applied(together, linear.predictors.column(recipe, ink)))
        made += [expression(offset.node, ink) for offset in linear.offsets]
        return made or ["0"]

    def sum_of(self, linear: LinearPredictor) -> tuple[str, ...]:
        """The sum, on as many lines as it takes."""
        plain = _Scribe(self.sheet, Plain(), self.numbers, self.family, self.link).summands(linear)
        return _broken(self.summands(linear), [display_width(summand) for summand in plain])

    def fixed(self, c: Coefficient) -> str:
        """A coefficient: its symbol, or its estimate."""
        ink = self.ink
        return ink.number(c.estimate) if self.numbers else ink.symbol(c.letter, _index(c, ink))

    def of_row(self, c: Coefficient) -> str:
        """The same in the equation of row n, with the level of that row if there is one for each level."""
        if not c.levels_of:
            return self.fixed(c)
        (predictors,) = (linear.predictors for linear in self.sheet.linear if linear.part == c.part)
        return self.ink.symbol(c.letter, _index(c, self.ink), self.ink.group_of_row(predictors.bare(c.levels_of)))

    def value(self, letter: str, index: str, number: float) -> str:
        """A parameter as symbol or as number."""
        return self.ink.number(number) if self.numbers else self.ink.symbol(letter, index)

    def spread(self, symbol: str) -> str:
        """A parameter of the response besides its mean; its symbol too where the model has no such number."""
        if symbol in self.sheet.modelled:
            return self.ink.symbol(symbol, group="n")
        number = self.sheet.spread.get(symbol)
        return self.ink.symbol(symbol) if number is None else self.value(symbol, "", number)

    def reference(self, c: Coefficient) -> list[Line]:
        """That the coefficient of the reference level is zero."""
        if not c.reference:
            return []
        ink = self.ink
        return [Line(ink.symbol(c.letter, _index(c, ink), ink.level(c.reference)), "=", ("0",))]

    # ---- groups -----------------------------------------------------------------------------------------------------

    def distribution(self, term: GroupTerm) -> list[Line]:
        """How the effects of one random term are distributed."""
        ink = self.ink
        group = ink.name(term.group)
        symbols = [ink.symbol(e.letter, _index(e, ink), group) for e in term.effects]
        means = ["0" if e.mean is None else self.fixed(e.mean) for e in term.effects]
        sds = [self.sd(e) for e in term.effects]
        aside = ink.aside(group, term.n_levels)
        if term.corr is None or len(symbols) == 1:
            asides = [aside, *[""] * (len(symbols) - 1)]
            return [
                Line(symbol, "~", (ink.distribution("N", (mean, sd)),), more)
                for symbol, mean, sd, more in zip(symbols, means, sds, asides, strict=True)
            ]
        covariance = ink.symbol("Sigma", _label(term, ink), group)
        drawn = ink.distribution("N", (ink.vector(means), covariance))
        return [Line(ink.vector(symbols), "~", (drawn,), aside), *self.covariance(term, covariance, sds)]

    def sd(self, effect: GroupEffect) -> str:
        """A standard deviation: sigma with the symbol of what varies below."""
        if self.numbers:
            return self.ink.number(effect.sd)
        return self.ink.symbol("sigma", self.ink.symbol(effect.letter, _index(effect, self.ink)))

    def covariance(self, term: GroupTerm, symbol: str, sds: list[str]) -> list[Line]:
        """The covariance matrix, entry by entry if it is small, else as standard deviations and correlations."""
        assert term.corr is not None
        ink, k = self.ink, len(sds)
        rho = [[self.correlation(term, *sorted((i, j))) if i != j else "1" for j in range(k)] for i in range(k)]
        if k <= ink.largest_matrix:
            entries = [
                [
                    ink.power(sds[i], "2") if i == j else ink.product([rho[i][j], sds[min(i, j)], sds[max(i, j)]])
                    for j in range(k)
                ]
                for i in range(k)
            ]
            return [Line(symbol, "=", (ink.matrix(entries),))]
        S, R = (ink.symbol(letter, _label(term, ink), ink.name(term.group)) for letter in "SR")
        diagonal = ink.function("diag", sds)
        return [
            Line(symbol, "=", (f"{S} {R} {S}",)),
            Line(S, "=", (diagonal,)),
            Line(R, "=", (ink.matrix(rho),)),
        ]

    def correlation(self, term: GroupTerm, i: int, j: int) -> str:
        """A correlation: rho, numbered if there are several."""
        assert term.corr is not None
        if self.numbers:
            return self.ink.number(round(float(term.corr[i, j]), 3))
        several = sum(other.corr is not None for linear in self.sheet.linear for other in linear.terms) > 1
        index = f"{i + 1}{j + 1}" if len(term.effects) > 2 else ""
        index = ",".join(filter(None, (_label(term, self.ink), index)))
        return self.ink.symbol("rho", index, self.ink.name(term.group) if several else "")


def _index(of: Coefficient | GroupEffect, ink: Ink) -> str:
    """What stands below a coefficient or effect: the part it belongs to if not the mean, and its number."""
    return ",".join(filter(None, (of.part and ink.name(of.part), of.index)))


def _label(term: GroupTerm, ink: Ink) -> str:
    """What tells a covariance from others: the part it belongs to if not the mean, and its number on its factor."""
    part = term.effects[0].part
    return ",".join(filter(None, (part and ink.name(part), term.label)))


def _broken(summands: list[str], widths: list[int]) -> tuple[str, ...]:
    """Summands on lines of a few, each line but the first beginning with its sign."""
    lines: list[str] = []
    used, count = 0, 0
    for summand, width in zip(summands, widths, strict=True):
        minus = summand.startswith("-")
        signed = f"{'-' if minus else '+'} {summand.removeprefix('-')}"
        if not lines:
            lines.append(summand)
            used, count = width, 1
        elif count == TERMS_PER_LINE or used + 3 + width > WIDTH:
            lines.append(signed)
            used, count = 2 + width, 1
        else:
            lines[-1] += f" {signed}"
            used, count = used + 3 + width, count + 1
    return tuple(lines)
