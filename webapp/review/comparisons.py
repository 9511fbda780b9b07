"""What other clusterings would change in a review: worked out once a revision, and kept."""

from collections import OrderedDict
from threading import Lock

from sqlmodel import Session

from store.taxonomies import get_head
from taxonomy.review.reclustering import Comparison, compare_whole

KEPT = 4

Key = tuple[int, int, int]


class Comparisons:
    """Keeps the newest ones; whoever asks for one that is being worked out waits for it."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Key, Comparison] = OrderedDict()
        self._lock = Lock()

    def get(self, session: Session, version_id: int, run_id: int) -> Comparison:
        """What the version would become on the clusters of the run.

        Raises:
            NotFound: there is no such version or cluster run.
            InvalidInput: the run did not succeed.
        """
        key = (version_id, get_head(session, version_id).revision, run_id)
        with self._lock:
            if key not in self._kept:
                self._kept[key] = compare_whole(session, version_id, run_id)
                while len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
            return self._kept[key]
