"""What can go wrong between a request and its reply, sorted by what the caller can do about it."""

from store.errors import MralignError


class ChatFault(MralignError):
    """One request got no reply."""


class TransientFault(ChatFault):
    """The same request may succeed later.

    `retry_after_s` is the wait that the server asked for; `billed` says that the server may have
    done the work although no reply came, `crowded` that it had too much to do.
    """

    def __init__(
        self,
        message: str,
        *,
        retry_after_s: float | None = None,
        billed: bool = False,
        crowded: bool = False,
    ) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        self.billed, self.crowded = billed, crowded


class RequestRejected(ChatFault):
    """The server will never take this request; others may succeed."""


class EndpointUnusable(MralignError):
    """No request will succeed: the key, the model, the quota, or a server that stays down."""


class BudgetSpent(MralignError):
    """The next request could pass the cap of the run; what was paid for is kept."""


class RepliesPending(MralignError):
    """What was asked is under way in batches, and nobody wants to wait here for the replies."""
