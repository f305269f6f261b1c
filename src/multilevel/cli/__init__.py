"""The same from a shell: `multilevel fit "reaction ~ days + (days | subject)" sleepstudy.csv`.

shell                        main: one command, its answer, its warnings, its exit code
├─ fit  compare  means       a file for each command: its words, and what it does
│  simulate  power  tutorial
├─ fitting                   the options by which models are fitted, the same everywhere, and the fits
├─ designs                   designs and values in words: participant=1:40 condition=control,treatment
└─ parsers  printed          help; tables in the width of the terminal, JSON

Results go to standard output, warnings and errors as one plain sentence each to standard error; the exit code is 2 if
the input was wrong, and nothing is then printed to standard output.
"""

from .shell import main

__all__ = ["main"]
