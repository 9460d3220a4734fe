import type { Text } from './text.ts'

export const webui = {
  'webui.unreachable': {
    severity: 'error',
    says: 'Open WebUI does not answer at {address}: {reason}',
    remedy:
      'Start it (`docker compose up -d open-webui`, `docker logs open-webui` says why it ended), or correct "webui.url"',
    means:
      'Browsers get our page that says so, with status 502. The API of models works meanwhile.',
  },
  'webui.another': {
    severity: 'error',
    says: 'what answers at {address} is not Open WebUI',
    remedy:
      'Correct "webui.url": 3000 is the usual port of its container, 8080 of `open-webui serve`',
    means: 'It does not answer `/api/config` as Open WebUI does.',
  },
  'webui.old': {
    severity: 'warning',
    says: 'Open WebUI {version} is older than {floor}, which fixes known vulnerabilities',
    remedy: 'Update it: `docker compose pull open-webui && docker compose up -d open-webui`',
    means: 'CVE-2026-45339, CVE-2026-45400 and CVE-2026-45401.',
  },
  'webui.websocket': {
    severity: 'error',
    says: 'Open WebUI refuses WebSockets of pages from {origin} ({status}): chats stay empty or come in one piece',
    remedy:
      'Add that origin to its CORS_ALLOW_ORIGIN (several with semicolons), and see that ENABLE_WEBSOCKET_SUPPORT is not false; a proxy before it must pass upgrades on',
    means:
      'The browser opens `/ws/socket.io/`; the handshake is tried as a page of our address would.',
  },
  'webui.sso_off_there': {
    severity: 'error',
    says: '"webui.sso" is "trusted-header", and Open WebUI does not read such headers',
    remedy:
      'Start it with WEBUI_AUTH_TRUSTED_EMAIL_HEADER={header} (docs/webui.md), or set "sso": "off"',
    means: 'People prove themselves here and are asked for a password there.',
  },
  'webui.sso_off_here': {
    severity: 'error',
    says: 'Open WebUI signs in by header only, and "webui.sso" is "off": nobody can sign in',
    remedy:
      'Set "webui.sso": "trusted-header" (docs/webui.md), or start Open WebUI without WEBUI_AUTH_TRUSTED_EMAIL_HEADER',
    means:
      'Once its variable is set, a sign-in without the header is refused with 400, passwords too. The gateway lets no such header through.',
  },
  'webui.past_gateway': {
    severity: 'warning',
    says: 'Open WebUI has not asked this gateway for a model within {days} days: it talks to a model server past it, or nobody has opened it',
    remedy:
      'Open its page and run this again. If it stays: start it with OPENAI_API_BASE_URLS=http://127.0.0.1:8787/v1, OPENAI_API_KEYS=USER:PASSWORD, ENABLE_OLLAMA_API=false and ENABLE_PERSISTENT_CONFIG=false, or change the connection in its Admin Settings, Connections (docs/webui.md)',
    means:
      'It asks for the list of models whenever somebody opens a chat, and that leaves a row in the ledger; there is none of a program that names itself as Open WebUI does (`Python/… aiohttp/…`), nor of its credential where `webui.speaks_for` names one. An Open WebUI that ran before keeps the servers in its database, and takes no notice of variables. Limits, budgets and the ledger do not hold for what goes past the gateway.',
  },
  'webui.no_login': {
    severity: 'error',
    says: 'Open WebUI asks nobody for a login (WEBUI_AUTH=False), and the public door shows it: everybody is its admin',
    remedy: 'Start it without WEBUI_AUTH=False, or set "webui.public": false',
    means: 'The internet gets a chat with admin rights, and through it your models.',
  },
  'webui.no_account': {
    severity: 'warning',
    says: 'Open WebUI has no account yet: whoever comes first becomes its admin',
    remedy: 'Open it now and make the first account, before others can',
    means: 'Scanners find a public name within minutes.',
  },
  'webui.exposed': {
    severity: 'warning',
    says: 'Open WebUI can be reached past the gateway, at {addresses}',
    remedy:
      'Publish it on loopback only: `ports: ["127.0.0.1:{port}:8080"]`; Docker writes past ufw',
    means:
      'With `webui.sso` this is an error: whoever gets there can claim to be anybody. Without, the door, bans and limits do not hold for it.',
  },
  'webui.container_shut_out': {
    severity: 'warning',
    says: 'Open WebUI runs in a container, and every listener is on loopback or a socket: it cannot reach the gateway for its models',
    remedy:
      'Add a listener on the bridge ("bind": "172.17.0.1:{port}", or the address of its network), give the container `extra_hosts: ["host.docker.internal:host-gateway"]`, and set OPENAI_API_BASE_URLS=http://host.docker.internal:{port}/v1; or use deploy/compose, where both are in one network',
    means:
      'Its port is published by Docker, so it is in a container, where 127.0.0.1 is the container itself. No fault where it asks model servers directly, past the ledger.',
  },
} as const satisfies Record<string, Text>
