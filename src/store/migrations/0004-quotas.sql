-- Buckets of quotas as one gateway last left them, and refills that it has not done yet.

CREATE TABLE quotas (
  quota TEXT NOT NULL,
  holder TEXT NOT NULL,
  unit TEXT NOT NULL,
  balance REAL NOT NULL,
  spent INTEGER NOT NULL,
  at INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  PRIMARY KEY (quota, holder)
);

CREATE TABLE quota_refills (
  id TEXT NOT NULL PRIMARY KEY,
  quota TEXT NOT NULL,
  holder TEXT NOT NULL,
  amount INTEGER NOT NULL,
  at INTEGER NOT NULL
);
