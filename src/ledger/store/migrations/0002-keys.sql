-- API keys, and the public halves of what signs them. A random key has a digest, a signed one a kid.

CREATE TABLE keys (
  id TEXT NOT NULL PRIMARY KEY,
  digest TEXT,
  kid TEXT,
  hint TEXT NOT NULL,
  login TEXT NOT NULL,
  name TEXT NOT NULL,
  models TEXT,
  via TEXT,
  role TEXT,
  created_at INTEGER NOT NULL,
  created_by TEXT NOT NULL,
  expires_at INTEGER,
  revoked_at INTEGER,
  last_used_at INTEGER
);

CREATE UNIQUE INDEX keys_digest ON keys (digest);

CREATE TABLE signing_keys (
  kid TEXT NOT NULL PRIMARY KEY,
  jwk TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  retired_at INTEGER
);
