"""Families and links against scipy.stats, sums, integrals and differences; bad names and bad responses."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from scipy.special import gammaln, logsumexp

from multilevel import families
from multilevel.errors import FitError, InferenceError
from multilevel.families.links import LINKS

RNG = np.random.default_rng(1)
N = 40
PROBABILITIES = RNG.uniform(0.02, 0.98, N)
MEANS = RNG.uniform(0.2, 9, N)
TRIALS = RNG.integers(1, 12, N).astype(float)
ONES = np.ones(N)
NONE = np.empty(0)


def beta_binomial(n, mu, s):
    return stats.betabinom(n.astype(int), mu * s, (1 - mu) * s)


class Truncated:
    """A distribution of counts without its zeros."""

    def __init__(self, whole):
        self.whole, self.zero = whole, whole.pmf(0)

    def logpmf(self, k):
        return self.whole.logpmf(k) - np.log1p(-self.zero)

    def cdf(self, k):
        return np.maximum(self.whole.cdf(k) - self.zero, 0) / (1 - self.zero)

    def mean(self):
        return self.whole.mean() / (1 - self.zero)

    def var(self):
        return (self.whole.var() + self.whole.mean() ** 2) / (1 - self.zero) - self.mean() ** 2

    def rvs(self, random_state, size):
        return self.whole.ppf(self.zero + (1 - self.zero) * random_state.uniform(size=size))


class GeneralizedPoisson:
    """The textbook's theta and lambda, and everything by sums; lambda < 0 needs them to be shared out."""

    def __init__(self, mu, phi):
        self.theta, self.rate = mu / np.sqrt(phi), 1 - 1 / np.sqrt(phi)
        self.k = np.arange(400.0)[:, None]
        self.mu, self.v, p = mu, mu * phi, np.exp(self.logpmf(self.k))
        self.cumulative = np.cumsum(p, axis=0) / p.sum(axis=0)

    def logpmf(self, k):
        t = self.theta + self.rate * k
        with np.errstate(invalid="ignore"):
            return np.where(t > 0, np.log(self.theta) + (k - 1) * np.log(t) - t - gammaln(k + 1), -np.inf)

    def pmf(self, k):
        return np.exp(self.logpmf(k))

    def cdf(self, k):
        k = np.broadcast_to(k, self.mu.shape).astype(int)
        return np.where(k < 0, 0.0, self.cumulative[k, np.arange(len(k))])

    def mean(self):
        return self.mu

    def var(self):
        return self.v

    def ppf(self, p):
        return (self.cumulative < p).sum(axis=0).astype(float)

    def rvs(self, random_state, size):
        return self.ppf(random_state.uniform(size=size))


class CompoundPoisson:
    """Tweedie: sums of a Poisson number of gamma variables, by the law of total probability."""

    def __init__(self, mu, phi, p):
        self.a, self.scale = (2 - p) / (p - 1), phi * (p - 1) * mu ** (p - 1)
        self.n, self.mu, self.v = stats.poisson(mu ** (2 - p) / (phi * (2 - p))), mu, phi * mu**p
        self.k = np.arange(1, 300)[:, None]

    def logpdf(self, y):
        terms = self.n.logpmf(self.k) + stats.gamma.logpdf(y, self.k * self.a, scale=self.scale)
        return np.where(y > 0, logsumexp(terms, axis=0), self.n.logpmf(0))

    def cdf(self, y):
        terms = self.n.pmf(self.k) * stats.gamma.cdf(y, self.k * self.a, scale=self.scale)
        return self.n.pmf(0) + terms.sum(axis=0)

    def mean(self):
        return self.mu

    def var(self):
        return self.v

    def rvs(self, random_state, size):
        n = self.n.rvs(random_state=random_state, size=size)
        return np.where(n > 0, random_state.gamma(np.maximum(n * self.a, 1e-9), self.scale), 0.0)


# family, mu, weights, shape, the same distribution of scipy, and what multiplies y there
CASES = {
    "binomial": (families.binomial(), PROBABILITIES, TRIALS, [], lambda m, w, s: stats.binom(w.astype(int), m)),
    "poisson": (families.poisson(), MEANS, ONES, [], lambda m, w, s: stats.poisson(m)),
    "gaussian": (families.gaussian(), MEANS, MEANS, [1.7], lambda m, w, s: stats.norm(m, np.sqrt(s[0] / w))),
    "gamma": (families.gamma(), MEANS, ONES, [0.4], lambda m, w, s: stats.gamma(1 / s[0], scale=m * s[0])),
    "inverse_gaussian": (
        families.inverse_gaussian(), MEANS, ONES, [0.3], lambda m, w, s: stats.invgauss(m * s[0], scale=1 / s[0]),
    ),
    "negative_binomial": (
        families.negative_binomial(), MEANS, ONES, [1.3], lambda m, w, s: stats.nbinom(s[0], s[0] / (s[0] + m)),
    ),
    "negative_binomial_1": (
        families.negative_binomial(type=1), MEANS, ONES, [0.8], lambda m, w, s: stats.nbinom(m / s[0], 1 / (1 + s[0])),
    ),
    "generalized_poisson": (
        families.generalized_poisson(), MEANS, ONES, [2.5], lambda m, w, s: GeneralizedPoisson(m, s[0]),
    ),
    "beta": (families.beta(), PROBABILITIES, ONES, [6.0], lambda m, w, s: stats.beta(m * s[0], (1 - m) * s[0])),
    "beta_binomial": (
        families.beta_binomial(), PROBABILITIES, TRIALS, [4.0], lambda m, w, s: beta_binomial(w, m, s[0]),
    ),
    "truncated_poisson": (families.truncated_poisson(), MEANS, ONES, [], lambda m, w, s: Truncated(stats.poisson(m))),
    "truncated_negative_binomial": (
        families.truncated_negative_binomial(), MEANS, ONES, [1.3],
        lambda m, w, s: Truncated(stats.nbinom(s[0], s[0] / (s[0] + m))),
    ),
    "truncated_negative_binomial_1": (
        families.truncated_negative_binomial(type=1), MEANS, ONES, [0.8],
        lambda m, w, s: Truncated(stats.nbinom(m / s[0], 1 / (1 + s[0]))),
    ),
    "truncated_generalized_poisson": (
        families.truncated_generalized_poisson(), MEANS, ONES, [2.5],
        lambda m, w, s: Truncated(GeneralizedPoisson(m, s[0])),
    ),
    "tweedie": (families.tweedie(), MEANS, ONES, [0.9, 1.4], lambda m, w, s: CompoundPoisson(m, *s)),
    "student_t": (families.student_t(), MEANS, ONES, [1.5, 4.2], lambda m, w, s: stats.t(s[1], m, s[0])),
}  # fmt: skip


@pytest.fixture(params=CASES)
def case(request):
    family, mu, weights, shape, other = CASES[request.param]
    shape = np.array(shape, float)
    return family, mu, weights, shape, other(mu, weights, shape)


def scaled(family, weights):
    """y of the family is a proportion where scipy counts successes."""
    return weights if family.trials else np.ones_like(weights)


def draws(family, other, weights):
    return other.rvs(random_state=np.random.default_rng(2), size=N) / scaled(family, weights)


def test_likelihood_is_that_of_scipy(case):
    family, mu, weights, shape, other = case
    y = draws(family, other, weights)
    k = np.round(y * scaled(family, weights)) if family.discrete else y
    want = other.logpmf(k) if family.discrete else other.logpdf(k)
    np.testing.assert_allclose(family.loglik(y, mu, weights, shape), want, rtol=1e-10, atol=1e-10)


def test_distribution_function_is_that_of_scipy(case):
    family, mu, weights, shape, other = case
    y = draws(family, other, weights)
    k = np.round(y * scaled(family, weights)) if family.discrete else y
    np.testing.assert_allclose(family.cdf(y, mu, weights, shape), other.cdf(k), rtol=1e-9, atol=1e-12)
    below = other.cdf(k - 1) if family.discrete else np.where(family.has_zeros & (k == 0), 0.0, other.cdf(k))
    np.testing.assert_allclose(family.below(y, mu, weights, shape), below, rtol=1e-9, atol=1e-12)


def test_mean_and_variance_are_those_of_scipy(case):
    family, mu, weights, shape, other = case
    np.testing.assert_allclose(family.expected(mu, shape), other.mean() / scaled(family, weights), rtol=1e-10)
    want = other.var() / scaled(family, weights) ** 2
    np.testing.assert_allclose(family.variance(mu, weights, shape), want, rtol=1e-10)


def test_draws_have_the_mean_and_the_variance(case):
    family, mu, weights, shape, _ = case
    rng = np.random.default_rng(3)
    y = np.array([family.simulate(mu, weights, shape, rng) for _ in range(4000)])
    variance = family.variance(mu, weights, shape)
    z = (y.mean(axis=0) - family.expected(mu, shape)) / np.sqrt(variance / 4000)
    assert np.abs(z).max() < 4.5
    if family.name != "student_t":  # whose fourth moment is barely finite
        assert np.median(y.var(axis=0) / variance) == pytest.approx(1, abs=0.03)
    assert family.fault(y[0], weights) is None


def test_draws_have_the_distribution(case):
    """The distribution function of a draw, with the jump of a discrete one spread evenly, is uniform."""
    family, mu, weights, shape, _ = case
    rng = np.random.default_rng(4)
    u = []
    for _ in range(100):
        y = family.simulate(mu, weights, shape, rng)
        low, high = family.below(y, mu, weights, shape), family.cdf(y, mu, weights, shape)
        u.append(low + rng.random(N) * (high - low))
    assert stats.kstest(np.concatenate(u), "uniform").pvalue > 1e-3


def test_total_probability(case):
    family, mu, weights, shape, _ = case
    at, w = mu[:1], weights[:1]
    if family.discrete:
        k = np.arange(w[0] + 1) if family.trials else np.arange(400.0)
        y = k / w[0] if family.trials else k
        p = np.exp(family.loglik(y, np.full(len(y), at[0]), np.full(len(y), w[0]), shape))
        assert p.sum() == pytest.approx(1, abs=1e-10)
    else:
        from scipy.integrate import quad

        support = {"beta": (0, 1), "gaussian": (-40, 60), "student_t": (-np.inf, np.inf)}.get(family.name, (0, np.inf))
        total = quad(lambda v: np.exp(family.loglik(np.array([v]), at, w, shape))[0], *support, limit=200)[0]
        zero = np.exp(family.loglik(np.zeros(1), at, w, shape))[0] if family.has_zeros else 0.0
        assert total + zero == pytest.approx(1, abs=1e-6)


def test_deviance_is_twice_the_likelihood_lost_to_the_best_mean(case):
    """By a fine grid of means around the observation; zero at the best mean."""
    family, mu, weights, shape, other = case
    y = draws(family, other, weights)
    unit = family.dispersion(shape)
    scale = LINKS["logit" if family.trials or family.name == "beta" else "log"]
    if family.name in ("gaussian", "student_t"):
        scale = LINKS["identity"]
    grid = np.linspace(-14, 14, 4001)[:, None]
    inside = np.clip(y, 1e-6, 1 - 1e-6) if scale.name == "logit" else np.maximum(y, 1e-6)
    center = y if scale.name == "identity" else scale.of(inside)
    best = max_over(family, y, scale, grid + center, weights, shape)
    want = 2 * unit * (best - family.loglik(y, mu, weights, shape))
    np.testing.assert_allclose(family.deviance(y, mu, weights, shape), want, atol=2e-3, rtol=1e-4)
    assert (family.deviance(y, mu, weights, shape) >= 0).all()


def max_over(family, y, scale, etas, weights, shape):
    return np.max([family.loglik(y, scale.inverse(eta), weights, shape) for eta in etas], axis=0)


def test_likelihood_of_a_negative_binomial_without_end_is_poisson():
    y, shape = np.arange(N, dtype=float), np.array([1e12])
    poisson = families.poisson().loglik(y, MEANS, ONES, NONE)
    np.testing.assert_allclose(families.negative_binomial().loglik(y, MEANS, ONES, shape), poisson, rtol=1e-8)


@pytest.mark.parametrize("dispersion", [0.3, 0.6, 0.95])
def test_counts_that_vary_less_than_poisson_ones(dispersion):
    """Consul & Famoye (1992): probabilities, means and variances are nearly right where five counts are possible."""
    family, mu, shape = families.generalized_poisson(), MEANS + 3, np.array([dispersion])
    y = np.arange(120.0)
    p = np.exp([family.loglik(y, np.full(120, m), np.ones(120), shape) for m in mu])
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=5e-3)
    np.testing.assert_allclose(p @ y, mu, rtol=0.02)
    other = GeneralizedPoisson(mu, dispersion)
    for k in (-1.0, 0.0, 3.0, 40.0):
        np.testing.assert_allclose(family.cdf(np.full(N, k), mu, ONES, shape), other.cdf(k), rtol=1e-9, atol=1e-12)
    rng = np.random.default_rng(6)
    draws = np.array([family.simulate(mu, ONES, shape, rng) for _ in range(2000)])
    np.testing.assert_allclose(draws.mean(axis=0), p @ y / p.sum(axis=1), atol=5 * np.sqrt(15 * dispersion / 2000))
    assert np.median(draws.var(axis=0) / (mu * dispersion)) == pytest.approx(1, abs=0.05)
    impossible = np.ceil(mu / (1 - np.sqrt(dispersion)))
    assert np.isneginf(family.loglik(impossible, mu, ONES, shape)).all()


@pytest.mark.parametrize("dispersion", [0.5, 1.0, 3.0])
def test_generalized_poisson_of_large_counts_is_nearly_normal(dispersion):
    """Sums begin where there is something to add, and take blocks of counts."""
    family, mu, shape = families.generalized_poisson(), np.full(9, 2e4), np.array([dispersion])
    z = np.linspace(-4, 4, 9)
    p = family.cdf(mu + z * np.sqrt(mu * dispersion), mu, np.ones(9), shape)
    np.testing.assert_allclose(p, stats.norm.cdf(z), atol=0.01)
    assert family.cdf(np.array([3e4]), mu[:1], np.ones(1), shape)[0] == pytest.approx(1, abs=1e-10)


def test_generalized_poisson_with_a_dispersion_of_one_is_poisson():
    y, one = np.arange(N, dtype=float), np.ones(1)
    family, poisson = families.generalized_poisson(), families.poisson()
    np.testing.assert_allclose(family.loglik(y, MEANS, ONES, one), poisson.loglik(y, MEANS, ONES, NONE), rtol=1e-12)
    np.testing.assert_allclose(family.cdf(y, MEANS, ONES, one), poisson.cdf(y, MEANS, ONES, NONE), rtol=1e-12)


def test_truncated_counts_near_one():
    """A mean near zero: the count is one for nearly sure, and draws are found without waiting for one."""
    for family, shape in ((families.truncated_poisson(), NONE), (families.truncated_negative_binomial(), np.ones(1))):
        mu = np.full(N, 1e-9)
        y = family.simulate(mu, ONES, shape, np.random.default_rng(1))
        assert (y == 1).all()
        np.testing.assert_allclose(family.loglik(y, mu, ONES, shape), 0, atol=1e-8)
        np.testing.assert_allclose(family.expected(mu, shape), 1, rtol=1e-7)
        eta = np.linspace(-3, 2, N)
        slope = (family.mean_at(eta + 1e-6, shape) - family.mean_at(eta - 1e-6, shape)) / 2e-6
        np.testing.assert_allclose(family.slope_at(eta, shape), slope, rtol=1e-6)


def test_tweedie_with_hardly_a_zero_is_gamma_and_with_small_jumps_poisson():
    y, tweedie = np.linspace(0.5, 20, N), families.tweedie()
    gamma = families.gamma().loglik(y, MEANS, ONES, np.array([0.3]))
    near = tweedie.loglik(y, MEANS, ONES, np.array([0.3, 2 - 1e-6]))
    np.testing.assert_allclose(near, gamma, rtol=1e-4, atol=1e-4)
    total = tweedie.cdf(np.floor(y) + 0.5, MEANS, ONES, np.array([1.0, 1 + 1e-5]))
    np.testing.assert_allclose(total, stats.poisson.cdf(np.floor(y), MEANS), atol=1e-3)


@pytest.mark.parametrize("name", LINKS)
def test_links_are_inverted_and_differentiated(name):
    link = LINKS[name]
    mu = PROBABILITIES if name in ("logit", "probit", "cloglog", "cauchit") else MEANS
    eta = link.of(mu)
    np.testing.assert_allclose(link.inverse(eta), mu, rtol=1e-12)
    h = 1e-6 * np.maximum(1, np.abs(eta))
    numeric = (link.inverse(eta + h) - link.inverse(eta - h)) / (2 * h)
    np.testing.assert_allclose(link.derivative(eta), numeric, rtol=1e-6)
    assert link.possible(eta)
    assert (np.diff(link.inverse(np.sort(eta))) > 0).all() == link.growing


@pytest.mark.parametrize("name", ["logit", "probit", "cloglog", "cauchit"])
def test_probabilities_stay_inside(name):
    link = LINKS[name]
    mu = link.inverse(np.array([-1e300, -750.0, -40.0, 40.0, 750.0, 1e300]))
    assert ((mu > 0) & (mu < 1)).all()


NAMED = {
    "binomial": "binomial(logit)",
    "binomial(probit)": "binomial(probit)",
    "binomial( 'cloglog' )": "binomial(cloglog)",
    'Gamma(link="log")': "gamma(log)",
    "Gamma": "gamma(inverse)",
    "inverse.gaussian": "inverse_gaussian(1/mu^2)",
    "inverse_gaussian(1/mu^2)": "inverse_gaussian(1/mu^2)",
    "nbinom1": "negative_binomial_1(log)",
    "nbinom2()": "negative_binomial(log)",
    "beta_family": "beta(logit)",
    "POISSON": "poisson(log)",
    "quasi(log)": "quasi(log)",
    "t_family": "student_t(identity)",
    "truncated_nbinom2": "truncated_negative_binomial(log)",
    "genpois": "generalized_poisson(log)",
    "truncated_genpois(sqrt)": "truncated_generalized_poisson(sqrt)",
    "truncated_nbinom1(sqrt)": "truncated_negative_binomial_1(sqrt)",
    "Tweedie": "tweedie(log)",
    "ziGamma(link = 'log')": "gamma(log)",
}


@pytest.mark.parametrize(("text", "want"), NAMED.items())
def test_names(text, want):
    assert str(families.family_of(text)) == want


def test_objects_and_constructors():
    assert families.family_of(families.binomial("probit")) == families.family_of("binomial(probit)")
    assert families.family_of(families.poisson) == families.poisson()
    assert families.family_of(families.negative_binomial) == families.negative_binomial()
    assert families.negative_binomial(size=2) != families.negative_binomial(size=3)


BAD_NAMES = [
    (lambda: families.family_of("binomal"), r"no family is called 'binomal'; did you mean 'binomial'\? \(known: bin"),
    (lambda: families.family_of("compois"), "'compois' is not there; 'generalized_poisson' is for the same counts"),
    (lambda: families.family_of("logit"), "family is 'logit', which is a link; expected a family"),
    (lambda: families.family_of("poisson(logit)"), "poisson family cannot have the link 'logit': its means are counts"),
    (lambda: families.family_of("binomial(lgit)"), "no link is called 'lgit'; did you mean 'logit'"),
    (
        lambda: families.family_of("zip"),
        r'\'zip\'; zeros are inflated by family="poisson" with ziformula="~ 1"',
    ),
    (lambda: families.family_of("hurdle"), 'a hurdle is family="truncated_poisson" with ziformula="~ 1"'),
    (lambda: families.family_of("ordinal"), r"ordered categories are not there; split them, as in I\(rating > 3\)"),
    (lambda: families.family_of("gamma("), "no family is called 'gamma\\('"),
    (lambda: families.family_of(3), "family is 3; expected a name such as 'binomial'"),
    (lambda: families.family_of(stats.norm), "family is .*; expected a name such as"),
    (lambda: families.binomial("inverse"), "binomial family cannot have the link 'inverse': its means are probabil"),
    (lambda: families.beta("log"), "beta family cannot have the link 'log': its means lie inside"),
    (lambda: families.gaussian("probit"), "gaussian family cannot have the link 'probit': its means are no probab"),
    (lambda: families.negative_binomial(type=3), "no type 3; expected 1, .* or 2"),
    (lambda: families.negative_binomial(type=1, size=2), "type 1 has no size"),
    (lambda: families.negative_binomial(size=0), "size of a negative binomial family is 0; expected a positive"),
    (lambda: families.student_t(df=-1), "df of a Student t family is -1"),
    (lambda: families.tweedie(power=2), "the power of a Tweedie family is 2; expected a number between 1 and 2"),
    (lambda: families.tweedie("logit"), "tweedie family cannot have the link 'logit': its means are positive"),
    (
        lambda: families.truncated_negative_binomial(type=0),
        "truncated_negative_binomial has no type 0; expected 1 or 2",
    ),
    (lambda: families.truncated_poisson("inverse"), "truncated_poisson family cannot have the link 'inverse'"),
    (lambda: families.quasi("log", variance="mu^4"), r"no variance function 'mu\^4'; did you mean"),
]


@pytest.mark.parametrize(("made", "words"), BAD_NAMES)
def test_bad_names(made, words):
    with pytest.raises(FitError, match=words):
        made()


BAD_RESPONSES = [
    ("binomial", [0, 1, 2], [1, 1, 1], [2], "0 or 1"),
    ("binomial", [0, 0.5, 1], [1, 1, 1], [1], "whole numbers of successes"),
    ("binomial", [0, np.nan, 1], [1, 1, 1], [1], "0 or 1"),
    ("beta_binomial", [0.5, -0.5], [2, 2], [1], "0 or 1"),
    ("poisson", [1, -1], [1, 1], [1], "counts, zero or more"),
    ("poisson", [1, 1.5], [1, 1], [1], "whole numbers"),
    ("negative_binomial", [-3, 1], [1, 1], [0], "counts, zero or more"),
    ("negative_binomial_1", [1, 0.2], [1, 1], [1], "whole numbers"),
    ("genpois", [1, 0.2], [1, 1], [1], "whole numbers"),
    ("binomial", [1, 2], [1, 1], [1], "which is a success, as in I(... == 2)"),
    ("genpois", [1, -2], [1, 1], [1], "zero or more"),
    ("truncated_genpois", [0, 2], [1, 1], [0], "one or more"),
    ("gamma", [1, 0], [1, 1], [1], "positive"),
    ("inverse_gaussian", [-1, 1], [1, 1], [0], "positive"),
    ("tweedie", [0, 2, -0.1], [1, 1, 1], [2], "zeros and positive numbers"),
    ("truncated_poisson", [1, 0, 2], [1, 1, 1], [1], "one or more; for zeros beside them give a ziformula"),
    ("truncated_negative_binomial", [1, 2.5], [1, 1], [1], "whole numbers"),
    ("beta", [0, 0.5, 1], [1, 1, 1], [0, 2], "between 0 and 1, both excluded"),
    ("gaussian(log)", [-1, 0], [1, 1], [0, 1], "log link needs positive"),
    ("quasibinomial", [0.2, 1.1], [1, 1], [1], "proportions"),
    ("quasipoisson", [0.2, -1.1], [1, 1], [1], "zero or more"),
]


@pytest.mark.parametrize(("name", "y", "weights", "wrong", "words"), BAD_RESPONSES)
def test_impossible_responses(name, y, weights, wrong, words):
    found = families.family_of(name).fault(np.array(y, float), np.array(weights, float))
    assert found is not None
    assert np.flatnonzero(found[0]).tolist() == wrong
    assert words in found[1]


def test_quasi_families_have_no_distribution():
    quasi = families.quasi("log", variance="mu")
    np.testing.assert_array_equal(quasi.unit_variance(MEANS), MEANS)
    for ask in (lambda: quasi.simulate(MEANS, ONES, NONE, RNG), lambda: quasi.cdf(MEANS, MEANS, ONES, NONE),
                lambda: quasi.loglik(MEANS, MEANS, ONES, NONE)):  # fmt: skip
        with pytest.raises(InferenceError, match="mean and variance only"):
            ask()
