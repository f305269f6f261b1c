"""Designs: who sees what, how often. Tables without a response, and tables that lose some of their rows.

expand_grid     all combinations of some columns
├─ labels         names for units: "1", "2", ...
├─ nested         units within other units: pupils within schools
├─ between        each unit has one level: groups of participants
└─ latin_square   levels rotate over rows and columns: items over participants
dropout         rows or values lost at random, or from some time on
"""

from .assigned import between, latin_square
from .grid import expand_grid, labels, nested
from .losses import dropout

__all__ = ["between", "dropout", "expand_grid", "labels", "latin_square", "nested"]
