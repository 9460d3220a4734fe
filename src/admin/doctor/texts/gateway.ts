import type { Text } from './text.ts'

export const gateway = {
  'gateway.stopped': {
    severity: 'warning',
    says: 'no gateway runs: nobody listens at {address}, and nobody holds {data}',
    remedy:
      'Start it: `npm start`, `postern up`, or `systemctl start postern`; `journalctl -u postern -n 50` says why it ended',
    means:
      'What stands in front (tailscaled, Caddy) answers 502 meanwhile. What else is found holds for the time when it runs.',
  },
  'gateway.silent': {
    severity: 'error',
    says: 'the gateway runs, but does not listen at {address} ({code})',
    remedy:
      'It kept an older configuration: look for `config.error` in its log, and restart it; a socket file that was deleted needs a restart, too',
    means:
      'A gateway holds the data folder, so it runs; but this listener of the configuration is not open. What stands in front of it answers 502.',
  },
  'gateway.hangs': {
    severity: 'error',
    says: 'what listens at {address} takes the connection and does not answer',
    remedy:
      'Restart it; if it happens again, its log and `postern_…` in /metrics say what it was at',
    means: 'No answer to `/readyz` within two seconds.',
  },
  'gateway.not_ready': {
    severity: 'error',
    says: 'the gateway at {address} answers 503 to /readyz: {part} fails',
    remedy:
      '`database`: see what is said of the ledger here; `shutdown`: it is ending its last answers, start it again',
    means:
      '`/readyz` names the part that keeps the gateway from doing its work. Requests are still answered while the database is away.',
  },
  'gateway.redis_away': {
    severity: 'warning',
    says: 'the Redis at {address} cannot be used: {reason}',
    remedy:
      'Start it (`systemctl status redis-server`, or valkey-server), and let the user write keys and use channels that begin with "redis.prefix"; or correct "redis" in the configuration and restart the gateway',
    means:
      'It is tried with a connection of its own. `WRONGPASS` and `NOAUTH`: the password is another one; `READONLY`: it is a replica; `NOPERM`: the user may not do what is needed. Requests are served, but each gateway counts limits and wrong passwords for itself.',
  },
  'gateway.alone': {
    severity: 'warning',
    says: 'the gateway at {address} counts limits for itself: it cannot use its Redis',
    remedy: 'Restart it, if "redis" was changed since it started; `redis.away` in its log says why',
    means:
      'Its `/readyz` says so (`"degraded": [{"part": "redis"}]`), and the Redis of the configuration answers here. The gateway reads that part of the configuration at the start only.',
  },
  'gateway.address_taken': {
    severity: 'error',
    says: 'another program listens at {address}: what it answers is not ours',
    remedy:
      'Find it (`ss -ltnp`) and stop it, or change "bind" of listener {listener}; open wide, 443 is often tailscaled\'s or Caddy\'s',
    means:
      'The gateway cannot have this address, and whoever connects there speaks with somebody else.',
  },
  'gateway.elsewhere': {
    severity: 'warning',
    says: 'a Postern answers at {address}, but not the one of {data}',
    remedy: 'Name its data folder with --data (or $POSTERN_DATA), and its file with --config',
    means:
      'The address is in the hands of a gateway with another data folder: what is said of ledger and bans here is not what that one knows.',
  },
  'gateway.foreign_address': {
    severity: 'error',
    says: 'listener {listener} binds {address}, which is not an address of this machine',
    remedy: 'Change "bind" to one of {addresses}, or bring up the network it belongs to',
    means:
      'The gateway does not start with such a listener. An address of the tailnet is there only while tailscaled runs with a network device.',
  },
  'gateway.closed': {
    severity: 'unknown',
    says: 'the user {user} may not connect to {address}',
    remedy: 'Run this as the user of the gateway, or as root',
    means: 'Sockets of the gateway are for its own user and group.',
  },
} as const satisfies Record<string, Text>
