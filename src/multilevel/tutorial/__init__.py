"""The tutorial: a text whose code is run, and shown with what it gives in a terminal, as a page, and on the site.

tutorial.md ─text─► Heading, Prose, Code ─run─► the same, with results ─┬─ terminal
                                                                        ├─ page       one HTML file, pictures inside
                                                                        └─ markdown   for the documentation site
command      `multilevel tutorial`
"""

from .run import Ran, Step, run
from .text import Code, Heading, Prose, parts, tutorial_text

__all__ = ["Code", "Heading", "Prose", "Ran", "Step", "parts", "run", "tutorial_text"]
