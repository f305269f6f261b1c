"""The model on paper: equations as a reader would write them, diagrams in which nothing hides anything."""

from __future__ import annotations

import itertools
import re
import sys
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

import multilevel as mlm
from multilevel.errors import InferenceError
from multilevel.paper import Diagram, diagram, equation
from multilevel.paper.drawing import arrow
from multilevel.paper.ink import Latex, Plain
from multilevel.paper.mathml import Mathml
from multilevel.paper.placing import Box, Cell, nesting, place
from multilevel.paper.response import FAMILIES, LINKS, linked, response_line
from multilevel.paper.scene import HEIGHT, LABEL, Node, Plate, text_width

pytestmark = pytest.mark.filterwarnings("ignore::multilevel.MultilevelWarning")


def made_data(n: int = 240) -> dict[str, Any]:
    """Columns of every kind, with names that LaTeX would trip over."""
    rng = np.random.default_rng(1)
    school = rng.integers(0, 6, n)
    return {
        "y": rng.normal(5, 1, n), "x": rng.uniform(1, 2, n), "z_1": rng.normal(size=n), "t": rng.uniform(1, 3, n),
        "g": rng.integers(0, 12, n).astype(str), "h": rng.integers(0, 8, n).astype(str),
        "f": rng.choice(["a", "b", "c"], n), "k": rng.choice(list("pqrst"), n), "w": rng.uniform(0.5, 2, n),
        "school": school.astype(str), "class": (4 * school + rng.integers(0, 4, n)).astype(str),
        "50% {odd} & $name_": rng.normal(size=n), "b": rng.random(n) > 0.5, "d": rng.integers(0, 9, n).astype(str),
        "item": rng.integers(0, 7, n).astype(str),
    }  # fmt: skip


DATA = made_data()


def fit(formula: str, data: Any = None, **options: Any) -> Any:
    """A fit of either kind, without the model around it."""
    data = mlm.datasets.load(data, "dict") if data else DATA
    return (mlm.lmer if "|" in formula else mlm.lm)(formula, data, **options)._fit


EQUATIONS = {
    ("y ~ 1", "tutorial_d1"): "y[n] ~ N(α, σ)",
    ("y ~ 0 + participant", "tutorial_d1"): "y[n] ~ N(α[participant[n]], σ)",
    ("y ~ 1 + (1 | participant)", "tutorial_d2"): """
          y[n] ~ N(α[participant[n]], σ)
α[participant] ~ N(α, σ_α),  participant = 1, ..., 5""",
    ("y ~ 1 + (1 | participant) + (1 | stimulus)", "tutorial_d6"): """
          y[n] ~ N(α[participant[n]] + γ[stimulus[n]], σ)
α[participant] ~ N(α, σ_α),  participant = 1, ..., 100
   γ[stimulus] ~ N(0, σ_γ),  stimulus = 1, ..., 50""",
    ("reaction ~ days + (days | subject)", "sleepstudy"): """
reaction[n] ~ N(μ[n], σ)
       μ[n] = α[subject[n]] + β[subject[n]] days[n]
(α[subject], β[subject]) ~ N((α, β), Σ[subject]),  subject = 1, ..., 18
 Σ[subject] = (σ_α², ρ · σ_α · σ_β; ρ · σ_α · σ_β, σ_β²)""",
    ("reaction ~ days + (1 | subject) + (0 + days | subject)", "sleepstudy"): """
reaction[n] ~ N(μ[n], σ)
       μ[n] = α[subject[n]] + β[subject[n]] days[n]
 α[subject] ~ N(α, σ_α),  subject = 1, ..., 18
 β[subject] ~ N(β, σ_β),  subject = 1, ..., 18""",
    ("reaction ~ 1 + (days | subject)", "sleepstudy"): """
reaction[n] ~ N(μ[n], σ)
       μ[n] = α[subject[n]] + γ[subject[n]] days[n]
(α[subject], γ[subject]) ~ N((α, 0), Σ[subject]),  subject = 1, ..., 18
 Σ[subject] = (σ_α², ρ · σ_α · σ_γ; ρ · σ_α · σ_γ, σ_γ²)""",
    ("strength ~ 1 + (1 | batch/cask)", "pastes"): """
  strength[n] ~ N(α[batch[n]] + γ[cask:batch[n]], σ)
     α[batch] ~ N(α, σ_α),  batch = 1, ..., 10
γ[cask:batch] ~ N(0, σ_γ),  cask:batch = 1, ..., 30""",
    ("y ~ x + (x | g) + (x | h)", ""): """
y[n] ~ N(μ[n], σ)
μ[n] = α[g[n]] + γ₀[h[n]] + (β[g[n]] + γ₁[h[n]]) x[n]
(α[g], β[g]) ~ N((α, β), Σ[g]),  g = 1, ..., 12
Σ[g] = (σ_α², ρ[g] · σ_α · σ_β; ρ[g] · σ_α · σ_β, σ_β²)
(γ₀[h], γ₁[h]) ~ N((0, 0), Σ[h]),  h = 1, ..., 8
Σ[h] = (σ_γ₀², ρ[h] · σ_γ₀ · σ_γ₁; ρ[h] · σ_γ₀ · σ_γ₁, σ_γ₁²)""",
    ("y ~ x + f + (0 + z_1 | g) + (1 | h)", ""): """
y[n] ~ N(μ[n], σ)
μ[n] = α[h[n]] + β₁ x[n] + β₂ [f[n] = b] + β₃ [f[n] = c]
       + γ[g[n]] z_1[n]
γ[g] ~ N(0, σ_γ),  g = 1, ..., 12
α[h] ~ N(α, σ_α),  h = 1, ..., 8""",
    ("y ~ k + x:k", ""): """
 y[n] ~ N(μ[n], σ)
 μ[n] = α + β₁[k[n]] + β₂[k[n]] x[n]
β₁[p] = 0""",
    ("y ~ k + (k | g)", ""): """
y[n] ~ N(μ[n], σ)
μ[n] = α[g[n]] + β₁[g[n]] [k[n] = q] + β₂[g[n]] [k[n] = r]
       + β₃[g[n]] [k[n] = s] + β₄[g[n]] [k[n] = t]
(α[g], β₁[g], β₂[g], β₃[g], β₄[g]) ~ N((α, β₁, β₂, β₃, β₄), Σ[g]),
       g = 1, ..., 12
Σ[g] = S[g] R[g] S[g]
S[g] = diag(σ_α, σ_β₁, σ_β₂, σ_β₃, σ_β₄)
R[g] = (1, ρ₁₂, ρ₁₃, ρ₁₄, ρ₁₅;
ρ₁₂, 1, ρ₂₃, ρ₂₄, ρ₂₅;
ρ₁₃, ρ₂₃, 1, ρ₃₄, ρ₃₅;
ρ₁₄, ρ₂₄, ρ₃₄, 1, ρ₄₅;
ρ₁₅, ρ₂₅, ρ₃₅, ρ₄₅, 1)""",
    ("log(y) ~ poly(x, 2) + I(z_1^2) + log2(t) + sqrt(x) + offset(log(t))", ""): """
log(y[n]) ~ N(μ[n], σ)
     μ[n] = α + β₁ poly₁(x[n], 2) + β₂ poly₂(x[n], 2) + β₃ z_1[n]²
            + β₄ log₂(t[n]) + β₅ sqrt(x[n]) + log(t[n])""",
    ("y ~ I(x > 1.5) + b + C(f, contr.sum):x", ""): """
y[n] ~ N(μ[n], σ)
μ[n] = α + β₁ [x[n] > 1.5] + β₂ [b[n] = TRUE] + β₃ x[n] [f[n] = a]
       + β₄ x[n] [f[n] = b] + β₅ x[n] [f[n] = c]""",
    ("y ~ C(f, contr.sum) * z_1", ""): """
y[n] ~ N(μ[n], σ)
μ[n] = α + β₁ sum₁(f[n]) + β₂ sum₂(f[n]) + β₃ z_1[n]
       + β₄ sum₁(f[n]) · z_1[n] + β₅ sum₂(f[n]) · z_1[n]""",
    ("y ~ f:b + (1 | g)", ""): """
y[n] ~ N(μ[n], σ)
μ[n] = α[g[n]] + β₁ [f[n] = a][b[n] = FALSE]
       + β₂ [f[n] = b][b[n] = FALSE] + β₃ [f[n] = c][b[n] = FALSE]
       + β₄ [f[n] = a][b[n] = TRUE] + β₅ [f[n] = b][b[n] = TRUE]
α[g] ~ N(α, σ_α),  g = 1, ..., 12""",
    ("y ~ 0 + x", ""): """
y[n] ~ N(μ[n], σ)
μ[n] = β x[n]""",
    ("y ~ x + ar1(0 + k | g)", ""): """
   y[n] ~ N(μ[n], σ)
   μ[n] = α + β x[n] + γ[k[n],g[n]]
(γ₁[g], ..., γ₅[g]) ~ N(0, Σ[g]),  g = 1, ..., 12
Σ_ij[g] = σ_γ² · ρ^|i-j|""",
    ("y ~ x + hetar1(0 + k | g) + (1 | h)", ""): """
   y[n] ~ N(μ[n], σ)
   μ[n] = α[h[n]] + β x[n] + γ[k[n],g[n]]
(γ₁[g], ..., γ₅[g]) ~ N(0, Σ[g]),  g = 1, ..., 12
Σ_ij[g] = σ_γ_i · σ_γ_j · ρ^|i-j|
   α[h] ~ N(α, σ_α),  h = 1, ..., 8""",
    ("y ~ x + cs(0 + k | g)", ""): """
   y[n] ~ N(μ[n], σ)
   μ[n] = α + β x[n] + γ[k[n],g[n]]
(γ₁[g], ..., γ₅[g]) ~ N(0, Σ[g]),  g = 1, ..., 12
Σ_ii[g] = σ_γ_i²
Σ_ij[g] = σ_γ_i · σ_γ_j · ρ,  i != j""",
    ("y ~ x + homtoep(0 + k | g)", ""): """
   y[n] ~ N(μ[n], σ)
   μ[n] = α + β x[n] + γ[k[n],g[n]]
(γ₁[g], ..., γ₅[g]) ~ N(0, Σ[g]),  g = 1, ..., 12
Σ_ii[g] = σ_γ²
Σ_ij[g] = σ_γ² · ρ_|i-j|,  i != j""",
    ("y ~ x + homdiag(0 + k | g)", ""): """
  y[n] ~ N(μ[n], σ)
  μ[n] = α + β x[n] + γ[k[n],g[n]]
γ_i[g] ~ N(0, σ_γ),  g = 1, ..., 12,  i = 1, ..., 5""",
    ("y ~ x + ou(0 + d | g)", ""): """
   y[n] ~ N(μ[n], σ)
   μ[n] = α + β x[n] + γ[d[n],g[n]]
(γ₁[g], ..., γ₉[g]) ~ N(0, Σ[g]),  g = 1, ..., 12
Σ_ij[g] = σ_γ² · exp(-λ |t_i - t_j|)""",
    ("y ~ (0 + d | g)", ""): """
   y[n] ~ N(μ[n], σ)
   μ[n] = α + γ[d[n],g[n]]
(γ₁[g], ..., γ₉[g]) ~ N(0, Σ[g]),  g = 1, ..., 12
Σ_ii[g] = σ_γ_i²
Σ_ij[g] = σ_γ_i · σ_γ_j · ρ_ij,  i != j""",
    ("y ~ x + toep(0 + f | g)", ""): """
y[n] ~ N(μ[n], σ)
μ[n] = α + β x[n] + γ₁[g[n]] [f[n] = a] + γ₂[g[n]] [f[n] = b]
       + γ₃[g[n]] [f[n] = c]
(γ₁[g], γ₂[g], γ₃[g]) ~ N((0, 0, 0), Σ[g]),  g = 1, ..., 12
Σ[g] = S[g] R[g] S[g]
S[g] = diag(σ_γ₁, σ_γ₂, σ_γ₃)
R[g] = (1, ρ₁, ρ₂; ρ₁, 1, ρ₁; ρ₂, ρ₁, 1)""",
    ("y ~ x + homcs(x | g) + ar1(0 + f | h)", ""): """
        y[n] ~ N(μ[n], σ)
        μ[n] = α[g[n]] + β[g[n]] x[n] + γ₁[h[n]] [f[n] = a] + γ₂[h[n]] [f[n] = b]
               + γ₃[h[n]] [f[n] = c]
(α[g], β[g]) ~ N((α, β), Σ[g]),  g = 1, ..., 12
        Σ[g] = (σ_α², ρ[g] · σ_α · σ_α; ρ[g] · σ_α · σ_α, σ_α²)
(γ₁[h], γ₂[h], γ₃[h]) ~ N((0, 0, 0), Σ[h]),  h = 1, ..., 8
        Σ[h] = S[h] R[h] S[h]
        S[h] = diag(σ_γ, σ_γ, σ_γ)
        R[h] = (1, ρ[h], ρ[h]²; ρ[h], 1, ρ[h]; ρ[h]², ρ[h], 1)""",
    ("y ~ diag(0 + d | g)", ""): """
  y[n] ~ N(μ[n], σ)
  μ[n] = α + γ[d[n],g[n]]
γ_i[g] ~ N(0, σ_γ_i),  g = 1, ..., 12,  i = 1, ..., 9""",
}  # fmt: skip


@pytest.mark.parametrize(("formula", "data"), EQUATIONS)
def test_the_equations_in_text(formula: str, data: str) -> None:
    found, expected = repr(equation(fit(formula, data))), EQUATIONS[formula, data].removeprefix("\n")
    assert [line.strip() for line in found.splitlines()] == [line.strip() for line in expected.splitlines()]


def test_numbers_are_the_estimates() -> None:
    made = fit("reaction ~ days + (days | subject)", "sleepstudy")
    assert repr(equation(made, numbers=True)).splitlines() == [
        "reaction[n] ~ N(μ[n], 25.59)",
        "       μ[n] = α[subject[n]] + β[subject[n]] days[n]",
        "(α[subject], β[subject]) ~ N((251.4, 10.47), Σ[subject]),  subject = 1, ..., 18",
        " Σ[subject] = (24.74², 0.066 · 24.74 · 5.922; 0.066 · 24.74 · 5.922, 5.922²)",
    ]


STRUCTURED = {  # the last lines, with numbers
    "reaction ~ days + ar1(0 + day | subject)": "σ_γ = 49.51|ρ = 0.8",
    "reaction ~ days + ou(0 + day | subject)": "σ_γ = 49.51|λ = 0.2232",
    "reaction ~ days + homtoep(0 + day | subject)":
        "σ_γ = 49.47|ρ_|i-j| = (0.798, 0.703, 0.621, 0.575, 0.509, 0.406, 0.357, 0.372, 0.31),||i-j| = 1, ..., 9",
    "reaction ~ days + homdiag(0 + day | subject)": "σ_γ = 47.71",
}  # fmt: skip


@pytest.mark.parametrize("formula", STRUCTURED)
def test_numbers_of_a_structured_covariance(formula: str) -> None:
    """Those that the page of the fit shows; exp(-0.2232) = 0.80."""
    data = mlm.datasets.load("sleepstudy")
    m = mlm.lmer(formula, data.assign(day=data["days"].astype(int).astype(str)), dispformula="~0")
    last = [line.strip() for line in repr(m.equation(True)).splitlines()]
    assert "|".join(last).endswith("|" + STRUCTURED[formula])


def test_every_estimate_of_a_linear_model_is_there_with_its_sign() -> None:
    made = fit("y ~ k + x:k + f:b", weights="w")
    text = re.sub(r"\s+", " ", repr(equation(made, numbers=True)))
    mean = text.partition("μ[n] = ")[2]
    for beta in made.estimate.beta:
        assert f"{'- ' if beta < 0 else ''}{abs(beta):.4g}" in mean
    assert text.startswith(f"y[n] ~ N(μ[n], {made.estimate.sigma:.4g}/√w[n])")


def test_latex_in_full() -> None:
    found = equation(fit("reaction ~ days + (days | subject)", "sleepstudy"))
    assert (
        str(found)
        == r"""\begin{align*}
\text{reaction}_n &\sim \mathcal{N}\left(\mu_{n}, \sigma\right) \\
\mu_{n} &= \alpha_{\text{subject}[n]} + \beta_{\text{subject}[n]}\, \text{days}_n \\
\begin{pmatrix} \alpha_{\text{subject}} \\ \beta_{\text{subject}} \end{pmatrix} &\sim \mathcal{N}\left(\begin{pmatrix} \alpha \\ \beta \end{pmatrix}, \Sigma_{\text{subject}}\right),\quad \text{subject} = 1, \dots, 18 \\
\Sigma_{\text{subject}} &= \begin{pmatrix} \sigma_{\alpha}^{2} & \rho \cdot \sigma_{\alpha} \cdot \sigma_{\beta} \\ \rho \cdot \sigma_{\alpha} \cdot \sigma_{\beta} & \sigma_{\beta}^{2} \end{pmatrix}
\end{align*}"""  # noqa: E501
    )
    assert found._repr_latex_().startswith("$$\n\\begin{aligned}\n")
    assert found._repr_markdown_() == found._repr_latex_()


CASES = [*EQUATIONS, ("y ~ `50% {odd} & $name_` + x*f + (1 + x + z_1 + b | g) + (x || h)", "")]


@pytest.mark.parametrize("numbers", [False, True])
@pytest.mark.parametrize(("formula", "data"), CASES)
def test_latex_is_well_formed(formula: str, data: str, numbers: bool) -> None:
    latex = equation(fit(formula, data), numbers).latex
    plain = re.sub(r"\\[{}\\%&#$_]", "", latex)  # without what is escaped, and line ends
    depth = list(itertools.accumulate({"{": 1, "}": -1}.get(letter, 0) for letter in plain))
    assert depth[-1] == 0
    assert min(depth) >= 0
    assert not set("$#%") & set(plain)
    assert latex.count(r"\left(") == latex.count(r"\right)")
    for environment in ("align*", "pmatrix"):
        assert latex.count(rf"\begin{{{environment}}}") == latex.count(rf"\end{{{environment}}}")
    for row in re.sub(r"\\begin\{pmatrix\}.*?\\end\{pmatrix\}", "", latex).split("\n")[1:-1]:
        assert len(re.findall(r"(?<!\\)&", row)) == 1
    for text in re.findall(r"\\text\{([^}]*)\}", latex):  # no mathematics inside of words
        assert not set("_^$#%&{}\\~") & set(text)


@pytest.mark.parametrize("numbers", [False, True])
@pytest.mark.parametrize(("formula", "data"), CASES)
def test_mathml_is_xml_that_says_the_same(formula: str, data: str, numbers: bool) -> None:
    """Every word and number of the text stands in the MathML, in that order, where both are written out alike."""
    found = equation(fit(formula, data), numbers)
    root = ElementTree.fromstring(found.mathml)
    assert root.tag == "math"
    leaves = {"mi", "mn", "mo", "mtext"}
    for element in root.iter():
        assert element.tag in leaves or not (element.text or "").strip()
        assert not (element.tail or "").strip()
    assert all(len(row) == 3 for row in root[0])
    rows = ["".join(row.itertext()) for row in root[0]]
    if "S[" in found.text:  # a larger matrix is written out here than in text
        return
    text = found.text.translate(str.maketrans("₀₁₂₃₄₅₆₇₈₉²", "01234567892", "_ ·⋅√[](),;\n^"))
    same = "".join(rows).translate(str.maketrans("−∼", "-~", " ⋅\u2061_[](),"))
    same = same.replace("⋮", "...").replace("…", "...").replace("≠", "!=")
    assert same.replace("⁻", "-").replace("/", "") == text.replace("/", "").replace("sqrt", "")


@pytest.mark.parametrize(
    ("name", "latex"),
    [
        ("x", "x"),
        ("days", r"\text{days}"),
        ("reaction_time", r"\text{reaction}\_\text{time}"),
        ("50%", r"\text{50}\%"),
        ("a\\b", r"\text{a}\backslash \text{b}"),
        ("Größe", r"\text{Größe}"),
        ("dept:service", r"\text{dept:service}"),
        ("7", r"\text{7}"),
    ],
)
def test_names_are_escaped_outside_of_text(name: str, latex: str) -> None:
    assert Latex().name(name) == latex


@pytest.mark.parametrize(
    ("value", "latex", "plain"),
    [
        (251.405, "251.4", "251.4"),
        (-0.5, "-0.5", "-0.5"),
        (1.5e-9, r"1.5 \times 10^{-9}", "1.5×10⁻⁹"),
        (2e12, r"2 \times 10^{12}", "2×10¹²"),
    ],
)
def test_numbers_have_four_digits(value: float, latex: str, plain: str) -> None:
    assert (Latex().number(value), Plain().number(value)) == (latex, plain)


def test_other_families_and_links() -> None:
    made = fit("y ~ x + (1 | g)")
    assert repr(equation(made, family="poisson", link="log")).splitlines()[:2] == [
        "     y[n] ~ Poisson(μ[n])",
        "log(μ[n]) = α[g[n]] + β x[n]",
    ]
    weighted = fit("y ~ 1", weights="w")
    assert repr(equation(weighted, family="binomial", link="logit")).splitlines() == [
        "    w[n] y[n] ~ Binomial(w[n], μ[n])".removeprefix("  "),
        "logit(μ[n]) = α",
    ]


@pytest.mark.parametrize("ink", [Latex(), Plain(), Mathml()], ids=["latex", "plain", "mathml"])
def test_every_family_and_link_can_be_written(ink: Any) -> None:
    mean = ink.symbol("mu", group="n")
    written = {response_line(family, ink, mean=mean, sigma="s") for family in FAMILIES}
    assert len(written) == len(FAMILIES)
    assert all(mean in line for line in written)
    assert len({linked(link, mean, ink) for link in LINKS}) == len(LINKS)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"family": "poison"}, "family 'poison' is not known.*did you mean 'poisson'"),
        ({"link": "logg"}, "link 'logg' is not known.*did you mean 'log'"),
    ],
)
def test_unknown_families_and_links(options: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        equation(fit("y ~ x"), **options)


# ---- the diagram ----------------------------------------------------------------------------------------------------

DIAGRAMS = {
    ("y ~ 1", "tutorial_d1"): {},
    ("y ~ 0 + participant", "tutorial_d1"): {},
    ("reaction ~ days", "sleepstudy"): {},
    ("reaction ~ days + (days | subject)", "sleepstudy"): {},
    ("y ~ condition + (condition | participant)", "tutorial_d5"): {},
    ("y ~ 1 + (1 | participant) + (1 | stimulus)", "tutorial_d6"): {("participant", "stimulus"): "cross"},
    ("diameter ~ 1 + (1 | plate) + (1 | sample)", "penicillin"): {("plate", "sample"): "cross"},
    ("strength ~ 1 + (1 | batch/cask)", "pastes"): {("cask:batch", "batch"): "inside"},
    ("strength ~ 1 + (1 | sample) + (1 | batch)", "pastes"): {("sample", "batch"): "inside"},
    ("y ~ service + (1 | s) + (1 | d) + (1 | dept:service)", "insteval"): {
        ("s", "d"): "cross", ("s", "dept:service"): "cross", ("d", "dept:service"): "cross"},
    ("y ~ x * f + (1 | g * h) + (x || k)", ""): {
        ("g:h", "g"): "inside", ("g:h", "h"): "inside", ("g", "h"): "cross", ("k", "g:h"): "cross"},
    ("y ~ x + (1 | school/class) + (x | g)", ""): {("class:school", "school"): "inside", ("g", "school"): "cross"},
    ("y ~ x + (x + z_1 | g) + (x + t + z_1 | h)", ""): {("g", "h"): "cross"},
    ("y ~ 1 + (1 | school) + (1 | g) + (1 | h) + (1 | k)", ""): {("school", "k"): "cross", ("g", "h"): "cross"},
    ("y ~ f * x + z_1 + t + (f * x | g)", ""): {},
    ("y ~ k + x + (1 | g)", ""): {("k", "g"): "cross"},
    ("y ~ (1|g) + (1|h) + (1|k) + (1|school) + (1|d) + (1|item)", ""): {("d", "item"): "cross"},
}  # fmt: skip


def rectangle(item: Node | Plate) -> tuple[float, float, float, float]:
    return item.box if isinstance(item, Node) else (item.left, item.top, item.right, item.bottom)


def inside(inner: Node | Plate, outer: Plate, margin: float = 0.0) -> bool:
    a, b = rectangle(inner), rectangle(outer)
    return a[0] >= b[0] + margin and a[1] >= b[1] + margin and a[2] <= b[2] - margin and a[3] <= b[3] - margin


def apart(one: Node | Plate, other: Node | Plate) -> bool:
    a, b = rectangle(one), rectangle(other)
    return a[2] < b[0] or b[2] < a[0] or a[3] < b[1] or b[3] < a[1]


@pytest.fixture(scope="module", params=DIAGRAMS, ids=[f"{formula}" for formula, _ in DIAGRAMS])
def case(request: pytest.FixtureRequest) -> tuple[Diagram, dict[tuple[str, str], str]]:
    formula, data = request.param
    weights = {} if data else {"weights": "w"}
    return diagram(fit(formula, data, **weights)), DIAGRAMS[request.param]


def test_plates_are_nested_or_crossed_as_the_data_are(case: tuple[Diagram, dict[tuple[str, str], str]]) -> None:
    drawn, expected = case
    plates = {plate.label.partition(" = ")[0]: plate for plate in drawn.scene.plates}
    rows = plates["row n"]
    assert all(inside(rows, plate, 5) for plate in plates.values() if plate is not rows)
    for (one, other), relation in expected.items():
        a, b = plates[one], plates[other]
        assert not apart(a, b)
        assert inside(a, b, 5) is (relation == "inside")
        assert not inside(b, a)


def test_a_plate_holds_its_own_effects_and_no_parameters(case: tuple[Diagram, Any]) -> None:
    scene = case[0].scene
    targets = {id(target) for _, target in scene.arrows}
    for plate in scene.plates:
        name = plate.label.partition(" = ")[0]
        held = [node for node in scene.nodes if not apart(node, plate)]
        assert all(inside(node, plate, 4) for node in held)
        if plate.group:
            assert any(node.sub.split(",")[-1] == name for node in held)
        for node in held:
            drawn = id(node) in targets or node.kind == "data" or not plate.group
            by_level = node.kind == "parameter" and node.sub != ""
            assert drawn or by_level


def test_nothing_hides_anything(case: tuple[Diagram, Any]) -> None:
    scene = case[0].scene
    for one, other in itertools.combinations(scene.nodes, 2):
        assert apart(one, other), f"{one.main}_{one.sub} overlaps {other.main}_{other.sub}"
    for source, target in scene.arrows:
        (x0, y0), (x1, y1) = arrow(source, target)
        assert np.hypot(x1 - x0, y1 - y0) > 12
        along = np.linspace(0, 1, 200)
        for node in scene.nodes:
            if node is source or node is target:
                continue
            dx = np.abs(x0 + along * (x1 - x0) - node.x) - (node.width - HEIGHT) / 2
            distance = np.hypot(np.maximum(dx, 0), y0 + along * (y1 - y0) - node.y)
            what = f"{source.main}_{source.sub} -> {target.main}_{target.sub} runs through {node.main}_{node.sub}"
            assert distance.min() > HEIGHT / 2, what


def test_words_fit(case: tuple[Diagram, Any]) -> None:
    scene = case[0].scene
    left, top, right, bottom = scene.frame()
    for plate in scene.plates:
        assert text_width(plate.label, LABEL) + 10 <= plate.right - plate.left
        assert left < plate.left
        assert right > plate.right
    bottoms = sorted(plate.bottom for plate in scene.plates)
    assert all(b - a >= LABEL + 6 for a, b in itertools.pairwise(bottoms))  # each label has a strip of its own
    lowest = max(node.box[3] for node in scene.nodes if not apart(node, scene.plates[-1]))
    assert bottoms[0] - lowest >= LABEL + 6
    assert top < bottom


def test_svg_is_xml_without_colours_of_its_own_for_ink(case: tuple[Diagram, Any]) -> None:
    drawn = case[0]
    root = ElementTree.fromstring(drawn.svg)
    space = "{http://www.w3.org/2000/svg}"
    texts = root.findall(f"{space}text")
    assert len(texts) == len(drawn.scene.nodes) + len(drawn.scene.plates)
    assert {text.get("fill") for text in texts} == {"currentColor"}
    assert root.findtext(f"{space}title") == drawn.title
    assert drawn._repr_svg_() == drawn.svg
    assert drawn.svg in drawn._repr_html_()


def test_files(tmp_path: Any) -> None:
    drawn = diagram(fit("y ~ x + `50% {odd} & $name_` + (1 | g)"))
    drawn.save(tmp_path / "model.svg")
    assert (tmp_path / "model.svg").read_text(encoding="utf-8") == drawn.svg
    drawn.save(tmp_path / "model.png", dpi=96)
    image = (tmp_path / "model.png").read_bytes()
    assert image.startswith(b"\x89PNG")
    left, top, right, bottom = drawn.scene.frame()
    width, height = (int.from_bytes(image[at : at + 4], "big") for at in (16, 20))
    assert (width, height) == pytest.approx((right - left, bottom - top), abs=1.5)


@pytest.mark.parametrize("name", ["model.pdf", "model", "model.svg.gz"])
def test_other_endings_are_refused(name: str, tmp_path: Any) -> None:
    with pytest.raises(InferenceError, match=r"saved as \.svg or \.png; found"):
        diagram(fit("y ~ x")).save(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_png_without_matplotlib(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["multilevel.paper.diagram"], "find_spec", lambda name: None)
    with pytest.raises(InferenceError, match=r"matplotlib, which is not installed; save the diagram as \.svg"):
        diagram(fit("y ~ x")).save(tmp_path / "model.png")


def test_long_and_odd_names_are_shortened_and_escaped() -> None:
    rng = np.random.default_rng(2)
    name = "a <very> long name & more than anybody wants to read"
    data = {"y": rng.normal(size=60), name: rng.integers(0, 6, 60).astype(str)}
    drawn = diagram(mlm.lmer(f"y ~ 1 + (1 | `{name}`)", data)._fit)
    assert ElementTree.fromstring(drawn.svg) is not None
    assert max(node.width for node in drawn.scene.nodes) < 260


# ---- placement ------------------------------------------------------------------------------------------------------


def boxes_of(cells: list[Cell], outer: list[set[int]]) -> list[Box]:
    boxes = [Box(min(0, c.column), max(0, c.column), c.height) for c in cells]
    for i in sorted(range(len(cells)), key=lambda i: -len(outer[i])):
        for j in outer[i]:
            boxes[j] = boxes[j].around(boxes[i])
    return boxes


@pytest.mark.parametrize(
    "outer",
    [
        [set()], [set(), set()], [set(), {0}], [set(), {0}, {0, 1}], [set(), set(), set()], [set(), set(), {0, 1}],
        [set(), {0}, {0}], [set(), {0}, set(), {2}], [set(), set(), set(), set()], [set(), set(), {0, 1}, set()],
        [set(), {0}, {0, 1}, set()], [set(), set(), set(), set(), set()], [set()] * 6,
    ],
)  # fmt: skip
def test_cells_lie_in_the_plates_they_belong_to_and_in_no_others(outer: list[set[int]]) -> None:
    cells = place(outer, [True] * len(outer))
    boxes = boxes_of(cells, outer)
    assert len(set(cells)) == len(cells)
    for i, j in itertools.permutations(range(len(cells)), 2):
        assert boxes[j].holds(cells[i]) is (j in outer[i])
    for i, j in itertools.product(range(len(cells)), repeat=2):
        assert not boxes[j].holds(Cell(cells[i].column, cells[i].height + 1))


def test_nesting_is_read_off_the_data() -> None:
    school = np.repeat(np.arange(3, dtype=np.int32), 8)
    group = np.repeat(np.arange(12, dtype=np.int32), 2)
    item = np.tile(np.arange(2, dtype=np.int32), 12)
    assert nesting([group, school, item]) == [{1}, set(), set()]
    assert nesting([school, school.copy()]) == [set(), {0}]  # the same factor twice
