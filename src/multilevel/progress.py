"""How far long work has come: one line on the terminal, when it takes longer than one would wait in silence."""

from __future__ import annotations

import sys
from time import perf_counter
from types import TracebackType

SILENT = 2.0  # seconds before anything is shown
PAUSE = 0.2  # seconds between two updates


class Progress:
    """A line on standard error, `bootstrap  340 of 1000, 12 s left`; nothing where that is no terminal.

    >>> with Progress("bootstrap", 10) as progress:
    ...     progress.advance(10)
    """

    def __init__(self, what: str, total: int) -> None:
        self.what, self.total, self.done = what, total, 0
        self.begun = self.shown = perf_counter()
        self.width = 0

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.clear()

    def clear(self) -> None:
        """Take the line away, to make room for words that stay."""
        if self.width:
            sys.stderr.write("\r" + " " * self.width + "\r")
            sys.stderr.flush()
            self.width = 0

    def advance(self, steps: int) -> None:
        """So many more steps are done."""
        self.done += steps
        now = perf_counter()
        if now - self.begun < SILENT or now - self.shown < PAUSE or not sys.stderr.isatty():
            return
        self.shown = now
        left = (now - self.begun) / self.done * (self.total - self.done)
        line = f"{self.what}  {self.done} of {self.total}, {left:.0f} s left"
        sys.stderr.write("\r" + line.ljust(self.width))
        sys.stderr.flush()
        self.width = max(self.width, len(line))
