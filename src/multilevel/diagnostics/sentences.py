"""Words set into sentences and lists."""

from __future__ import annotations

from collections.abc import Sequence


def sentence(words: str) -> str:
    """Words with a capital and a full stop."""
    return f"{words[0].upper()}{words[1:]}."


def listed(names: Sequence[str], few: int = 8) -> str:
    """`a, b and c`, the first few of them."""
    shown = list(names[:few])
    if len(names) > few:
        return f"{', '.join(shown)} and {len(names) - few} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else shown[0]


def percent(share: float) -> str:
    """`38%`, with two digits near the ends."""
    return f"{100 * share:.0f}%" if 0.005 <= share <= 0.995 or share in (0.0, 1.0) else f"{100 * share:.2g}%"
