-- Browsers that somebody signed in with. What they hold is signed and nowhere else; here is when it stopped to count.
CREATE TABLE browsers (
  id TEXT NOT NULL PRIMARY KEY,
  login TEXT NOT NULL,
  user_agent TEXT NOT NULL,
  door TEXT NOT NULL,
  client_ip TEXT NOT NULL,
  started_at INTEGER NOT NULL,
  ended_at INTEGER
);
CREATE INDEX browsers_login_started_at ON browsers (login, started_at);
CREATE INDEX browsers_ended_at ON browsers (ended_at) WHERE ended_at IS NOT NULL;
