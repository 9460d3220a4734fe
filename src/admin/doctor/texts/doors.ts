import type { Text } from './text.ts'

export const doors = {
  'doors.conflict': {
    severity: 'error',
    says: '{message}',
    remedy: '{remedy}',
    means:
      'Configuration and tailscaled contradict each other in a way that would open a door unguarded, or keep the gateway from starting: tailscaled older than 1.102.2 with a public mode, a public mode without a user, Funnel on while the mode says `serve`, a tailscaled without a network device (which makes every loopback port reachable from the tailnet), a port that tailscaled has taken, a listener at an address of another node, bytes passed on past the identity headers. The gateway refuses to start; a running one believes nobody on a listener to which tailscaled leads others, from the first request on, until that door is gone.',
  },
  'doors.doubt': {
    severity: 'warning',
    says: '{message}',
    remedy: '{remedy}',
    means:
      'Configuration and tailscaled do not say the same: tailscaled does not answer, is not connected, is old, or leads nobody (or the wrong way) to us. Nothing is open that should not be.',
  },
  'doors.obstacle': {
    severity: 'error',
    says: '{message}',
    remedy: '{remedy}',
    means:
      'The tailnet does not give this node what the door needs: MagicDNS (a name), HTTPS certificates, the `funnel` attribute in the policy file, one of the ports 443, 8443 and 10000.',
  },
  'doors.key_expired': {
    severity: 'error',
    says: 'the key of this node expired on {date}: the tailnet does not let it in any more',
    remedy:
      'Run `tailscale up --force-reauth`, and turn key expiry off for this machine: https://login.tailscale.com/admin/machines',
    means:
      'A node must prove itself anew every 180 days or so, unless its key does not expire. Both doors are closed.',
  },
  'doors.key_expiring': {
    severity: 'warning',
    says: 'the key of this node expires on {date}, in {days} days: then nobody gets here by the tailnet or Funnel',
    remedy:
      'Turn key expiry off for this machine (https://login.tailscale.com/admin/machines), tag it, or run `tailscale up --force-reauth` before',
    means: 'Less than 14 days are left.',
  },
} as const satisfies Record<string, Text>
