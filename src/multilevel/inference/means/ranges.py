"""Distributions of the largest of several t statistics that share one estimate of the variance.

    range_sf, range_quantile      the studentized range: all pairwise differences of k independent means
    dunnett_sf, ..._quantile      k differences from one mean: any two have the correlation 1/2
    dunnettx_sf, ..._quantile     the same by a mixture of the studentized range and Sidak's bound, as in emmeans
    Greatest(R)                   any correlation matrix R: the multivariate t

Given s = sqrt(chi2(df) / df), the first two are integrals over one standard normal variable z,

    P(range < w) = k integral phi(z) [Phi(z) - Phi(z - w)]^(k-1) dz
    P(max |d| < w) = integral phi(z) [Phi(z + w sqrt 2) - Phi(z - w sqrt 2)]^k dz

averaged over s (Copenhaver & Holland 1988, J. Statist. Comput. Simul. 30, 1-15; Dunnett 1955, JASA 50, 1096-1121). Both
integrands are analytic and die out at both ends, so that the trapezoidal rule converges faster than any power of its
step (Trefethen & Weideman 2014, SIAM Review 56, 385-458); over s it is used on the scale x = log s.

For any correlations the radius of the normal vector is integrated exactly and its direction by quasi-Monte Carlo
(Somerville 1997, Comput. Statist. Data Anal. 25, 217-233): with R = C C' of rank r and u uniform on the unit sphere,

    P(max |T| > t) = mean over u of P(F(r, df) > t^2 / (r m(u)^2)),   m(u) = max |C u|
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from math import inf, lgamma, log, pi, sqrt

import numpy as np

from ...data.sums import Floats
from .tails import f_sf, t_sf

Z = np.linspace(-8.6, 8.6, 87)
PHI = np.exp(-(Z**2) / 2) / sqrt(2 * pi) * (Z[1] - Z[0])
NODES = 400  # over log s, for few degrees of freedom; a sixth where there are many
FINE, WIDEST = 0.004, 16.0  # of the tables
BATCH = 2**21  # entries of a temporary
DIRECTIONS = 2**15
GROUPS = 2**11
SEED = 20240229

Inner = Callable[[Floats, float], Floats]


def range_sf(q: Floats, k: float, df: Floats) -> Floats:
    """P(studentized range of k means > q), elementwise for q (n,) and df (n,), infinite ones included.

    >>> range_sf(np.array([3.5]), 3, np.array([20.0])).round(4)
    array([0.0559])
    """
    return _sf(_range, q, k, df)


def range_quantile(p: float, k: int, df: Floats) -> Floats:
    """The q (n,) that the studentized range of k means exceeds with probability p.

    >>> range_quantile(0.05, 3, np.array([20.0])).round(3)
    array([3.578])
    """
    return _quantile(lambda q, d: range_sf(q, k, d), p, df)


def dunnett_sf(t: Floats, k: int, df: Floats) -> Floats:
    """P(max |T| > t) of k t statistics with pairwise correlation 1/2, elementwise for t (n,) and df (n,).

    >>> dunnett_sf(np.array([2.54]), 3, np.array([20.0])).round(3)
    array([0.05])
    """
    return _sf(_comparisons, t, k, df)


def dunnett_quantile(p: float, k: int, df: Floats) -> Floats:
    """The t (n,) that the largest of k |t statistics| with pairwise correlation 1/2 exceeds with probability p."""
    return _quantile(lambda t, d: dunnett_sf(t, k, d), p, df)


def dunnettx_sf(t: Floats, k: int, df: Floats) -> Floats:
    """An approximation to `dunnett_sf`: emmeans' "dunnettx", found from its answers.

    (1 - 1/k) P(range of m means > sqrt(2) t) + (1/k) Sidak's bound for k tests, with m (m - 1) / 2 = k, so that the
    range is that of as many differences.

    >>> dunnettx_sf(np.array([2.54]), 3, np.array([20.0])).round(4)
    array([0.0518])
    """
    tukey = range_sf(sqrt(2.0) * t, (1.0 + sqrt(1.0 + 8.0 * k)) / 2.0, df)
    sidak = -np.expm1(k * np.log1p(-(2.0 * t_sf(t, df)).clip(max=1 - 1e-16)))
    mixture: Floats = tukey + (sidak - tukey) / k
    return mixture


def dunnettx_quantile(p: float, k: int, df: Floats) -> Floats:
    """The t (n,) that has the probability p by `dunnettx_sf`."""
    return _quantile(lambda t, d: dunnettx_sf(t, k, d), p, df)


def _range(w: Floats, k: float) -> Floats:
    """P(range > w) of k standard normal variables."""
    from scipy.special import ndtr

    below = ndtr(Z)
    inside = below - ndtr(Z - w[:, None])
    tail: Floats = k * ((below ** (k - 1) - inside ** (k - 1)) @ PHI)  # the integral without w is exactly one
    return tail


def _comparisons(w: Floats, k: float) -> Floats:
    """P(max |Z_i - Z_0| > w sqrt 2) for k + 1 standard normal variables."""
    from scipy.special import ndtr

    reach = sqrt(2.0) * w[:, None]
    beyond = (ndtr(Z - reach) + ndtr(-Z - reach)).clip(max=1 - 1e-16)
    tail: Floats = -np.expm1(k * np.log1p(-beyond)) @ PHI
    return tail


@lru_cache(maxsize=32)
def _table(inner: Inner, k: float) -> Floats:
    """A tail at multiples of FINE, read between them by cubics: an error of 1e-11."""
    return inner(np.arange(0.0, WIDEST + 4 * FINE, FINE), k)


def _read(table: Floats, w: Floats) -> Floats:
    place = np.minimum(w, WIDEST) / FINE
    first = np.maximum(place.astype(np.intp) - 1, 0)
    t = place - first
    a, b, c, d = t, t - 1.0, t - 2.0, t - 3.0  # Lagrange's cubic through four neighbours
    outer = table[first + 3] * (a * b * c) - table[first] * (b * c * d)
    inner = table[first + 1] * (a * c * d) - table[first + 2] * (a * b * d)
    values: Floats = outer / 6.0 + inner / 2.0
    return values


def _sf(inner: Inner, x: Floats, k: float, df: Floats) -> Floats:
    """The tail of `inner` averaged over s, for pairs of x and df."""
    x, df = np.broadcast_arrays(np.asarray(x, np.float64), np.asarray(df, np.float64))
    result = np.full(x.shape, np.nan)
    known = np.isfinite(x) & (df > 0)
    table = _table(inner, k)
    tails = np.empty(np.count_nonzero(known))
    degrees, values = df[known], np.maximum(x[known], 0.0)
    for one in np.unique(degrees):
        rows = np.flatnonzero(degrees == one)
        s, weights = _scatter(float(one))
        for part in np.array_split(rows, -(-len(rows) * len(s) // BATCH)):
            tails[part] = _read(table, values[part, None] * s) @ weights
    result[known] = tails.clip(0.0, 1.0)
    return result


def _scatter(df: float) -> tuple[Floats, Floats]:
    """Nodes and weights for the distribution of s = sqrt(chi2(df) / df)."""
    if df == inf or df > 1e10:
        return np.ones(1), np.ones(1)
    n = NODES if df < 10 else NODES // 6
    width = 9.0 / sqrt(2.0 * df)
    x = np.linspace(-min(width + 25.0 / df, 40.0), min(width, 2.2), n)
    constant = df / 2 * log(df / 2) - lgamma(df / 2) + log(2.0) - df / 2
    density = np.exp(constant + df * (x - np.expm1(2 * x) / 2))
    return np.exp(x), density * (x[1] - x[0])


def _quantile(sf: Callable[[Floats, Floats], Floats], p: float, df: Floats) -> Floats:
    """Where a tail (decreasing in x) is p: secant steps on log sf inside a bracket, all elements at once."""
    distinct, place = np.unique(np.asarray(df, np.float64), return_inverse=True)
    low, high = np.zeros(len(distinct)), np.full(len(distinct), 4.0)
    target = log(p)
    while (short := sf(high, distinct) > p).any():
        low, high = np.where(short, high, low), np.where(short, high * 2.0, high)
    f_low, f_high = np.zeros(len(distinct)) - target, _log(sf(high, distinct)) - target
    low_known = low > 0
    f_low[low_known] = (_log(sf(low, distinct)) - target)[low_known]
    for step in range(100):
        x = high - f_high * (high - low) / (f_high - f_low)
        if step % 3 == 2:
            x = (low + high) / 2  # so that the bracket shrinks from both sides
        f = _log(sf(x, distinct)) - target
        right = f < 0
        low, f_low = np.where(right, low, x), np.where(right, f_low, f)
        high, f_high = np.where(right, x, high), np.where(right, f, f_high)
        if np.all((high - low <= 1e-10 * high) | (np.abs(f) < 1e-11)):
            break
    return x[place.ravel()].reshape(np.shape(df))


def _log(p: Floats) -> Floats:
    return np.log(np.maximum(p, 1e-300))


@dataclass(frozen=True, eq=False)
class Greatest:
    """The greatest of k statistics that are multivariate t with correlation R (k, k), which may be singular.

    Probabilities are good to about 2e-4, and the same at every call: the directions are fixed.
    """

    R: Floats

    def sf(self, t: Floats, df: Floats, sided: int = 2) -> Floats:
        """P(max |T| > t) for t (n,) and df (n,); P(max T > t) where `sided` is 1."""
        largest, _, r = self._reaches
        m = _grouped(largest if sided == 2 else self._reaches[1])
        pairs = zip(np.ravel(t).tolist(), np.ravel(df).tolist(), strict=True)
        return np.array([_radial_tail(x, m, r, d) for x, d in pairs]).reshape(np.shape(t))

    def quantile(self, p: float, df: Floats, sided: int = 2) -> Floats:
        """The t (n,) that the largest |T| exceeds with probability p; or the largest T, where `sided` is 1."""
        return _quantile(partial(self.sf, sided=sided), p, df)

    @cached_property
    def _reaches(self) -> tuple[Floats, Floats, int]:
        """max |C u| and max C u (directions,) for directions u on the sphere, and its dimension r."""
        from scipy.special import ndtri
        from scipy.stats import qmc

        values, vectors = np.linalg.eigh(self.R)
        kept = values > 1e-10 * values.max()
        C, r = vectors[:, kept] * np.sqrt(values[kept]), int(kept.sum())
        u = ndtri(qmc.Sobol(r, seed=SEED).random(DIRECTIONS).clip(1e-12, 1 - 1e-12))
        u /= np.linalg.norm(u, axis=1)[:, None]
        both, one = [], []
        for part in np.array_split(u, -(-DIRECTIONS * len(C) // BATCH)):
            reach = part @ C.T
            both.append(np.abs(reach).max(axis=1))
            one += [reach.max(axis=1), -reach.min(axis=1)]  # of u and of -u
        return np.concatenate(both), np.concatenate(one), r


def _grouped(m: Floats) -> Floats:
    """Means of neighbouring values: few numbers that are distributed as many."""
    means: Floats = np.sort(m).reshape(GROUPS, -1).mean(axis=1)
    return means


def _radial_tail(t: float, m: Floats, r: int, df: float) -> float:
    """Mean over directions of P(m radius / s > t)."""
    if not np.isfinite(t) or not df > 0:
        return np.nan
    if t >= 0:
        return float(f_sf((t / m[m > 0]) ** 2 / r, r, np.array(df)).sum() / len(m))
    back = 1.0 - f_sf((t / m[m < 0]) ** 2 / r, r, np.array(df))
    return float((back.sum() + np.count_nonzero(m >= 0)) / len(m))
