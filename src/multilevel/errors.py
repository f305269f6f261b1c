"""What can go wrong, as one tree.

MultilevelError
├─ FormulaError     the formula cannot be read, or says something impossible
├─ DataError        a column is missing, of the wrong kind, or holds impossible values
├─ FitError         the data cannot determine the model
├─ InferenceError   a question that this fit cannot answer
└─ UnknownArgumentError   an argument by a name that it does not have here; a TypeError too

MultilevelWarning
├─ SingularFitWarning     a variance of zero or a perfect correlation was estimated
├─ ConvergenceWarning     the certificate of the optimum was not obtained
├─ SeparationWarning      predictors tell extreme responses apart: no finite estimate
├─ CategoryWarning        what was read as a category may not have been meant as one
├─ RankWarning            columns of X were dropped because others determine them
└─ MissingRowsWarning     rows with missing values were left out

Every message says what was found, what was expected and what to try.
"""

from __future__ import annotations

from collections.abc import Iterable


class MultilevelError(Exception):
    """Root of every error this package raises on purpose."""


class FormulaError(MultilevelError, ValueError):
    """The formula cannot be read, or says something impossible."""


class DataError(MultilevelError, ValueError):
    """A column is missing, of the wrong kind, or holds impossible values."""


class FitError(MultilevelError, ValueError):
    """The data cannot determine the model."""


class InferenceError(MultilevelError, ValueError):
    """A question that this fit cannot answer."""


class UnknownArgumentError(MultilevelError, TypeError):
    """A function was given an argument by a name that it does not have, such as R's."""


class MultilevelWarning(UserWarning):
    """Root of every warning this package gives."""


class SingularFitWarning(MultilevelWarning):
    """A variance of zero or a perfect correlation was estimated."""


class ConvergenceWarning(MultilevelWarning):
    """The certificate of the optimum was not obtained, or the nodes of a quadrature do not integrate."""


class SeparationWarning(MultilevelWarning):
    """Predictors tell some of the extreme responses apart without error; their coefficients are infinite."""


class RankWarning(MultilevelWarning):
    """Columns of X were dropped because other columns determine them."""


class CategoryWarning(MultilevelWarning):
    """A column was taken as a category, or a category as yes and no, in a way that may not be meant."""


class MissingRowsWarning(MultilevelWarning):
    """Rows with missing values were left out."""


def nearest(name: str, known: Iterable[str]) -> str:
    """`"; did you mean 'days'?"`, or nothing when no known name is near.

    >>> nearest("Dayz", ["days", "subject"])
    "; did you mean 'days'?"
    """
    from difflib import get_close_matches

    folded = {k.casefold(): k for k in known}
    match = get_close_matches(name.casefold(), folded, n=1, cutoff=0.6)
    return f"; did you mean {folded[match[0]]!r}?" if match else ""
