"""The line of the response, y_n ~ N(mu_n, sigma), and what stands left of the linear predictor, for each family."""

from __future__ import annotations

from ..errors import nearest
from ..formula.parse import Call, Node, Operation
from .expressions import expression
from .ink import Ink

# name in print, then each parameter: its label and its symbol; the mean is always mu
FAMILIES: dict[str, tuple[str, tuple[tuple[str, str], ...]]] = {
    "gaussian": ("N", (("", "mean"), ("", "sigma"))),
    "binomial": ("Binomial", (("", "trials"), ("", "mean"))),
    "poisson": ("Poisson", (("", "mean"),)),
    "Gamma": ("Gamma", (("mean", "mean"), ("dispersion", "phi"))),
    "inverse.gaussian": ("InverseGaussian", (("mean", "mean"), ("dispersion", "phi"))),
    "nbinom1": ("NegativeBinomial", (("mean", "mean"), ("variance", "linear"))),
    "nbinom2": ("NegativeBinomial", (("mean", "mean"), ("size", "phi"))),
    "genpois": ("GeneralizedPoisson", (("mean", "mean"), ("variance", "proportional"))),
    "beta": ("Beta", (("mean", "mean"), ("precision", "phi"))),
    "betabinomial": ("BetaBinomial", (("", "trials"), ("mean", "mean"), ("precision", "phi"))),
    "t": ("t", (("mean", "mean"), ("scale", "sigma"), ("df", "nu"))),
    "truncated_poisson": ("TruncatedPoisson", (("", "mean"),)),
    "truncated_nbinom1": ("TruncatedNegativeBinomial", (("mean", "mean"), ("variance", "linear"))),
    "truncated_nbinom2": ("TruncatedNegativeBinomial", (("mean", "mean"), ("size", "phi"))),
    "truncated_genpois": ("TruncatedGeneralizedPoisson", (("mean", "mean"), ("variance", "proportional"))),
    "tweedie": ("Tweedie", (("mean", "mean"), ("dispersion", "phi"), ("power", "psi"))),
}
LINKS = ("identity", "log", "logit", "probit", "cloglog", "cauchit", "inverse", "1/mu^2", "sqrt")


def response_line(
    family: str, ink: Ink, *, mean: str, sigma: str, phi: str = "", nu: str = "", psi: str = "", trials: str = ""
) -> str:
    """The distribution of a response around its mean; `trials` empty makes a binomial response one of yes and no.

    `sigma`, `phi`, `nu` and `psi` are what stands for the parameters besides the mean; empty: their symbols.

    >>> from .ink import Plain
    >>> response_line("gaussian", Plain(), mean="μ[n]", sigma="σ")
    'N(μ[n], σ)'
    >>> response_line("nbinom2", Plain(), mean="μ[n]", sigma="σ")
    'NegativeBinomial(mean = μ[n], size = φ)'
    """
    if family not in FAMILIES:
        raise ValueError(f"family {family!r} is not known; expected {', '.join(FAMILIES)}{nearest(family, FAMILIES)}")
    name, parameters = FAMILIES[family]
    if family == "binomial" and not trials:
        name, parameters = "Bernoulli", (("", "mean"),)
    phi = phi or ink.symbol("phi")
    symbols = {"mean": mean, "sigma": sigma, "phi": phi, "nu": nu, "psi": psi, "trials": trials or "1"}
    symbols["linear"], symbols["proportional"] = f"{mean}(1 + {phi})", f"{phi} {mean}"
    shown = [(label, symbols.get(symbol) or ink.symbol(symbol)) for label, symbol in parameters]
    labelled = [ink.relation(ink.name(label), "=", symbol) if label else symbol for label, symbol in shown]
    return ink.distribution(name, labelled)


def inflated(line: str, ink: Ink) -> tuple[str, str]:
    """The same distribution with inflated zeros, on two lines.

    >>> from .ink import Plain
    >>> inflated("Poisson(μ[n])", Plain())
    ('0 with probability π[n],', 'otherwise Poisson(μ[n])')
    """
    chance = ink.symbol("pi", group="n")
    return f"0{ink.words('with probability')}{chance},", f"{ink.words('otherwise', '')}{line}"


def counted(response: Node, ink: Ink) -> tuple[str, str] | None:
    """The successes and the trials of cbind(successes, failures); None for other responses.

    >>> from ..formula import Formula
    >>> from .ink import Plain
    >>> counted(Formula.parse("cbind(k, size - k) ~ 1").response.node, Plain())
    ('k[n]', 'size[n]')
    """
    if not (isinstance(response, Call) and response.function == "cbind"):
        return None
    (_, successes), (_, failures) = response.arguments
    y = expression(successes, ink)
    match failures:
        case Operation("-", (total, taken)) if expression(taken, ink) == y:
            return y, expression(total, ink)
    return y, f"{y} + {expression(failures, ink)}"


def linked(link: str, mean: str, ink: Ink) -> str:
    """The link of the mean: what the linear predictor is equal to.

    >>> from .ink import Plain
    >>> linked("logit", "μ[n]", Plain()), linked("identity", "μ[n]", Plain())
    ('logit(μ[n])', 'μ[n]')
    """
    if link not in LINKS:
        raise ValueError(f"link {link!r} is not known; expected {', '.join(LINKS)}{nearest(link, LINKS)}")
    if link == "identity":
        return mean
    if link == "inverse":
        return f"1 / {mean}"
    if link == "1/mu^2":
        return f"1 / {ink.power(mean, '2')}"
    return ink.function(link, [mean])
