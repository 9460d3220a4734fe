-- Responses that providers keep under ids of their own, and whose they are. Removed some time after the provider forgot.
CREATE TABLE responses (
  id TEXT NOT NULL PRIMARY KEY,
  provider TEXT NOT NULL,
  model TEXT NOT NULL,
  login TEXT NOT NULL,
  at INTEGER NOT NULL,
  settled INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX responses_at ON responses (at);
