-- Configurations that were put in force, their secrets as marks. Times can go back, so numbers tell the order.
CREATE TABLE config_versions (
  number INTEGER NOT NULL PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  at INTEGER NOT NULL,
  login TEXT NOT NULL,
  request_id TEXT NOT NULL,
  changes TEXT NOT NULL,
  config TEXT NOT NULL
);
