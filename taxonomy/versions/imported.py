"""A draft of a vocabulary that was read from a file."""

from dataclasses import asdict

from sqlmodel import Session

from store.errors import InvalidInput
from store.labels import label_key
from store.reviews import append_event
from store.tables import TaxonomyVersion
from taxonomy.review.standing import stand
from taxonomy.versions.lifecycle import create_draft
from taxonomy.vocabulary.skos_reading import ReadVocabulary


def create_imported(
    session: Session, name: str, read: ReadVocabulary, cluster_run_id: int | None = None
) -> tuple[TaxonomyVersion, int]:
    """A draft of a vocabulary that was read, and how many labels its names decide about.

    Raises:
        Conflict: a version has this name already. NotFound: there is no such cluster run.
    """
    texts = [{**asdict(text), "examples": list(text.examples)} for text in read.categories]
    version = create_draft(
        session,
        name,
        cluster_run_id=cluster_run_id,
        categories=texts,
    )
    known = stand(session, version).state.anchors
    placed = 0
    for category, names in read.labels.items():
        folded = {key for text in names if (key := _find_key(text))}
        keys = sorted(folded & known.keys())
        if keys:
            payload = {"labels": keys, "category": category}
            append_event(session, version, "assign", payload, None, "imported")
            placed += len(keys)
    return version, placed


def _find_key(text: str) -> str | None:
    try:
        return label_key(text)
    except InvalidInput:
        return None
