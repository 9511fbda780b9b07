"""The words that a column may hold: modes, polarities, kinds, states, roles."""

from enum import StrEnum


class ThinkingMode(StrEnum):
    """Whether the model was asked to think."""

    ON = "on"
    OFF = "off"


class Polarity(StrEnum):
    """Whether thinking helped (right with it, wrong without) or hurt (the reverse)."""

    POSITIVE = "positive"
    NEGATIVE = "negative"


class RunKind(StrEnum):
    """The stages that leave a run row."""

    IMPORT = "import"
    PAIR = "pair"
    LABEL = "label"
    CLUSTER = "cluster"
    ANNOTATE = "annotate"
    DISTILL = "distill"
    EXPORT = "export"
    TRAIN = "train"
    EVALUATE = "evaluate"


class RunStatus(StrEnum):
    """How a run stands, or how it ended."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    PARTIAL = "partial"
    FAILED = "failed"


class ItemStatus(StrEnum):
    """What became of one trace in one run."""

    DONE = "done"
    INVALID = "invalid"
    FAILED = "failed"


class BatchStatus(StrEnum):
    """How far a batch of requests has come; each step is committed before the next one is taken."""

    PREPARED = "prepared"  # its requests are written down
    UPLOADED = "uploaded"  # the server has the file
    SUBMITTED = "submitted"  # the server has the order
    CLOSED = "closed"  # whatever came of it is kept


class VersionStatus(StrEnum):
    """The life of a taxonomy version."""

    DRAFT = "draft"
    IN_REVIEW = "in_review"
    APPROVED = "approved"
    FROZEN = "frozen"
    SUPERSEDED = "superseded"


class Role(StrEnum):
    """What a person may do; `webapp.serving.permissions` says it action by action."""

    ANNOTATOR = "annotator"
    RESEARCHER = "researcher"
    CURATOR = "curator"
