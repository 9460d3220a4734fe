-- Responses that providers store under ids of their own, with their callers. Removed after the provider removed them.
CREATE TABLE responses (
  id TEXT NOT NULL PRIMARY KEY,
  provider TEXT NOT NULL,
  model TEXT NOT NULL,
  login TEXT NOT NULL,
  at INTEGER NOT NULL,
  settled INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX responses_at ON responses (at);
