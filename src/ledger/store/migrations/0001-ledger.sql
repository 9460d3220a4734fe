-- The ledger. Times are wall-clock milliseconds since the epoch, durations milliseconds.
-- Statements end with a semicolon at the end of a line; that is where they are split.

CREATE TABLE usage (
  id TEXT NOT NULL PRIMARY KEY,
  started_at INTEGER NOT NULL,
  login TEXT NOT NULL,
  kind TEXT NOT NULL,
  credential_id TEXT NOT NULL,
  node TEXT,
  door TEXT NOT NULL,
  client_ip TEXT NOT NULL,
  user_agent TEXT NOT NULL,
  label TEXT,
  dialect TEXT NOT NULL,
  route TEXT NOT NULL,
  model TEXT,
  provider TEXT,
  upstream_model TEXT,
  status INTEGER NOT NULL,
  outcome TEXT NOT NULL,
  input_tokens INTEGER NOT NULL,
  output_tokens INTEGER NOT NULL,
  cached_tokens INTEGER NOT NULL,
  reasoning_tokens INTEGER NOT NULL,
  tokens_source TEXT NOT NULL,
  cost_nanousd INTEGER,
  bytes_in INTEGER NOT NULL,
  bytes_out INTEGER NOT NULL,
  first_byte_ms INTEGER,
  duration_ms INTEGER NOT NULL,
  overhead_us INTEGER NOT NULL,
  session_id TEXT,
  request_id TEXT NOT NULL
);

CREATE INDEX usage_started_at ON usage (started_at);
CREATE INDEX usage_login_started_at ON usage (login, started_at);
CREATE INDEX usage_model_started_at ON usage (model, started_at);

CREATE TABLE auth_failures (
  id TEXT NOT NULL PRIMARY KEY,
  at INTEGER NOT NULL,
  client_ip TEXT NOT NULL,
  user TEXT NOT NULL,
  reason TEXT NOT NULL,
  route TEXT NOT NULL,
  request_id TEXT NOT NULL
);

CREATE INDEX auth_failures_at ON auth_failures (at);
CREATE INDEX auth_failures_client_ip_at ON auth_failures (client_ip, at);

CREATE TABLE bans (
  address TEXT NOT NULL PRIMARY KEY,
  cause TEXT NOT NULL,
  level INTEGER NOT NULL,
  started_at INTEGER NOT NULL,
  until INTEGER,
  note TEXT NOT NULL
);
