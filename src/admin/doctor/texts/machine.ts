import type { Text } from './text.ts'

export const machine = {
  'machine.node_old': {
    severity: 'warning',
    says: 'Node {version} is older than {floor}, which fixes known vulnerabilities',
    remedy: 'Run the gateway by `npm start`, which brings its own Node, or update Node',
    means:
      'The security releases of January and March 2026 (CVE-2025-59465, CVE-2026-21637 and others) are in 24.14 and later.',
  },
  'machine.disk_full': {
    severity: 'error',
    says: 'only {free} are left on the disk of {path}: soon the ledger cannot be written',
    remedy:
      'Make room: `du -xh --max-depth=2 / | sort -h | tail` finds what takes it, mostly models',
    means:
      'Less than 100 MiB are free. When nothing is left, rows go to memory, and then they are turned away (docs/ledger.md).',
  },
  'machine.disk_low': {
    severity: 'warning',
    says: '{free} are left on the disk of {path}',
    remedy: 'Make room, before the ledger has none: `du -xh --max-depth=2 / | sort -h | tail`',
    means: 'Less than 1 GiB is free on the disk of the data folder.',
  },
  'machine.memory_low': {
    severity: 'warning',
    says: 'only {free} of memory are free: the system may end the gateway or the model server',
    remedy:
      'Load a smaller model or a shorter context, or give the container more; `journalctl -k -g "Out of memory"` shows what was ended',
    means:
      'Less than 256 MiB are available, the limit of a container counted. A model that just fits leaves nothing for the rest.',
  },
  'machine.data_closed': {
    severity: 'error',
    says: 'the user {user} may not write to {path}',
    remedy:
      'Run this as the user of the gateway (`sudo -u postern postern doctor …`); if it is that user, `chown -R {user} {path}`',
    means:
      'Ledger, journal and sockets lie in the data folder. The gateway does not start without it; for `postern doctor` as another user it is not a fault.',
  },
  'machine.data_exposed': {
    severity: 'warning',
    says: 'every user of this machine can read {files} in {path}',
    remedy: '`chmod 700 {path}`, and `chmod go-rwx` on the files',
    means:
      'The gateway makes its files readable for their owner alone. They hold who asked what and when, digests of keys, and the secret that signs browser sessions; a copy or a backup has often lost the mode.',
  },
} as const satisfies Record<string, Text>
