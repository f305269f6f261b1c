"""The typed face of the compiled core: it knows numbers, not words such as "subject".

Notation of Bates, Mächler, Bolker & Walker (2015), J. Stat. Softw. 67(1): n rows, p identified columns of X, terms with
l levels and k columns each, m free entries of theta. theta holds, term by term in the order given, the lower triangle
of Lambda column by column (structure 0) or its diagonal (structure 1), in the units of the columns of Z.
"""

from collections.abc import Sequence
from typing import Literal, NotRequired, TypedDict

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

class Refits(TypedDict):
    theta: Floats  # (r, m)
    beta: Floats  # (r, p)
    sigma: Floats  # (r,)
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
    def criterion(self) -> float: ...  # REML criterion, or -2 log-likelihood
    @property
    def r2(self) -> float: ...  # penalised residual sum of squares
    @property
    def logdet(self) -> float: ...  # log|Lambda'Z'WZ Lambda + I|
    @property
    def logdet_rx(self) -> float: ...  # log|X'V^-1 X|
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
    def smallest(self) -> Floats: ...  # per term: smallest singular value of Lambda, scale-free
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
        terms: Sequence[tuple[int, Sequence[Floats], int]],
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
