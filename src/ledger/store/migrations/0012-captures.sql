-- What was asked and answered, where a grant says so: gzipped JSON in base64. The partial indexes are the purge's.
CREATE TABLE captures (
  id TEXT NOT NULL PRIMARY KEY,
  at INTEGER NOT NULL,
  request TEXT,
  response TEXT,
  tools TEXT
);
CREATE INDEX captures_bodies ON captures (at) WHERE request IS NOT NULL OR response IS NOT NULL;
CREATE INDEX captures_tools ON captures (at) WHERE tools IS NOT NULL;
CREATE INDEX captures_empty ON captures (id) WHERE request IS NULL AND response IS NULL AND tools IS NULL;
