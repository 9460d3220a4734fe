import type { Text } from './text.ts'

export const ledger = {
  'ledger.damaged': {
    severity: 'error',
    says: '{path} is damaged: {reason}',
    remedy:
      'Stop the gateway; keep the file and its -wal; put a backup in its place, or save what can be read: `sqlite3 postern.db .recover | sqlite3 new.db`',
    means:
      "SQLite's own check found pages that contradict each other, or it is not a database at all. A gateway refuses to start with it and leaves it as it is.",
  },
  'ledger.unreadable': {
    severity: 'unknown',
    says: '{path} could not be looked at: {reason}',
    remedy: 'Run this as the user of the gateway',
    means: 'Mostly a matter of rights.',
  },
  'ledger.unchecked': {
    severity: 'unknown',
    says: '{path} is too large to be gone through in time',
    remedy: "Check it at leisure: `sqlite3 {path} 'PRAGMA quick_check'`",
    means: 'The check reads the whole file, and is broken off after 2.5 seconds.',
  },
  'ledger.away': {
    severity: 'error',
    says: 'the database does not answer: {reason}',
    remedy:
      'A server: is it up, is "database.url" right, and is the token that "database.auth_token" names still good? A file: is it locked by another program (`fuser -v`)?',
    means:
      'Requests are answered all the same; rows wait in the journal, and bans and keys are as they were last read.',
  },
  'ledger.journal': {
    severity: 'warning',
    says: '{size} of rows wait in the journal for the database',
    remedy:
      'See what is said of the database here; they move over by themselves when it answers (docs/ledger.md)',
    means:
      'The journal is empty when all is well. More than 1 MiB has waited for longer than a moment.',
  },
  'ledger.journal_full': {
    severity: 'error',
    says: 'the journal is nearly full ({size} of {most}): then rows are turned away',
    remedy:
      'Bring the database back now, or make room on its disk; restart of the gateway loses nothing',
    means:
      'The database has been away for long. What does not fit is missing from the ledger, and from budgets.',
  },
  'ledger.rejected': {
    severity: 'warning',
    says: '{size} of rows were refused by the database for good, and lie in ledger.rejected',
    remedy:
      'Look at them, one JSON text a line, and at `ledger.refused` in the log; then move the file away',
    means: 'There are none unless something is wrong. They are in no sum.',
  },
} as const satisfies Record<string, Text>
