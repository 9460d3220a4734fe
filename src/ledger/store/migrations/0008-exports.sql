-- How far exporters are: the last row that the other side has, and what is being sent.
CREATE TABLE exports (
  name TEXT NOT NULL PRIMARY KEY,
  done TEXT,
  done_at INTEGER,
  rows INTEGER NOT NULL DEFAULT 0,
  last TEXT,
  object TEXT,
  batch_rows INTEGER NOT NULL DEFAULT 0
);
