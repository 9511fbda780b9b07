"""Search: SQLite itself sees that a text is ASCII, and asks Python to cut up the others only"""

import re

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

TRIGGERS = r"""SELECT name, sql FROM sqlite_master
  WHERE type = 'trigger' AND name IN ('trace_text_add', 'trace_text_forget', 'trace_text_change',
    'trace_text_question')"""
CALL = re.compile(r"spaced\(([a-z_.]+)\)")
# A text whose bytes are as many as its characters is ASCII, and is its own words.
CASE = r"CASE length(\1) WHEN length(CAST(\1 AS BLOB)) THEN \1 ELSE spaced(\1) END"
WRITTEN = re.compile(
    r"CASE length\(([a-z_.]+)\) WHEN length\(CAST\(\1 AS BLOB\)\) THEN \1 ELSE spaced\(\1\) END"
)


def _rewrite(pattern: re.Pattern[str], replacement: str) -> None:
    """Write the triggers anew; what they put into the index stays the same."""
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        for name, sql in connection.exec_driver_sql(TRIGGERS).all():
            connection.exec_driver_sql(f"DROP TRIGGER {name}")
            connection.exec_driver_sql(pattern.sub(replacement, sql))


def upgrade() -> None:
    """Apply the change."""
    _rewrite(CALL, CASE)


def downgrade() -> None:
    """Take the change back."""
    _rewrite(WRITTEN, r"spaced(\1)")
