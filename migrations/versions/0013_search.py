"""Search: the words of every trace, kept in step by triggers"""

from alembic import op

revision = "0013"
down_revision = "0011"
branch_labels = None
depends_on = None

COLUMNS = "name, question, thinking, answer"
# What SQLite calls `spaced` is store.words.spaced, which store.engine gives to each connection.
ADD = f"""INSERT INTO trace_text(rowid, {COLUMNS})
  SELECT trace.id, spaced(trace.external_id), spaced(question.text), spaced(trace.thinking),
    spaced(trace.answer) FROM trace JOIN question ON question.id = trace.question_id"""
ADD_ONE = f"""INSERT INTO trace_text(rowid, {COLUMNS})
  SELECT new.id, spaced(new.external_id), spaced(question.text), spaced(new.thinking),
    spaced(new.answer) FROM question WHERE question.id = new.question_id"""
# An index without a text of its own forgets a row when it is told what stood in it.
FORGET_ONE = f"""INSERT INTO trace_text(trace_text, rowid, {COLUMNS})
  SELECT 'delete', old.id, spaced(old.external_id), spaced(question.text), spaced(old.thinking),
    spaced(old.answer) FROM question WHERE question.id = old.question_id"""
FORGET_OF_QUESTION = f"""INSERT INTO trace_text(trace_text, rowid, {COLUMNS})
  SELECT 'delete', trace.id, spaced(trace.external_id), spaced(old.text), spaced(trace.thinking),
    spaced(trace.answer) FROM trace WHERE trace.question_id = old.id"""
SQLITE = (
    f"""CREATE VIRTUAL TABLE trace_text USING fts5({COLUMNS}, content='',
      tokenize='unicode61 remove_diacritics 2')""",
    ADD,
    f"CREATE TRIGGER trace_text_add AFTER INSERT ON trace BEGIN {ADD_ONE}; END",
    f"CREATE TRIGGER trace_text_forget BEFORE DELETE ON trace BEGIN {FORGET_ONE}; END",
    f"""CREATE TRIGGER trace_text_change
      AFTER UPDATE OF id, external_id, question_id, thinking, answer ON trace
      BEGIN {FORGET_ONE}; {ADD_ONE}; END""",
    f"""CREATE TRIGGER trace_text_question AFTER UPDATE OF text ON question
      BEGIN {FORGET_OF_QUESTION}; {ADD} WHERE question.id = new.id; END""",
)

MARKS = "!\"#$%&''()*+,-./:;<=>?@[\\]^_`{|}~–—‘’“”„…«»、。，！？：；（）「」『』"
UNSPACED = r"\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
# A tsvector holds 1 MiB at most: of longer texts the beginning is searched.
LONGEST = 100_000
WORDS_OF = f"""CREATE FUNCTION trace_words(name text, question text, thinking text, answer text)
  RETURNS tsvector LANGUAGE sql STABLE AS $$ SELECT
    setweight(to_tsvector('simple', search_text(left(name, 500))), 'C')
    || setweight(to_tsvector('simple', search_text(left(question, {LONGEST // 4}))), 'A')
    || setweight(to_tsvector('simple', search_text(left(answer, {LONGEST // 4}))), 'B')
    || to_tsvector('simple', search_text(left(thinking, {LONGEST}))) $$"""
FILL = """INSERT INTO trace_text(trace_id, words)
  SELECT trace.id, trace_words(trace.external_id, question.text, trace.thinking, trace.answer)
    FROM trace JOIN question ON question.id = trace.question_id"""
AGAIN = "ON CONFLICT (trace_id) DO UPDATE SET words = excluded.words"
POSTGRESQL = (
    """CREATE TABLE trace_text (
      trace_id integer CONSTRAINT pk_trace_text PRIMARY KEY
        CONSTRAINT fk_trace_text_trace_id_trace REFERENCES trace (id) ON DELETE CASCADE,
      words tsvector NOT NULL)""",
    WORDS_OF,
    FILL,
    "CREATE INDEX ix_trace_text_words ON trace_text USING gin (words)",
    f"""CREATE FUNCTION trace_text_write() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      {FILL} WHERE trace.id = new.id {AGAIN}; RETURN NULL; END $$""",
    f"""CREATE FUNCTION trace_text_question() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      {FILL} WHERE question.id = new.id {AGAIN}; RETURN NULL; END $$""",
    """CREATE TRIGGER trace_text_write AFTER INSERT OR UPDATE OF external_id, question_id, thinking,
      answer ON trace FOR EACH ROW EXECUTE FUNCTION trace_text_write()""",
    """CREATE TRIGGER trace_text_question AFTER UPDATE OF text ON question
      FOR EACH ROW EXECUTE FUNCTION trace_text_question()""",
)


def upgrade() -> None:
    """Index all traces in one statement: an upgrade that is killed left nothing, and is run anew."""
    op.create_index("ix_question_dataset", "question", ["dataset"])
    op.create_index(
        "ix_annotated_step_run_id_source", "annotated_step", ["run_id", "source", "trace_id"]
    )
    op.drop_index("ix_controlled_label_category_id", "controlled_label")
    op.create_index(
        "ix_controlled_label_category_id_step_id", "controlled_label", ["category_id", "step_id"]
    )
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        statements: tuple[str, ...] = SQLITE
    else:
        utf8 = connection.exec_driver_sql("SHOW server_encoding").scalar_one() == "UTF8"
        statements = (_search_text(utf8), *POSTGRESQL)
    for statement in statements:
        connection.exec_driver_sql(statement.replace("%", "%%"))


def _search_text(utf8: bool) -> str:
    """The words of a text apart: accents gone, characters that are written without spaces alone.

    Only a database in UTF-8 knows what an accent is.
    """
    text = "text"
    if utf8:
        text = rf"normalize(regexp_replace(normalize({text}, NFKD), '[\u0300-\u036f]', '', 'g'))"
    text = f"translate({text}, '{MARKS if utf8 else MARKS[:33]}', repeat(' ', 100))"
    if utf8:
        text = rf"regexp_replace({text}, '([{UNSPACED}\U00020000-\U0003ffff])', ' \1 ', 'g')"
    return f"""CREATE FUNCTION search_text(text text) RETURNS text LANGUAGE sql IMMUTABLE AS
      $$ SELECT {text} $$"""


def downgrade() -> None:
    """Take the change back."""
    if op.get_bind().dialect.name == "sqlite":
        for trigger in ("add", "forget", "change", "question"):
            op.execute(f"DROP TRIGGER trace_text_{trigger}")
        op.execute("DROP TABLE trace_text")
    else:
        op.execute("DROP TRIGGER trace_text_write ON trace")
        op.execute("DROP TRIGGER trace_text_question ON question")
        op.execute("DROP TABLE trace_text")
        for function in ("trace_text_write()", "trace_text_question()"):
            op.execute(f"DROP FUNCTION {function}")
        op.execute("DROP FUNCTION trace_words(text, text, text, text)")
        op.execute("DROP FUNCTION search_text(text)")
    op.drop_index("ix_controlled_label_category_id_step_id", "controlled_label")
    op.create_index("ix_controlled_label_category_id", "controlled_label", ["category_id"])
    op.drop_index("ix_annotated_step_run_id_source", "annotated_step")
    op.drop_index("ix_question_dataset", "question")
