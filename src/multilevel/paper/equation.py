"""The equations of a model, in the notation of textbooks on multilevel models (Gelman & Hill 2007, chapters 11-13)."""

from __future__ import annotations

from dataclasses import dataclass

from ..lettering import display_width
from ..models.estimate import Fit
from .covariances import Covariances, Line, index_of
from .expressions import expression
from .ink import Ink, Latex, Plain
from .mathml import Mathml, typeset
from .response import counted, inflated, linked, response_line
from .sheet import Coefficient, GroupTerm, LinearPredictor, Part, Sheet

TERMS_PER_LINE = 4
WIDTH = 66  # columns that a sum takes in plain text before it is broken
PAGE = 80  # columns of a terminal
MARGIN = 16  # left sides wider than this stick out


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
        terms = [term for linear in sheet.linear for term in linear.terms]
        covariances = Covariances(ink, self.numbers, sum(term.corr is not None for term in terms) > 1)
        for term in terms:
            means = ["0" if e.mean is None else self.fixed(e.mean) for e in term.effects]
            lines += covariances.distribution(term, means)
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
                ink.symbol(effect.letter, index_of(effect, ink), ink.group_of_row(term.group))
                for term in linear.terms
                for effect in term.effects
                if not term.levels_of and effect.recipe == recipe and not (coefficient and coefficient.levels_of)
            ]
            carried = recipe in linear.carried and not (coefficient and coefficient.levels_of)
            own = [] if coefficient is None or carried else [self.of_row(coefficient)]
            if not recipe:
                made += own + varying
                continue
            together = " + ".join(own + varying)
            together = f"({together})" if len(own + varying) > 1 else together
            made.append(ink.applied(together, linear.predictors.column(recipe, ink)))
        made += [self.by_level(term, linear) for term in linear.terms if term.levels_of]
        made += [expression(offset.node, ink) for offset in linear.offsets]
        return made or ["0"]

    def by_level(self, term: GroupTerm, linear: LinearPredictor) -> str:
        """The effect of row n, of its level of a factor and of its group."""
        first, ink = term.effects[0], self.ink
        level = ink.group_of_row(linear.predictors.bare(term.levels_of))
        below = ",".join(filter(None, (first.part and ink.name(first.part), level)))
        return ink.symbol(first.letter, "", ",".join((below, ink.group_of_row(term.group))))

    def sum_of(self, linear: LinearPredictor) -> tuple[str, ...]:
        """The sum, on as many lines as it takes."""
        plain = _Scribe(self.sheet, Plain(), self.numbers, self.family, self.link).summands(linear)
        return _broken(self.summands(linear), [display_width(summand) for summand in plain])

    def fixed(self, c: Coefficient) -> str:
        """A coefficient: its symbol, or its estimate."""
        ink = self.ink
        return ink.number(c.estimate) if self.numbers else ink.symbol(c.letter, index_of(c, ink))

    def of_row(self, c: Coefficient) -> str:
        """The same in the equation of row n, with the level of that row if there is one for each level."""
        if not c.levels_of:
            return self.fixed(c)
        (predictors,) = (linear.predictors for linear in self.sheet.linear if linear.part == c.part)
        return self.ink.symbol(c.letter, index_of(c, self.ink), self.ink.group_of_row(predictors.bare(c.levels_of)))

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
        return [Line(ink.symbol(c.letter, index_of(c, ink), ink.level(c.reference)), "=", ("0",))]


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
