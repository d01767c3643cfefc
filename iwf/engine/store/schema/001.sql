-- Rows of iwf/mapping/rows.py.  Texts and numbers are columns of their own, values are JSON.

CREATE TABLE delivery (
    id         TEXT PRIMARY KEY,
    key        TEXT NOT NULL,
    lane       TEXT NOT NULL,
    state      TEXT NOT NULL,
    created    REAL NOT NULL,
    forget_at  REAL NOT NULL,
    sender     TEXT NOT NULL,
    due        REAL,
    failure    TEXT
) WITHOUT ROWID;
CREATE INDEX delivery_key ON delivery (key) WHERE key != '';
CREATE INDEX delivery_due ON delivery (due) WHERE due IS NOT NULL;
CREATE INDEX delivery_forget ON delivery (forget_at);

CREATE TABLE part (
    peer       TEXT NOT NULL,
    ref        TEXT NOT NULL,
    delivery   TEXT NOT NULL,
    forget_at  REAL NOT NULL,
    outcome    TEXT NOT NULL,
    failure    TEXT,
    displayed_at REAL,
    PRIMARY KEY (peer, ref)
) WITHOUT ROWID;
CREATE INDEX part_delivery ON part (delivery);

CREATE TABLE early (
    peer       TEXT NOT NULL,
    ref        TEXT NOT NULL,
    outcome    TEXT NOT NULL,
    receipt    TEXT NOT NULL,
    forget_at  REAL NOT NULL,
    PRIMARY KEY (peer, ref, outcome)
) WITHOUT ROWID;
CREATE INDEX early_forget ON early (forget_at);

-- One tree only, since every message passes through it twice.  seq is the order in which items
-- leave; a retried item keeps its own.
CREATE TABLE outbox (
    id         TEXT PRIMARY KEY,
    lane       TEXT NOT NULL,
    stream     TEXT NOT NULL,
    delivery   TEXT NOT NULL,
    created    REAL NOT NULL,
    attempts   INTEGER NOT NULL,
    not_before REAL NOT NULL,
    expires_at REAL,
    payload    TEXT NOT NULL,
    sender     TEXT,
    seq        INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE lease (
    phone        TEXT NOT NULL,
    number       TEXT NOT NULL,
    contact      TEXT NOT NULL,
    pool         TEXT NOT NULL,
    first_used   REAL NOT NULL,
    last_used    REAL NOT NULL,
    forget_at    REAL NOT NULL,
    conversation TEXT NOT NULL,
    serial       INTEGER NOT NULL,
    PRIMARY KEY (phone, number),
    UNIQUE (phone, contact, pool)
) WITHOUT ROWID;
CREATE INDEX lease_forget ON lease (forget_at);
CREATE INDEX lease_contact ON lease (contact);
CREATE INDEX lease_number ON lease (number);

CREATE TABLE counter (
    pool  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE spelling (
    address TEXT PRIMARY KEY,
    text    TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE conversation (
    token     TEXT PRIMARY KEY,
    pair      TEXT NOT NULL,
    name      TEXT NOT NULL,
    forget_at REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX conversation_forget ON conversation (forget_at);

CREATE TABLE habit (
    pair      TEXT PRIMARY KEY,
    forget_at REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX habit_forget ON habit (forget_at);

CREATE TABLE noticed (
    phone     TEXT NOT NULL,
    contact   TEXT NOT NULL,
    forget_at REAL NOT NULL,
    PRIMARY KEY (phone, contact)
) WITHOUT ROWID;
CREATE INDEX noticed_forget ON noticed (forget_at);

CREATE TABLE fragment (
    reference TEXT PRIMARY KEY,
    message   TEXT NOT NULL,
    total     INTEGER NOT NULL,
    pieces    TEXT NOT NULL,
    due       REAL,
    forget_at REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX fragment_due ON fragment (due) WHERE due IS NOT NULL;
CREATE INDEX fragment_forget ON fragment (forget_at);

-- What edges want back after a restart.
CREATE TABLE remembered (
    edge      TEXT NOT NULL,
    key       TEXT NOT NULL,
    text      TEXT NOT NULL,
    forget_at REAL NOT NULL,
    PRIMARY KEY (edge, key)
) WITHOUT ROWID;
CREATE INDEX remembered_forget ON remembered (forget_at);

CREATE TABLE watch (
    watcher         TEXT NOT NULL,
    presentity      TEXT NOT NULL,
    tenant          TEXT NOT NULL,
    state           TEXT NOT NULL,
    changed         REAL NOT NULL,
    watcher_lane    TEXT NOT NULL,
    presentity_lane TEXT NOT NULL,
    asking          INTEGER NOT NULL,
    shown           TEXT NOT NULL,
    due             REAL,
    failure         TEXT,
    PRIMARY KEY (watcher, presentity, tenant)
) WITHOUT ROWID;
CREATE INDEX watch_presentity ON watch (presentity);
CREATE INDEX watch_watcher_lane ON watch (watcher_lane);
CREATE INDEX watch_presentity_lane ON watch (presentity_lane);
CREATE INDEX watch_due ON watch (due) WHERE due IS NOT NULL;

CREATE TABLE leg (
    id         TEXT PRIMARY KEY,
    watcher    TEXT NOT NULL,
    presentity TEXT NOT NULL,
    tenant     TEXT NOT NULL,
    lane       TEXT NOT NULL,
    instance   TEXT NOT NULL,
    due        REAL
) WITHOUT ROWID;
CREATE INDEX leg_pair ON leg (watcher, presentity);
CREATE INDEX leg_due ON leg (due) WHERE due IS NOT NULL;

CREATE TABLE pace (
    stream   TEXT PRIMARY KEY,
    delivery TEXT NOT NULL,
    due      REAL,
    text     TEXT,
    lane     TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX pace_delivery ON pace (delivery);
CREATE INDEX pace_due ON pace (due) WHERE due IS NOT NULL;

CREATE TABLE parked (
    id       TEXT PRIMARY KEY,
    lane     TEXT NOT NULL,
    stream   TEXT NOT NULL,
    delivery TEXT NOT NULL,
    created  REAL NOT NULL,
    payload  TEXT NOT NULL,
    due      REAL,
    place    INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX parked_stream ON parked (stream);
CREATE INDEX parked_due ON parked (due) WHERE due IS NOT NULL;

CREATE TABLE account (
    phone  TEXT PRIMARY KEY,
    user   TEXT NOT NULL,
    lane   TEXT NOT NULL UNIQUE,
    tenant TEXT NOT NULL
) WITHOUT ROWID;

-- What phones have told the service number.
CREATE TABLE subscriber (
    phone      TEXT NOT NULL,
    tenant     TEXT NOT NULL,
    lane       TEXT NOT NULL,
    name       TEXT NOT NULL,
    language   TEXT NOT NULL,
    registered INTEGER NOT NULL,
    online     INTEGER NOT NULL,
    reachable  INTEGER NOT NULL,
    status     TEXT NOT NULL,
    changed    REAL NOT NULL,
    due        REAL,
    PRIMARY KEY (phone, tenant)
) WITHOUT ROWID;
CREATE INDEX subscriber_due ON subscriber (due) WHERE due IS NOT NULL;

CREATE TABLE optout (
    phone   TEXT NOT NULL,
    tenant  TEXT NOT NULL,
    contact TEXT NOT NULL,
    since   REAL NOT NULL,
    PRIMARY KEY (phone, tenant, contact)
) WITHOUT ROWID;

CREATE TABLE quota (
    name      TEXT PRIMARY KEY,
    used      INTEGER NOT NULL,
    forget_at REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX quota_forget ON quota (forget_at);
