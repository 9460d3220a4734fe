-- Headers that the configuration wants requests to be found by, beside the requests that had them.
CREATE TABLE usage_headers (
  name TEXT NOT NULL,
  value TEXT NOT NULL,
  seen_at INTEGER NOT NULL,
  usage_id TEXT NOT NULL,
  PRIMARY KEY (name, value, seen_at, usage_id)
) WITHOUT ROWID;
CREATE INDEX usage_headers_name_seen_at ON usage_headers (name, seen_at, usage_id);
