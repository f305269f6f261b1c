"""Ctrl-C inside a long computation of the core: it ends, and the model can be used again."""

from __future__ import annotations

import _thread
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

import multilevel as mlm

MANY = 1_000_000  # responses, minutes of work


def linear() -> tuple[Any, np.ndarray]:
    fit = mlm.lmer("reaction ~ days + (days | subject)", mlm.datasets.load("sleepstudy"))._fit
    return fit.sums.core, fit.sums.y


def generalized() -> tuple[Any, np.ndarray]:
    rng = np.random.default_rng(1)
    group, one = np.repeat(np.arange(20, dtype=np.int32), 10), np.ones(200)
    y = rng.poisson(np.exp(rng.normal(size=20)[group])).astype(float)
    terms = [(0, [one], 0)]
    return mlm._core.GeneralizedMixed(y, [one], None, None, [(group, 20)], terms, "poisson", "log"), y


@contextmanager
def interruption(after: float) -> Iterator[None]:
    """What stands inside ends with KeyboardInterrupt, asked for after some seconds."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    timer = threading.Timer(after, _thread.interrupt_main)
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            yield
    finally:
        timer.cancel()
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(
    ("model", "refit"),
    [
        (linear, lambda core, Y: core.refit(Y, True, threads=1)),
        (linear, lambda core, Y: core.refit(Y, True, threads=2)),
        (generalized, lambda core, Y: core.refit(Y, threads=1)),
        (generalized, lambda core, Y: core.refit(Y, threads=2)),
    ],
    ids=["linear", "linear, two threads", "generalized", "generalized, two threads"],
)
def test_refits_end_when_asked(model: Callable[[], Any], refit: Callable[[Any, Any], Any]) -> None:
    core, y = model()
    Y = np.broadcast_to(y[:, None], (len(y), MANY))
    before = refit(core, Y[:, :2])
    with interruption(after=0.1):
        refit(core, Y)
    np.testing.assert_array_equal(refit(core, Y[:, :2])["theta"], before["theta"])


def test_a_single_fit_ends_when_asked() -> None:
    """Between the panels of a dense core, too."""
    rng = np.random.default_rng(2)
    n, levels = 20_000, (3000, 1500)
    factors = [(rng.permutation(np.arange(n) % k).astype(np.int32), k) for k in levels]
    y = sum(rng.normal(size=k)[codes] for codes, k in factors) + rng.normal(size=n)
    one = np.ones(n)
    core = mlm._core.LinearMixed(y, [one], None, factors, [(0, [one], 0), (1, [one], 0)])
    theta = np.array([0.7, 0.9])
    before = core.criterion(theta, True)
    with interruption(after=0.02):
        core.fit(True)
    assert core.criterion(theta, True) == before
