"""The plate diagram of a model: what depends on what, and what is repeated how often.

Open circles are parameters, filled ones data, a double line what is computed from them; a plate is repeated for each
level of a grouping factor, or for each row (Buntine 1994, Operations for learning with graphical models, J. Artif.
Intell. Res. 2, 159-225, section 3).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from ..errors import InferenceError
from ..models.estimate import Fit
from .drafting import scene_of
from .drawing import to_svg
from .raster import save_png
from .scene import Scene


@dataclass(frozen=True, eq=False, repr=False)
class Diagram:
    """A plate diagram: shows itself in a notebook, and goes into a file.

    Parameters
    ----------
    scene : nodes, plates and arrows with their places.
    title : what the diagram is of, for those who cannot see it.
    """

    scene: Scene
    title: str

    @property
    def svg(self) -> str:
        """SVG text: takes the colours of the page it is in; on its own it is light or dark as the reader prefers."""
        return to_svg(self.scene, self.title)

    def __repr__(self) -> str:
        return f"<Diagram {self.title}: {len(self.scene.nodes)} nodes, {len(self.scene.plates)} plates>"

    def _repr_svg_(self) -> str:
        return self.svg

    def _repr_html_(self) -> str:
        return f'<div class="multilevel">{self.svg}</div>'

    def save(self, path: str | os.PathLike[str], *, dpi: float = 192) -> None:
        """Write the diagram to a file, `.svg` or `.png`.

        Parameters
        ----------
        path : where to; the ending says what.
        dpi : dots per inch of a PNG; 96 is the size of the SVG on a screen. Default: twice that.

        Raises
        ------
        InferenceError : another ending, or a PNG without matplotlib.
        """
        ending = Path(path).suffix.lower()
        if ending == ".svg":
            Path(path).write_text(self.svg, encoding="utf-8")
        elif ending != ".png":
            raise InferenceError(f"a diagram is saved as .svg or .png; found {os.fspath(path)!r}")
        elif find_spec("matplotlib") is None:
            raise InferenceError(
                "a PNG is drawn by matplotlib, which is not installed; save the diagram as .svg instead"
            )
        else:
            save_png(self.scene, path, dpi)


def diagram(fit: Fit) -> Diagram:
    """The plate diagram of a fit.

    >>> from multilevel import datasets, lmer
    >>> m = lmer("diameter ~ 1 + (1 | plate) + (1 | sample)", datasets.load("penicillin", "dict"))
    >>> picture = diagram(m._fit)
    >>> picture
    <Diagram Plate diagram of diameter ~ 1 + (1 | plate) + (1 | sample): 7 nodes, 3 plates>
    >>> picture.svg[:4]
    '<svg'
    """
    return Diagram(scene_of(fit), f"Plate diagram of {fit.design.formula.text}")
