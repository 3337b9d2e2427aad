"""Everything that can go wrong, as one tree.

    PromptBreederError                 every error of ours; its text says what to do next
    ├── InvalidInput                   the caller's data is unusable: nothing was stored
    ├── NotFound                       an unknown skill, version, example, run, call or duel
    ├── Conflict                       the state does not allow it now (another run is going, not production any more)
    │   └── NotPromotable              the evidence for a promotion is missing
    ├── ModelError                     a model backend is dead or misconfigured: a run pauses
    │   ├── ModelUnreachable           nothing answers
    │   ├── ModelMissing               the engine or the weights are not there
    │   │   └── WeightsMissing         the packaged weights, which can be fetched
    │   ├── ModelTimeout               no answer within the deadline
    │   ├── ModelBusy                  another process holds the machine's compute lease
    │   ├── ModelCrashed               the backend died or answered nonsense
    │   └── ModelChanged               the fingerprint is not the one that the skill or run was measured on
    ├── StoreError                     the database cannot be used
    │   ├── StoreUnavailable           locked, read-only, disk full, unreadable
    │   ├── StoreCorrupt               the file is not a sound database of ours
    │   └── StoreTooNew                written by a newer version of this program
    └── RunError                       a run cannot go on
        ├── LeaseLost                  another process took the run over
        └── ReplayMismatch             the code or the settings changed since the journal was written

A failure of one item (an over-long prompt, a garbled reply) is not an error: it is a failed reply, scored wrong.
"""


class PromptBreederError(Exception):
    """Base of every error raised by this package; `str(error)` is fit to show to a user."""


class InvalidInput(PromptBreederError):
    """The caller's data cannot be used; nothing was stored."""


class NotFound(PromptBreederError):
    """No such skill, version, example, run, call or duel."""


class Conflict(PromptBreederError):
    """The request is sound but the present state does not allow it."""


class NotPromotable(Conflict):
    """The version lacks the evidence that a promotion needs."""


class ModelError(PromptBreederError):
    """A model backend is dead or misconfigured; runs pause on it and can be resumed."""


class ModelUnreachable(ModelError):
    """Nothing answers at the backend's address."""


class ModelMissing(ModelError):
    """The engine or the weights are not installed."""


class WeightsMissing(ModelMissing):
    """The packaged weights are not here; the catalog can fetch them."""


class ModelTimeout(ModelError):
    """The backend gave no answer within its deadline."""


class ModelBusy(ModelError):
    """Another process is computing and did not yield in time."""


class ModelCrashed(ModelError):
    """The backend died or answered in a way that makes no sense."""


class ModelChanged(ModelError):
    """The model is not the one whose measurements are stored."""


class StoreError(PromptBreederError):
    """The database cannot be used."""


class StoreUnavailable(StoreError):
    """The database is locked, read-only, unreadable, or the disk is full."""


class StoreCorrupt(StoreError):
    """The file is not a sound database of this program."""


class StoreTooNew(StoreError):
    """The database was written by a newer version of this program."""


class RunError(PromptBreederError):
    """A run cannot go on."""


class LeaseLost(RunError):
    """Another process owns the run now; this one must stop writing to it."""


class ReplayMismatch(RunError):
    """The journal was written by other code or settings; the run cannot be resumed."""
