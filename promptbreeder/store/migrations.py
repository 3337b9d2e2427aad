"""The schema, as the steps that led to it. A released step is never edited; a change is a new step.

All tables are STRICT and made here: `sqlite_utils` would otherwise create a table for a mistyped name. What must never
change (versions, votes, outcomes, events) is guarded by triggers, so that no code of ours can do it by mistake.
"""

from sqlite_utils import Database, Migrations

MIGRATIONS = Migrations("promptbreeder")
SCHEMA_VERSION = 6

_SCHEMA_1 = """
CREATE TABLE skills (
    name TEXT PRIMARY KEY,
    body TEXT NOT NULL,
    created_at REAL NOT NULL
) STRICT;

CREATE TABLE examples (
    id INTEGER PRIMARY KEY,
    skill TEXT NOT NULL REFERENCES skills(name),
    input_hash TEXT NOT NULL,
    input TEXT NOT NULL,
    expected TEXT,
    split TEXT NOT NULL CHECK (split IN ('train', 'search', 'gate')),
    created_at REAL NOT NULL,
    retired_at REAL,
    UNIQUE (skill, input_hash)
) STRICT;
CREATE INDEX examples_by_split ON examples (skill, split, input_hash) WHERE retired_at IS NULL;

CREATE TABLE versions (
    skill TEXT NOT NULL REFERENCES skills(name),
    n INTEGER NOT NULL CHECK (n >= 1),
    content_hash TEXT NOT NULL,
    prompt TEXT NOT NULL,
    origin TEXT NOT NULL CHECK (origin IN ('human', 'evolved', 'assistant', 'import')),
    parents TEXT NOT NULL,
    operator TEXT NOT NULL,
    run_id TEXT,
    calibration TEXT,
    created_at REAL NOT NULL,
    PRIMARY KEY (skill, n),
    UNIQUE (skill, content_hash)
) STRICT;

CREATE TABLE evaluations (
    skill TEXT NOT NULL,
    version INTEGER NOT NULL,
    split TEXT NOT NULL,
    decoding TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    scores TEXT NOT NULL,
    example_ids TEXT NOT NULL,
    fresh_tokens INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL,
    unparsable INTEGER NOT NULL,
    created_at REAL NOT NULL,
    PRIMARY KEY (skill, version, split, decoding, fingerprint),
    FOREIGN KEY (skill, version) REFERENCES versions(skill, n)
) STRICT;

CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    ts REAL NOT NULL,
    skill TEXT,
    kind TEXT NOT NULL,
    actor TEXT NOT NULL,
    client TEXT NOT NULL,
    reason TEXT NOT NULL,
    before INTEGER,
    after INTEGER,
    data TEXT NOT NULL,
    prev_hash TEXT NOT NULL,
    hash TEXT NOT NULL
) STRICT;
CREATE INDEX events_by_skill ON events (skill, id);

CREATE TABLE skill_state (
    skill TEXT PRIMARY KEY REFERENCES skills(name),
    production INTEGER NOT NULL
) STRICT;

CREATE TABLE runs (
    run_id TEXT PRIMARY KEY,
    skill TEXT NOT NULL REFERENCES skills(name),
    kind TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('queued', 'running', 'paused', 'cancelled', 'failed', 'finished')),
    config TEXT NOT NULL,
    seed INTEGER NOT NULL,
    fingerprint TEXT NOT NULL,
    owner TEXT,
    fence INTEGER NOT NULL DEFAULT 0,
    lease_until REAL NOT NULL DEFAULT 0,
    cancel_requested INTEGER NOT NULL DEFAULT 0,
    progress TEXT,
    result TEXT,
    error TEXT,
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL
) STRICT;
CREATE UNIQUE INDEX one_live_run ON runs (skill) WHERE status IN ('queued', 'running', 'paused');

CREATE TABLE run_journal (
    run_id TEXT NOT NULL REFERENCES runs(run_id),
    n INTEGER NOT NULL,
    ask_kind TEXT NOT NULL,
    ask_hash TEXT NOT NULL,
    answer TEXT NOT NULL,
    created_at REAL NOT NULL,
    PRIMARY KEY (run_id, n)
) STRICT;

CREATE TABLE units (
    run_id TEXT NOT NULL REFERENCES runs(run_id),
    generation INTEGER NOT NULL,
    slot INTEGER NOT NULL,
    content_hash TEXT NOT NULL,
    instruction TEXT NOT NULL,
    mutation_prompt TEXT NOT NULL,
    operator TEXT NOT NULL,
    parents TEXT NOT NULL,
    fitness REAL,
    PRIMARY KEY (run_id, generation, slot)
) STRICT;

CREATE TABLE immigrants (
    id INTEGER PRIMARY KEY,
    run_id TEXT NOT NULL REFERENCES runs(run_id),
    prompt TEXT NOT NULL,
    created_at REAL NOT NULL,
    consumed_at REAL
) STRICT;

CREATE TABLE reply_cache (
    key TEXT PRIMARY KEY,
    reply TEXT NOT NULL,
    last_used REAL NOT NULL
) STRICT;
CREATE INDEX replies_by_use ON reply_cache (last_used);

CREATE TABLE calls (
    call_id TEXT PRIMARY KEY,
    skill TEXT NOT NULL REFERENCES skills(name),
    version INTEGER NOT NULL,
    input TEXT NOT NULL,
    answer TEXT NOT NULL,
    created_at REAL NOT NULL
) STRICT;

CREATE TABLE duels (
    duel_id TEXT PRIMARY KEY,
    skill TEXT NOT NULL REFERENCES skills(name),
    a_version INTEGER NOT NULL,
    b_version INTEGER NOT NULL,
    input TEXT NOT NULL,
    answer_a TEXT NOT NULL,
    answer_b TEXT NOT NULL,
    created_at REAL NOT NULL,
    expires_at REAL NOT NULL
) STRICT;

CREATE TABLE votes (
    duel_id TEXT PRIMARY KEY REFERENCES duels(duel_id),
    choice TEXT NOT NULL CHECK (choice IN ('A', 'B', 'tie')),
    voter TEXT NOT NULL CHECK (voter IN ('human', 'assistant')),
    client TEXT NOT NULL,
    comment TEXT NOT NULL,
    created_at REAL NOT NULL
) STRICT;
"""


@MIGRATIONS()
def m001_first(db: Database) -> None:
    """Lay out the first schema."""
    # Statement by statement: executescript would commit the transaction that guards against servers starting together.
    for statement in _SCHEMA_1.split(";\n"):
        if statement.strip():
            db.execute(statement)
    for table in ("versions", "votes", "events"):
        for change in ("UPDATE", "DELETE"):
            db.execute(
                f"CREATE TRIGGER {table}_no_{change.lower()} BEFORE {change} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} never change'); END"
            )


@MIGRATIONS()
def m002_examples_can_be_corrected(db: Database) -> None:
    """Let an input have retired rows beside the one in use, and rows be emptied; ids stay as they are."""
    # SQLite cannot drop the UNIQUE of a table: the table is made anew.
    for statement in (
        """
        CREATE TABLE examples_2 (
            id INTEGER PRIMARY KEY,
            skill TEXT NOT NULL REFERENCES skills(name),
            input_hash TEXT NOT NULL,
            input TEXT NOT NULL,
            expected TEXT,
            split TEXT NOT NULL CHECK (split IN ('train', 'search', 'gate')),
            created_at REAL NOT NULL,
            retired_at REAL,
            deleted_at REAL CHECK (deleted_at IS NULL OR (retired_at IS NOT NULL AND input = '' AND expected IS NULL))
        ) STRICT
        """,
        """
        INSERT INTO examples_2 (id, skill, input_hash, input, expected, split, created_at, retired_at)
        SELECT id, skill, input_hash, input, expected, split, created_at, retired_at FROM examples
        """,
        "DROP TABLE examples",
        "ALTER TABLE examples_2 RENAME TO examples",
        "CREATE INDEX examples_by_split ON examples (skill, split, input_hash) WHERE retired_at IS NULL",
        "CREATE INDEX examples_by_input ON examples (skill, input_hash)",
        "CREATE UNIQUE INDEX one_example_in_use ON examples (skill, input_hash) WHERE retired_at IS NULL",
    ):
        db.execute(statement)


@MIGRATIONS()
def m003_outcomes(db: Database) -> None:
    """Let calls have outcomes, and the monitor remember what it saw and who is checking."""
    for statement in (
        """
        CREATE TABLE outcomes (
            id INTEGER PRIMARY KEY,
            call_id TEXT NOT NULL UNIQUE REFERENCES calls(call_id),
            skill TEXT NOT NULL REFERENCES skills(name),
            version INTEGER NOT NULL,
            correct INTEGER NOT NULL CHECK (correct IN (0, 1)),
            example INTEGER REFERENCES examples(id),
            note TEXT NOT NULL,
            actor TEXT NOT NULL,
            client TEXT NOT NULL,
            after_event INTEGER NOT NULL,
            created_at REAL NOT NULL
        ) STRICT
        """,
        "CREATE INDEX outcomes_by_version ON outcomes (skill, version, id)",
        """
        CREATE TABLE monitor (
            skill TEXT PRIMARY KEY REFERENCES skills(name),
            checked_at REAL NOT NULL,
            model TEXT,
            seen TEXT NOT NULL,
            last_outcome INTEGER NOT NULL,
            state TEXT NOT NULL,
            action TEXT NOT NULL,
            sentence TEXT NOT NULL,
            evolution_started REAL
        ) STRICT
        """,
        """
        CREATE TABLE leases (
            name TEXT PRIMARY KEY,
            owner TEXT NOT NULL,
            lease_until REAL NOT NULL
        ) STRICT
        """,
    ):
        db.execute(statement)
    for change in ("UPDATE", "DELETE"):
        db.execute(
            f"CREATE TRIGGER outcomes_no_{change.lower()} BEFORE {change} ON outcomes "
            f"BEGIN SELECT RAISE(ABORT, 'outcomes never change'); END"
        )


@MIGRATIONS()
def m004_headroom(db: Database) -> None:
    """Remember the last headroom check of each skill."""
    db.execute(
        """
        CREATE TABLE headroom (
            skill TEXT PRIMARY KEY REFERENCES skills(name),
            version INTEGER NOT NULL,
            fingerprint TEXT NOT NULL,
            example_ids TEXT NOT NULL,
            body TEXT NOT NULL,
            created_at REAL NOT NULL
        ) STRICT
        """
    )


@MIGRATIONS()
def m005_patterns(db: Database) -> None:
    """Let finished runs leave behind which patterns their winners had."""
    db.execute(
        """
        CREATE TABLE patterns (
            run_id TEXT NOT NULL REFERENCES runs(run_id),
            pattern TEXT NOT NULL,
            skill TEXT NOT NULL REFERENCES skills(name),
            family TEXT NOT NULL,
            won INTEGER NOT NULL CHECK (won IN (0, 1)),
            gain REAL,
            created_at REAL NOT NULL,
            PRIMARY KEY (run_id, pattern)
        ) STRICT
        """
    )


@MIGRATIONS()
def m006_what_counts_for_what(db: Database) -> None:
    """Let an evaluation tell which answers were unparsable, and a duel on what it was fought; NULL: not kept then.

    Duels are looked up by skill, with each answer of production that offers one.
    """
    db.execute("ALTER TABLE evaluations ADD COLUMN unparsable_ids TEXT")
    db.execute("ALTER TABLE duels ADD COLUMN answered_by TEXT")
    db.execute("CREATE INDEX duels_by_skill ON duels (skill)")
