-- Buckets of quotas as their charges left them, and refills that no gateway has done yet.

CREATE TABLE quotas (
  quota TEXT NOT NULL,
  holder TEXT NOT NULL,
  unit TEXT NOT NULL,
  balance REAL NOT NULL,
  spent INTEGER NOT NULL,
  capacity INTEGER NOT NULL,
  rate REAL NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (quota, holder)
);

CREATE TABLE quota_refills (
  id TEXT NOT NULL PRIMARY KEY,
  quota TEXT NOT NULL,
  holder TEXT NOT NULL,
  amount INTEGER NOT NULL,
  at INTEGER NOT NULL
);
