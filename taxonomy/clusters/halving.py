"""A cluster in two halves: what the machine would split off."""

import numpy as np
from numpy.typing import NDArray

STEPS = 25


def halve(points: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Which points 2-means puts in the half without the first; none where all are the same.

    It begins with the point farthest from the mean and the point farthest from that one, so that
    no seed is needed.

    Shapes: (n, d) to (n,).
    """
    apart = np.zeros(len(points), dtype=bool)
    if len(points) < 2:
        return apart
    data = np.asarray(points, dtype=np.float64)
    far = int(np.argmax(_distances(data, data.mean(axis=0))))
    other = int(np.argmax(_distances(data, data[far])))
    if not _distances(data, data[far])[other]:
        return apart
    centres = data[[far, other]]
    for _ in range(STEPS):
        half = _distances(data, centres[1]) < _distances(data, centres[0])
        if half.all() or not half.any():
            break
        moved = np.stack([data[~half].mean(axis=0), data[half].mean(axis=0)])
        if np.array_equal(moved, centres):
            break
        centres = moved
    return ~half if half[0] else half


def _distances(data: NDArray[np.float64], centre: NDArray[np.float64]) -> NDArray[np.float64]:
    squared: NDArray[np.float64] = ((data - centre) ** 2).sum(axis=1)
    return squared
