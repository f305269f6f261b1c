"""The pictures that tests/test_slabs.py compares, without text, so that no font matters.

`python tests/pictures.py` draws them anew into tests/reference/pictures/: look at each before you commit it.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.image import imread
from plotnine import (
    aes,
    after_stat,
    coord_flip,
    element_blank,
    facet_grid,
    ggplot,
    scale_x_log10,
    scale_y_continuous,
    theme,
    theme_void,
)
from scipy import stats

from multilevel import datasets
from multilevel.plots import (
    stat_ccdfinterval,
    stat_dotsinterval,
    stat_eye,
    stat_halfeye,
    stat_histinterval,
    stat_interval,
    stat_pointinterval,
    stat_slab,
    stat_slabinterval,
)

FOLDER = Path(__file__).parent / "reference" / "pictures"

P = (np.arange(200) + 0.5) / 200
THREE = pd.DataFrame(
    {
        "value": np.concatenate([stats.norm.ppf(P), stats.gamma(2).ppf(P), stats.norm(4, 0.5).ppf(P)]),
        "kind": np.repeat(["a", "b", "c"], 200),
        "half": np.tile(["u", "v"], 300),
    }
)
KNOWN = pd.DataFrame(
    {"term": ["a", "b", "c"], "dist": [stats.norm(0, 1), stats.t(3, 2, 0.5), stats.poisson(3)]}
)  # fmt: skip
POSITIVE = pd.DataFrame({"term": ["a", "b"], "dist": [stats.lognorm(1), stats.gamma(2)]})
ODD = pd.DataFrame({"value": [*stats.norm.ppf(P), 2.0, 2.0, 2.0, 3.0], "kind": ["a"] * 200 + ["b"] * 3 + ["c"]})


def tutorial(number: int) -> Any:
    data = datasets.load(f"tutorial_d{number}")
    return (
        ggplot(data, aes(x="y", fill="participant")) + stat_slab(alpha=0.25) + scale_y_continuous(expand=(0, 0))
    )  # fmt: skip


PICTURES: dict[str, Callable[[], Any]] = {
    "tutorial_alike": lambda: tutorial(1),
    "tutorial_different": lambda: tutorial(2),
    "tutorial_outlier": lambda: tutorial(3),
    "facets": lambda: ggplot(THREE, aes(x="value", fill="kind")) + stat_slab(alpha=0.25) + facet_grid("half ~ kind"),
    "panels": lambda: (
        ggplot(THREE, aes(x="value")) + stat_slab(normalize="panels", color="black") + facet_grid(". ~ kind")
    ),
    "halfeye": lambda: ggplot(THREE, aes(x="value", y="kind", fill="kind")) + stat_halfeye(),
    "slabinterval_bottom": lambda: (
        ggplot(THREE, aes(x="value", y="kind")) + stat_slabinterval(side="bottom", point_interval="mode_hdi", width=0.8)
    ),
    "eye_dodged": lambda: ggplot(THREE, aes(x="kind", y="value", fill="half")) + stat_eye(position="dodge"),
    "flipped": lambda: (
        ggplot(THREE, aes(x="kind", y="value", fill="half")) + stat_halfeye(position="dodge") + coord_flip()
    ),
    "histogram": lambda: ggplot(THREE, aes(x="value", y="kind")) + stat_histinterval(slab_color="black", breaks=15),
    "ccdf": lambda: ggplot(THREE, aes(x="kind", y="value")) + stat_ccdfinterval(),
    "pointinterval": lambda: ggplot(THREE, aes(x="value", y="kind", color="kind")) + stat_pointinterval(),
    "interval": lambda: ggplot(THREE, aes(x="value", y="kind")) + stat_interval(),
    "dots": lambda: ggplot(THREE, aes(x="value", y="kind", fill="kind")) + stat_dotsinterval(quantiles=40),
    "dots_both": lambda: ggplot(THREE, aes(x="kind", y="value")) + stat_dotsinterval(quantiles=40, side="both"),
    "distributions": lambda: ggplot(KNOWN, aes(xdist="dist", y="term")) + stat_halfeye(),
    "distributions_as_dots": lambda: ggplot(KNOWN, aes(xdist="dist", y="term")) + stat_dotsinterval(quantiles=20),
    "log_axis": lambda: ggplot(POSITIVE, aes(xdist="dist", y="term")) + stat_halfeye() + scale_x_log10(),
    "ridges": lambda: (
        ggplot(THREE, aes(x="value", y="kind", fill="kind")) + stat_slab(scale=2, color="black", alpha=0.9)
    ),
    "fill_by_value": lambda: ggplot(THREE, aes(x="value", y="kind", fill=after_stat("x > 1"))) + stat_halfeye(),
    "cumulative": lambda: (
        ggplot(THREE, aes(x="value", fill="kind")) + stat_slab(slab_type="cdf", alpha=0.3, expand=True)
    ),
    "spikes": lambda: ggplot(ODD, aes(x="value", y="kind")) + stat_halfeye(slab_size=1.5),
}


def draw(name: str) -> bytes:
    """A picture as PNG, 192 by 144 pixels."""
    picture = PICTURES[name]() + theme_void() + theme(legend_position="none", strip_text=element_blank())
    page = io.BytesIO()
    picture.save(page, format="png", width=3.2, height=2.4, dpi=60, verbose=False)
    return page.getvalue()


def pixels(page: bytes) -> np.ndarray:
    """(height, width, 3) between 0 and 255."""
    return 255 * np.asarray(imread(io.BytesIO(page)), dtype=float)[..., :3]


def difference(one: np.ndarray, other: np.ndarray) -> float:
    """Root mean square of the differences, on a scale from 0 to 255."""
    return float(np.sqrt(np.mean((one - other) ** 2)))


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name in PICTURES:
        (FOLDER / f"{name}.png").write_bytes(draw(name))
