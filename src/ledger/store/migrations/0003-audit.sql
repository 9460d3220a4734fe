-- Acts on the gateway, allowed or not: who, what, when. Ids are UUIDv7, so their order is that of time.

CREATE TABLE audit (
  id TEXT NOT NULL PRIMARY KEY,
  at INTEGER NOT NULL,
  login TEXT NOT NULL,
  kind TEXT NOT NULL,
  credential_id TEXT NOT NULL,
  door TEXT NOT NULL,
  client_ip TEXT NOT NULL,
  action TEXT NOT NULL,
  target TEXT NOT NULL,
  outcome TEXT NOT NULL,
  detail TEXT NOT NULL,
  request_id TEXT NOT NULL
);
