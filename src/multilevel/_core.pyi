"""The typed face of the compiled core: it knows numbers, not words such as "subject".

Notation of Bates, Mächler, Bolker & Walker (2015), J. Stat. Softw. 67(1): n rows, p identified columns of X, terms with
l levels and k columns each, m free entries of theta. theta holds, term by term in the order given, the lower triangle
of Lambda column by column (structure 0) or its diagonal (structure 1), in the units of the columns of Z; of terms with
few parameters (structures 2 to 8: homdiag, cs, homcs, ar1, hetar1, toep, homtoep; coordinates of the effects: ou)
standard deviations and what their correlations follow from (core/structures.hpp).
"""

from collections.abc import Sequence
from typing import Literal, NotRequired, TypedDict

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Covariance = int | Sequence[float]

def theta_size(k: int, covariance: Covariance) -> int: ...  # entries of theta of a term with k effects
def factor(theta: Floats, k: int, covariance: Covariance) -> Floats: ...  # its Lambda (k, k), lower triangular
def psi_slopes(theta: Floats, k: int, covariance: Covariance) -> Floats: ...  # (m, k, k) dPsi / dtheta, structured
def psi_curve(  # (k, k) the sum of d2Psi / dtheta dtheta' times weights (m, m), structured
    theta: Floats, k: int, covariance: Covariance, weights: Floats
) -> Floats: ...

class Refits(TypedDict):
    theta: Floats  # (r, m)
    beta: Floats  # (r, p)
    sigma: Floats  # (r,)
    unscaled_vcov: Floats  # (r, p, p)
    smallest: Floats  # (r, terms): as of a Solution
    criterion: Floats  # (r,)
    evaluations: NDArray[np.int32]  # (r,)
    converged: NDArray[np.uint8]  # (r,)
    scores: NotRequired[Floats]  # (r, s), with `scores_at`

class Solution:
    @property
    def theta(self) -> Floats: ...  # (m,)
    @property
    def beta(self) -> Floats: ...  # (p,)
    @property
    def unscaled_vcov(self) -> Floats: ...  # (p, p) = (X'V^-1 X)^-1; times sigma^2: the covariance of beta
    @property
    def sigma(self) -> float: ...
    @property
    def across(self) -> Floats: ...  # without residuals: (p, m) - d beta / d x, x as of PhiCurvature's theta
    @property
    def criterion(self) -> float: ...  # REML criterion, or -2 log-likelihood
    @property
    def r2(self) -> float: ...  # penalised residual sum of squares
    @property
    def logdet(self) -> float: ...  # log|Lambda'Z'WZ Lambda + I|
    @property
    def logdet_rx(self) -> float: ...  # log|X'V^-1 X|
    @property
    def vcov_shape(self) -> Floats: ...  # (s, s) as vcov, of the shapes or the coefficients of their models
    @property
    def modes(self) -> list[Floats]: ...  # per term (l * k,): conditional modes of the random effects, level by level
    @property
    def gradient(self) -> Floats: ...  # (m,), from solve() only
    @property
    def hessian(self) -> Floats: ...  # (m, m), from solve() only
    @property
    def evaluations(self) -> int: ...
    @property
    def converged(self) -> bool: ...
    @property
    def decrement(self) -> float: ...  # what another Newton step could still gain, in units of the criterion
    @property
    def lowest_curvature(self) -> float: ...  # smallest eigenvalue of the scale-free Hessian
    @property
    def boundary_slope(self) -> float: ...  # >= 0 at a minimum on the boundary, inf inside
    @property
    def smallest(self) -> list[float]: ...  # per term: smallest singular value of Lambda, scale-free
    @property
    def path(self) -> Floats: ...  # criterion at each accepted step

class HeldMinimum:
    @property
    def theta(self) -> Floats: ...  # (m,)
    @property
    def beta(self) -> Floats: ...  # (p,)
    @property
    def sigma(self) -> float: ...
    @property
    def criterion(self) -> float: ...  # -2 log-likelihood
    @property
    def slope(
        self,
    ) -> float: ...  # by the value held; NaN at a correlation of +-1 of three or more effects
    @property
    def evaluations(self) -> int: ...
    @property
    def converged(self) -> bool: ...

class Draws:
    """What responses of a design with one grouping factor need to be drawn as sums."""

    @property
    def size(self) -> int: ...  # standard normals for each response
    @property
    def noise_df(self) -> float: ...  # degrees of freedom of the chi-squared number after them

class LinearMixed:
    def __init__(
        self,
        y: Floats,
        X: Sequence[Floats],
        weights: Floats | None,
        factors: Sequence[tuple[NDArray[np.int32], int]],
        terms: Sequence[tuple[int, Sequence[Floats], Covariance]],
        carrier: int = -1,  # of a model without residuals, the term that has an effect for every row
        sigma: float = 0.0,  # that is known; 0: estimated
    ) -> None: ...
    def fit(self, reml: bool, start: Floats | None = None) -> Solution: ...
    def solve(self, theta: Floats, reml: bool) -> Solution: ...
    def criterion(self, theta: Floats, reml: bool) -> float: ...
    def posterior(self, theta: Floats) -> list[tuple[Floats, Floats]]: ...  # per term P (l, k, k), F (l, k, p)
    # z'Pz of other rows, P the conditional covariance of all random effects over sigma^2: per factor (n,) levels, -1
    # for none of the known, per term its columns (n,)
    def variances(
        self, theta: Floats, levels: Sequence[NDArray[np.int32]], Z: Sequence[Sequence[Floats]]
    ) -> Floats: ...
    # per term, with H_l = Z_l'V^-1X: the sums over levels of [Z'V^-1Z]_ll (k, k) and of vec(H_l) vec(H_l)' (p k, p k),
    # the entry of effect i and column a of X at a k + i
    def contractions(self, theta: Floats) -> list[tuple[Floats, Floats]]: ...
    def hold(  # the minimum of -2 log-likelihood with one quantity held
        self,
        what: Literal["coefficient", "sigma", "sd", "corr"],
        value: float,
        start: Floats,  # theta
        sigma: float,  # to start from
        term: int = 0,
        i: int = 0,  # of which effect the sd, of which two the correlation
        j: int = 0,
        contrast: Floats | None = None,  # (p,): what is held of beta
    ) -> HeldMinimum: ...
    def refit(  # threads 0: as many as the environment allows
        self,
        Y: Floats,
        reml: bool,
        start: Floats | None = None,
        threads: int = 1,
        scores_at: Floats | None = None,  # theta; adds (beta, sums of z z', r2) of each response there
    ) -> Refits: ...
    # of responses (n, r), each at a theta of its own (r, m), with phi = (sigma, theta): second derivatives
    # (r, 1 + m, 1 + m) of the deviance, sigma not profiled out, and d unscaled_vcov / dtheta (r, m, p, p)
    def curvatures(self, Y: Floats, thetas: Floats, reml: bool, threads: int = 1) -> tuple[Floats, Floats]: ...
    def draws(self) -> Draws: ...  # ValueError: more than one grouping factor
    def refit_drawn(  # responses drawn with these true values; with scores at theta
        self,
        draws: Draws,
        numbers: Floats,  # (r, size + 1)
        theta: Floats,
        sigma: float,
        beta: Floats,
        reml: bool,
        start: Floats | None = None,
        threads: int = 1,
    ) -> Refits: ...
    @property
    def kept(self) -> list[int]: ...  # positions of the identified columns of X
    @property
    def p(self) -> int: ...
    @property
    def n_theta(self) -> int: ...
    @property
    def engine(self) -> str: ...
    @property
    def residual_scale(self) -> float: ...  # root mean square of the least-squares residuals

class GeneralizedRefits(TypedDict):
    theta: Floats  # (r, m); NaN in the rows of responses that have no fit
    beta: Floats  # (r, p)
    shape: Floats  # (r, s)
    smallest: Floats  # (r, terms)
    vcov: NotRequired[Floats]  # (r, p, p), if asked for
    criterion: Floats  # (r,)
    evaluations: NDArray[np.int32]  # (r,)
    converged: NDArray[np.uint8]  # (r,)
    scores: Floats  # (r, m + p + s) gradients at `scores_at` for each response, or (r, 0)

class GeneralizedSolution:
    """d = -2 log-likelihood with all constants. Vectors of all parameters are in the order theta, beta, shape."""

    @property
    def theta(self) -> Floats: ...  # (m,)
    @property
    def beta(self) -> Floats: ...  # (p,)
    @property
    def shape(self) -> Floats: ...  # (s,) on the log scale
    @property
    def criterion(self) -> float: ...  # d, Laplace or quadrature
    @property
    def gradient(self) -> Floats: ...  # (m + p + s,); zero for beta where n_agq = 0
    @property
    def hessian(self) -> Floats: ...  # (m + p + s, the same) of d; from fit(), and from solve() on request; else (0, 0)
    @property
    def vcov(self) -> Floats: ...  # (p, p) from 2 hessian^-1 (use.hessian = TRUE); (0, 0) without hessian
    @property
    def vcov_rx(self) -> Floats: ...  # (p, p) (X'V^-1X)^-1 at the modes (use.hessian = FALSE)
    @property
    def vcov_shape(self) -> Floats: ...  # (s, s) as vcov, of the shapes or the coefficients of their models
    @property
    def vcov_joint(self) -> Floats: ...  # (p + s, p + s) as vcov, of beta and shape together
    @property
    def modes(self) -> list[Floats]: ...  # per term (l * k,): conditional modes of the random effects, level by level
    @property
    def eta(self) -> Floats: ...  # (n,) linear predictor at the modes, offset included
    @property
    def outer_means(
        self,
    ) -> tuple[float, float]: ...  # at the lowest and highest X beta + offset
    @property
    def conditional_deviance(self) -> float: ...  # at the modes; NaN where the family has none
    @property
    def conditional_log_likelihood(self) -> float: ...  # at the modes
    @property
    def logdet(self) -> float: ...  # log|Lambda'Z'WZ Lambda + I|
    @property
    def penalty(self) -> float: ...  # |u|^2
    @property
    def evaluations(self) -> int: ...
    @property
    def pirls_iterations(self) -> int: ...
    @property
    def converged(self) -> bool: ...
    @property
    def decrement(self) -> float: ...  # what another Newton step could still gain, in units of d
    @property
    def lowest_curvature(self) -> float: ...  # smallest eigenvalue of the scale-free Hessian
    @property
    def boundary_slope(self) -> float: ...  # >= 0 at a minimum on the boundary, inf inside
    @property
    def smallest(self) -> list[float]: ...  # per term: smallest singular value of Lambda, scale-free
    @property
    def path(self) -> Floats: ...  # d at each accepted step

class GeneralizedMixed:
    """y | b ~ family(mean g^-1(X beta + Z b + offset), shape), b ~ N(0, Lambda Lambda'), not scaled by a dispersion.

    family: "binomial" (y a proportion, weights the trials), "poisson", "gaussian", "gamma", "inverse_gaussian",
    "negative_binomial_2", "negative_binomial_1", "generalized_poisson", "beta", "beta_binomial" (as binomial),
    "student_t", "tweedie", "truncated_poisson", "truncated_negative_binomial_2", "truncated_negative_binomial_1",
    "truncated_generalized_poisson".
    link: "identity", "log", "logit", "probit", "cloglog", "cauchit", "inverse", "1/mu^2", "sqrt".
    shape (s,): log dispersion phi (gaussian: variance; gamma; inverse_gaussian; negative_binomial_1: variance
    mu (1 + phi); generalized_poisson: mu phi), log precision (beta, beta_binomial), log size (negative_binomial_2),
    log scale and log df (student_t); none for binomial and poisson. Weights divide phi (gaussian, gamma,
    inverse_gaussian), or multiply the log-likelihood.
    curvature: the weights of Omega are "expected" (lme4) or "observed" (glmmTMB) information. None: expected for
    binomial and poisson, observed for the families with a shape. With a canonical link they are the same.
    shape_models: columns of linear predictors for each shape, in the order above, and then, if zeros are inflated, of
    logit P(zero not drawn from the family); no columns: one number. `shape` holds all coefficients one after the other;
    `curvature` has to be observed with inflation. Continuous families have no zeros but the inflated ones.
    inflation_terms, dispersion_terms (one of them): so many of the terms, the last ones, are random effects of that
    logit, or of the logarithm of the first shape. Effects of the two predictors are independent.
    """

    def __init__(
        self,
        y: Floats,
        X: Sequence[Floats],
        weights: Floats | None,
        offset: Floats | None,
        factors: Sequence[tuple[NDArray[np.int32], int]],
        terms: Sequence[tuple[int, Sequence[Floats], Covariance]],
        family: str,
        link: str,
        curvature: str | None = None,
        shape_models: Sequence[Sequence[Floats]] = (),
        inflation_terms: int = 0,
        dispersion_terms: int = 0,
    ) -> None: ...
    def fit(
        self,
        n_agq: int = 1,  # 0: beta among the modes; 1: Laplace; more: nodes of adaptive quadrature
        start_theta: Floats | None = None,
        start_beta: Floats | None = None,
        start_shape: Floats | None = None,
        fixed_shape: bool | list[bool] = False,  # shapes that stay at start_shape
    ) -> GeneralizedSolution: ...
    def solve(
        self, theta: Floats, beta: Floats, shape: Floats, n_agq: int = 1, hessian: bool = False
    ) -> GeneralizedSolution: ...
    def objective(self, theta: Floats, beta: Floats, shape: Floats, n_agq: int = 1) -> float: ...  # inf: no likelihood
    def posterior(self, theta: Floats, beta: Floats, shape: Floats) -> list[Floats]: ...  # per term (l, k, k)
    def variances(
        self,
        theta: Floats,
        beta: Floats,
        shape: Floats,
        levels: Sequence[NDArray[np.int32]],  # per factor (n,); -1: none
        Z: Sequence[Sequence[Floats]],  # per term its columns (n,)
    ) -> Floats: ...  # (n,) Var(z'b | y)
    def refit(
        self,
        Y: Floats,  # (n, r)
        n_agq: int = 1,
        start_theta: Floats | None = None,
        start_beta: Floats | None = None,
        start_shape: Floats | None = None,
        fixed_shape: bool | list[bool] = False,
        threads: int = 1,  # 0: as many as the environment allows
        vcov: bool = False,  # the Hessian of each, and so the covariance of beta, as well
        scores_at: Floats | None = None,  # (m + p + s,) theta, beta, shape
    ) -> GeneralizedRefits: ...
    @property
    def kept(self) -> list[int]: ...  # positions of the identified columns of X
    @property
    def p(self) -> int: ...
    @property
    def n_theta(self) -> int: ...
    @property
    def n_shape(self) -> int: ...
    @property
    def merged_rows(self) -> int: ...  # distinct rows, where the family lets equal ones be merged
    @property
    def engine(self) -> str: ...
