"""The model on paper: its equations, and its plate diagram.

Fit ──Sheet.of──► Sheet    coefficients, what they multiply, what varies by group: symbols and numbers
                    ├─ equation ──► Equation    LaTeX, or text for a terminal
                    └─ diagram ───► Diagram     SVG, or PNG by matplotlib
"""

from .diagram import Diagram, diagram
from .equation import Equation, equation

__all__ = ["Diagram", "Equation", "diagram", "equation"]
