"""-2 log-likelihood of a generalized linear mixed model by dense algebra, independent of the compiled core.

Densities are SciPy's; their derivatives in the linear predictor are differences of eighth order (error about 1e-12), so
that no formula of the core is repeated here. Modes by Newton on the dense q x q system, then the Laplace approximation
(Breslow & Clayton 1993) or the product Gauss-Hermite rule around the modes (Pinheiro & Bates 1995, section 2.4).
"""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import scipy.special as sp
import scipy.stats as st
from oracle import Term, lambda_blocks

INVERSE = {
    "identity": lambda e: e,
    "log": np.exp,
    "logit": sp.expit,
    "probit": st.norm.cdf,
    "cloglog": lambda e: -np.expm1(-np.exp(e)),
    "cauchit": lambda e: 0.5 + np.arctan(e) / np.pi,
    "inverse": lambda e: 1 / e,
    "1/mu^2": lambda e: 1 / np.sqrt(e),
    "sqrt": lambda e: e * e,
}


def log_density(family, y, w, mu, s):
    """Row by row; s the shapes on their natural scale."""
    if family.startswith("truncated_"):
        zero = log_density(family[10:], np.zeros_like(y), np.ones_like(w), mu, s)
        return log_density(family[10:], y, w, mu, s) - w * np.log(-np.expm1(zero))
    match family:
        case "binomial":
            return st.binom.logpmf(np.round(w * y), w, mu)
        case "poisson":
            return w * st.poisson.logpmf(y, mu)
        case "gaussian":
            return st.norm.logpdf(y, mu, np.sqrt(s[0] / w))
        case "gamma":
            return st.gamma.logpdf(y, w / s[0], scale=mu * s[0] / w)
        case "inverse_gaussian":
            return st.invgauss.logpdf(y, mu * s[0] / w, scale=w / s[0])
        case "negative_binomial_2":
            return w * st.nbinom.logpmf(y, s[0], s[0] / (s[0] + mu))
        case "negative_binomial_1":
            return w * st.nbinom.logpmf(y, mu / s[0], 1 / (1 + s[0]))
        case "generalized_poisson":
            t = y + (mu - y) / np.sqrt(s[0])
            with np.errstate(invalid="ignore"):  # counts that cannot occur
                return w * (np.log(mu / np.sqrt(s[0])) + (y - 1) * np.log(t) - t - sp.gammaln(y + 1))
        case "beta":
            return w * st.beta.logpdf(y, mu * s[0], (1 - mu) * s[0])
        case "beta_binomial":
            return st.betabinom.logpmf(np.round(w * y), w, mu * s[0], (1 - mu) * s[0])
        case "student_t":
            return w * st.t.logpdf(y, s[1], mu, s[0])
        case "tweedie":
            return tweedie(y, s[0] / w, mu, (1 + 2 * s[1]) / (1 + s[1]))


def tweedie(y, v, mu, p):
    """A Poisson number of gamma variables, by the law of total probability (Joergensen 1987)."""
    rate, a, scale = mu ** (2 - p) / (v * (2 - p)), (2 - p) / (p - 1), v * (p - 1) * mu ** (p - 1)
    n = np.arange(1, 61)[:, None]
    terms = st.poisson.logpmf(n, rate) + st.gamma.logpdf(np.where(y > 0, y, 1.0), n * a, scale=scale)
    return np.where(y > 0, sp.logsumexp(terms, axis=0), -rate)


def information(family, w, mu, s):
    """-E d2l / dmu2 where it has a closed form."""
    variance = {
        "binomial": lambda: mu * (1 - mu) / w,
        "poisson": lambda: mu / w,
        "gaussian": lambda: s[0] / w,
        "gamma": lambda: s[0] * mu**2 / w,
        "inverse_gaussian": lambda: s[0] * mu**3 / w,
        "negative_binomial_2": lambda: (mu + mu**2 / s[0]) / w,
        "student_t": lambda: s[0] ** 2 * (s[1] + 3) / (s[1] + 1) / w,
        "tweedie": lambda: s[0] * mu ** ((1 + 2 * s[1]) / (1 + s[1])) / w,
        "beta": lambda: 1 / (s[0] ** 2 * (sp.polygamma(1, mu * s[0]) + sp.polygamma(1, (1 - mu) * s[0]))) / w,
    }
    return 1 / variance[family]()


def slopes(f, x, h=0.02):
    """First and second derivatives of f at each x."""
    near = [f(x + k * h) - f(x - k * h) for k in range(1, 5)]
    even = [f(x + k * h) - 2 * f(x) + f(x - k * h) for k in range(1, 5)]
    first = np.tensordot([4 / 5, -1 / 5, 4 / 105, -1 / 280], near, 1) / h
    return first, np.tensordot([8 / 5, -1 / 5, 8 / 315, -1 / 560], even, 1) / h**2


def by_row(shape, models, n):
    """Linear predictors of the shapes, and of zero inflation, in every row."""
    out = []
    for D in models:
        D = np.ones((n, 1)) if D is None else D
        out.append(D @ shape[: D.shape[1]])
        shape = shape[D.shape[1] :]
    return out


def inflated(family, y, w, mu, s, g):
    """Row by row; g the logits of the zero inflation. Weights that multiply do so from outside."""
    divides = family in ("gaussian", "gamma", "inverse_gaussian", "binomial", "beta_binomial", "tweedie")
    outside, inside = (np.ones(len(y)), w) if divides else (w, np.ones(len(y)))
    continuous = family in ("gaussian", "gamma", "inverse_gaussian", "beta", "student_t") or "truncated" in family
    f = log_density(
        family, np.where(y == 0, 1.0 if "truncated" in family else 0.5, y) if continuous else y, inside, mu, s
    )
    zeros = np.log(sp.expit(g)) if continuous else np.logaddexp(np.log(sp.expit(g)), np.log(sp.expit(-g)) + f)
    return outside * np.where(y == 0, zeros, np.log(sp.expit(-g)) + f)


def evaluate(
    theta, beta, shape, y, X, terms: list[Term], family, link, *,
    weights, offset, curvature, nodes=1, models=None, inflation=False,
):  # fmt: skip
    """-2 log-likelihood, and the linear predictor at the modes. `models`: designs of the shapes, and of inflation."""
    w, s = np.ones(len(y)) if weights is None else weights, np.exp(shape)
    if models is not None:
        predictors = by_row(shape, models, len(y))
        g = predictors.pop() if inflation else None
        s = [np.exp(p) for p in predictors]
    fixed = X @ beta + (0 if offset is None else offset)
    lam = lambda_blocks(terms, theta)
    U = np.hstack(
        [t.dense() @ np.kron(np.eye(t.levels), L) for t, L in zip(terms, lam, strict=True)] or [np.zeros((len(y), 0))]
    )

    def density(eta, rows=slice(None)):
        mu, own = INVERSE[link](eta), [v[rows] if np.ndim(v) else v for v in s]
        if inflation:
            return inflated(family, y[rows], w[rows], mu, own, g[rows])
        return log_density(family, y[rows], w[rows], mu, own)

    def joint(u):
        return density(fixed + U @ u).sum() - u @ u / 2

    u = np.zeros(U.shape[1])
    for _ in range(200):
        r, r2 = slopes(density, fixed + U @ u)
        curved = [U.T @ (c[:, None] * U) + np.eye(len(u)) for c in (-r2, np.maximum(-r2, 0))]
        convex = np.linalg.eigvalsh(curved[0]).min(initial=1) > 0
        step = np.linalg.solve(curved[0 if convex else 1], U.T @ r - u)
        while not joint(u + step) >= joint(u) - 1e-9:
            step /= 2
        u += step
        if np.abs(step).max(initial=0) < 1e-11:
            break
    eta = fixed + U @ u
    W = -slopes(density, eta)[1]
    if curvature == "expected":
        W = information(family, w, INVERSE[link](eta), s) * slopes(INVERSE[link], eta)[0] ** 2
    omega = U.T @ (W[:, None] * U) + np.eye(len(u))
    if nodes == 1:
        return -2 * joint(u) + np.linalg.slogdet(omega)[1], eta
    (term,) = terms
    k = term.Z.shape[1]
    x, v = np.polynomial.hermite_e.hermegauss(nodes)
    total = 0.0
    for level in range(term.levels):
        rows, at = term.codes == level, slice(level * k, (level + 1) * k)
        R = np.linalg.inv(np.linalg.cholesky(omega[at, at])).T
        values = []
        for pick in product(range(nodes), repeat=k):
            ui = u[at] + R @ x[list(pick)]
            ll = density(fixed[rows] + U[rows][:, at] @ ui, rows)
            ll = np.nan_to_num(ll, nan=-np.inf).sum()  # beyond the domain
            values.append(ll - ui @ ui / 2 + x[list(pick)] @ x[list(pick)] / 2 + np.log(v[list(pick)]).sum())
        total += sp.logsumexp(values) + np.log(np.linalg.det(R)) - k / 2 * np.log(2 * np.pi)
    return -2 * total, eta


def evaluate_parts(
    theta, beta, shape, y, X, parts: dict[str, list[Term]], family, link, *, weights, offset, models, zeros=False,
):  # fmt: skip
    """-2 log-likelihood by the Laplace approximation where several linear predictors have random effects.

    `parts`: the terms of the mean "cond", of the logit of the zero inflation "zi" and of the logarithm of the first
    shape "disp", in the order of theta. `models`: designs of the shapes, and of inflation if `zeros`. Returns the
    predictors (n,) at the modes beside, by part. A row's second derivatives are those along each of the predictors, and
    along two at once.
    """
    n, names = len(y), list(parts)
    others = by_row(shape, models, n)
    base = {"cond": X @ beta + offset, "zi": others.pop() if zeros else None}
    if others:
        base["disp"] = others.pop(0)
    s = [np.exp(p) for p in others]
    lam = iter(lambda_blocks([t for terms in parts.values() for t in terms], theta))
    blocks = {
        name: np.hstack([np.zeros((n, 0)), *(t.dense() @ np.kron(np.eye(t.levels), next(lam)) for t in terms)])
        for name, terms in parts.items()
    }
    sizes = np.cumsum([0, *(block.shape[1] for block in blocks.values())])
    U = {name: np.zeros((n, sizes[-1])) for name in names}
    for name, low, high in zip(names, sizes, sizes[1:], strict=False):
        U[name][:, low:high] = blocks[name]

    def density(u, along=(), t=0.0):
        at = {name: p if name not in U else p + U[name] @ u + (t if name in along else 0) for name, p in base.items()}
        mu, own = INVERSE[link](at["cond"]), [np.exp(at["disp"])] if "disp" in at else []
        if zeros:
            return inflated(family, y, weights, mu, [*own, *s], at["zi"])
        return log_density(family, y, weights, mu, [*own, *s])

    def joint(u):
        return density(u).sum() - u @ u / 2

    def derivatives(u):
        found = {
            along: slopes(lambda t, along=along: density(u, along, t), np.zeros(n))
            for along in [*((name,) for name in names), *combinations(names, 2)]
        }
        gradient, omega = -u, np.eye(len(u))
        for a in names:
            gradient = gradient + U[a].T @ found[a,][0]
            omega -= U[a].T @ (found[a,][1][:, None] * U[a])
        for a, b in combinations(names, 2):
            cross = U[a].T @ (((found[a, b][1] - found[a,][1] - found[b,][1]) / 2)[:, None] * U[b])
            omega -= cross + cross.T
        return gradient, omega

    u = np.zeros(sizes[-1])
    for _ in range(200):
        gradient, omega = derivatives(u)
        lowest = np.linalg.eigvalsh(omega)[0]
        step = np.linalg.solve(omega + max(0.0, 0.1 - lowest) * np.eye(len(u)), gradient)
        while not joint(u + step) >= joint(u) - 1e-9:
            step /= 2
        u += step
        if np.abs(step).max() < 1e-11:
            break
    omega = derivatives(u)[1]
    assert np.linalg.eigvalsh(omega)[0] > 0
    return -2 * joint(u) + np.linalg.slogdet(omega)[1], {name: base[name] + U[name] @ u for name in names}
