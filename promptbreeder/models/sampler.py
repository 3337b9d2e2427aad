"""Drawing the next token from logits: repeatable, and independent of who else is in the batch."""

import numpy as np
import numpy.typing as npt

from promptbreeder.models.base import Sampling

_MOST = 1000
"""Beyond the thousand likeliest a small model has nothing to say, and sorting all of them is what costs."""


class Sampler:
    """Draws tokens for one request, from a random stream of its own."""

    def __init__(self, sampling: Sampling) -> None:
        """Start the stream at the request's seed."""
        self._sampling = sampling
        self._random = np.random.Generator(np.random.Philox(abs(sampling.seed)))

    def draw(self, logits: npt.NDArray[np.float32]) -> int:
        """Return the next token: the likeliest at temperature 0, else a draw after top-k and top-p."""
        sampling = self._sampling
        if sampling.temperature <= 0:
            return int(logits.argmax())
        count = min(sampling.top_k or _MOST, logits.size)
        top = np.argpartition(logits, -count)[-count:]
        # By token where logits are equal: the order must not depend on how the partition went.
        top = top[np.lexsort((top, -logits[top]))]
        scaled = logits[top].astype(np.float64) / sampling.temperature
        weights = np.exp(scaled - scaled[0])
        weights /= weights.sum()
        kept = int(np.searchsorted(np.cumsum(weights), sampling.top_p)) + 1
        weights = weights[:kept] / weights[:kept].sum()
        return int(top[min(int(np.searchsorted(np.cumsum(weights), self._random.random())), weights.size - 1)])


def logprobs_of(logits: npt.NDArray[np.float32], tokens: npt.NDArray[np.intp]) -> list[float]:
    """Return the natural-log probabilities of `tokens` among all tokens."""
    # In single precision, as the logits are, and eight times as fast; the sum of pairs loses nothing that matters.
    highest = logits.max()
    total = np.log(np.float64(np.exp(logits - highest).sum()))
    return [float(value) for value in logits[tokens].astype(np.float64) - float(highest) - total]
