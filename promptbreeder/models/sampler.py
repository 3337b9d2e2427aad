"""Drawing the next token from logits: repeatable, and independent of who else is in the batch."""

import numpy as np
import numpy.typing as npt

from promptbreeder.models.base import Sampling


class Sampler:
    """Draws tokens for one request, from a random stream of its own."""

    def __init__(self, sampling: Sampling) -> None:
        """Start the stream at the request's seed."""
        self._sampling = sampling
        self._random = np.random.Generator(np.random.Philox(sampling.seed))

    def draw(self, logits: npt.NDArray[np.float32]) -> int:
        """Return the next token: the likeliest at temperature 0, else a draw after top-k and top-p."""
        sampling = self._sampling
        if sampling.temperature <= 0:
            return int(logits.argmax())
        # Beyond the thousand likeliest a small model has nothing to say, and sorting all of them is what costs.
        count = min(sampling.top_k or 1000, logits.size)
        top = np.argpartition(logits, -count)[-count:]
        top = top[np.argsort(-logits[top], kind="stable")]
        scaled = logits[top].astype(np.float64) / sampling.temperature
        weights = np.exp(scaled - scaled[0])
        weights /= weights.sum()
        kept = int(np.searchsorted(np.cumsum(weights), sampling.top_p)) + 1
        weights = weights[:kept] / weights[:kept].sum()
        return int(top[min(int(np.searchsorted(np.cumsum(weights), self._random.random())), kept - 1)])


def log_softmax(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Return the natural-log probabilities of all tokens."""
    shifted = logits.astype(np.float64) - float(logits.max())
    return np.asarray(shifted - np.log(np.exp(shifted).sum()))
