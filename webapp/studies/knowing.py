"""Who may know what people said in a study."""

from sqlmodel import Session

from annotator.agreement.studies import is_done
from store import studies
from store.study_tables import Study
from webapp.dependencies import Visit
from webapp.serving.permissions import Action


def may_know(session: Session, visit: Visit, study: Study) -> bool:
    """Whether the visitor may see what people said: a curator, or one who is done with their own.

    A curator who labels too is blind until they are done.
    """
    person = visit.person(session)
    own = studies.list_assignments(session, study.id, person_id=person.id)
    return is_done(own) if own else visit.may(Action.RUN_STUDIES)
