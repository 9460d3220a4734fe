import type { Text } from './text.ts'

/** No connection to a provider, or no answer that is worth the name. */
export const modelsUnreached = {
  'models.refused': {
    severity: 'error',
    says: 'nobody listens at {address}: connection refused',
    remedy: '{start}',
    means: 'The model server is not running, or listens on another port or address.',
  },
  'models.in_container': {
    severity: 'error',
    says: 'nobody listens at {address}; the gateway runs in a container, where that is the container itself',
    remedy:
      'If the model server is in this container, too, start it. If it is on the machine, write http://host.docker.internal:{port}, add `extra_hosts: ["host.docker.internal:host-gateway"]` to the container, and let the server listen on the bridge (docs/deploy.md)',
    means: 'Loopback of a container is not loopback of the machine.',
  },
  'models.docker_host_unknown': {
    severity: 'error',
    says: 'the name host.docker.internal is not known here: on Linux Docker gives it to no container by itself, and nobody outside of one has it',
    remedy:
      'In a container: `extra_hosts: ["host.docker.internal:host-gateway"]` (or `docker run --add-host=host.docker.internal:host-gateway`). Outside: write http://127.0.0.1:{port}',
    means: 'Docker Desktop knows the name by itself, Docker on Linux does not.',
  },
  'models.docker_host_refused': {
    severity: 'error',
    says: 'the machine refuses at {address}: the model server listens on 127.0.0.1 only, where containers do not get',
    remedy:
      'Let it listen on the address of the bridge (`OLLAMA_HOST=172.17.0.1`), or pass the bridge on to loopback with deploy/systemd/model-bridge.socket (docs/deploy.md)',
    means:
      'From a container the machine is reached by the address of the bridge, and a server on loopback does not hear it.',
  },
  'models.name_unknown': {
    severity: 'error',
    says: 'the name {host} leads to no address',
    remedy:
      'Check "baseurl" for a typo; a tailnet name needs MagicDNS (`tailscale status`), or write the address',
    means: 'DNS does not know the host.',
  },
  'models.unreachable': {
    severity: 'error',
    says: 'no connection to {address}: packets go nowhere',
    remedy:
      'Is that machine on, and on this network (`tailscale ping {host}`)? Does a firewall drop what comes for the port?',
    means: 'No route leads to that address, or what is sent there is dropped in silence.',
  },
  'models.untrusted': {
    severity: 'error',
    says: 'the certificate of {address} is not to be trusted ({code})',
    remedy:
      'Renew it, or use the name it was made for; for a certificate authority of your own start the gateway with NODE_EXTRA_CA_CERTS=/path/ca.pem',
    means: 'It has expired, is for another name, or is signed by nobody that Node knows.',
  },
  'models.no_tls': {
    severity: 'error',
    says: '{address} does not speak TLS ({code})',
    remedy: 'Write http:// in "baseurl": model servers at home mostly have no certificate',
    means: 'The base URL says https, and the port answers something else.',
  },
  'models.not_http': {
    severity: 'error',
    says: 'what answers at {address} is not HTTP ({code})',
    remedy:
      'Write https:// in "baseurl" if the port speaks TLS; else it is the port of something else',
    means: 'The base URL says http, and the port answers something else, often TLS.',
  },
  'models.silent': {
    severity: 'error',
    says: '{address} takes the connection and did not answer within {seconds} s',
    remedy:
      'It may be loading a model, or hang: look at its log and at `nvidia-smi`. If it is only slow to list its models, name them in "models"',
    means:
      'The list of models is asked for, which costs a server nothing. One that is busy answering still gives it.',
  },
  'models.lost': {
    severity: 'error',
    says: 'the connection to {address} was lost: {reason}',
    remedy: 'Look at the log of the server, and at proxies on the way',
    means: 'A connection was made and broken off before the answer was there.',
  },
  'models.key_missing': {
    severity: 'error',
    says: '{address} answered {status}: it wants a key, and none is configured',
    remedy: 'Add "apikey": "env:NAME" to the provider, and put the key into that variable',
    means: 'Also where `authorization` or `auth_mode` keep the key from being sent.',
  },
  'models.key_refused': {
    severity: 'error',
    says: '{address} answered {status}: it does not accept our key',
    remedy:
      'Make a new key there and put it where "apikey" points; see that "authorization" is what it reads ({authorization} now): bearer, x-api-key or x-goog-api-key',
    means:
      'The key is wrong, was revoked, has no rights or no credit, or stands in a header that the provider does not read.',
  },
  'models.wrong_path': {
    severity: 'error',
    says: 'there is no list of models at {address}: it answered {status}',
    remedy: '{base}',
    means:
      '`baseurl` is without the operation, with or without `/v1`: `http://127.0.0.1:1234`, `https://openrouter.ai/api/v1`. Other known places on the same host are tried, and named where they answer.',
  },
  'models.redirected': {
    severity: 'error',
    says: '{address} answered {status}: it sends us elsewhere, and the gateway follows nobody with a key in hand',
    remedy: 'Write in "baseurl" where it leads to: `curl -sI {address} | grep -i location`',
    means: 'Mostly http instead of https, or a page to sign in at.',
  },
  'models.web_page': {
    severity: 'error',
    says: '{address} answered with a web page instead of JSON',
    remedy:
      'That is the address of something for people (Open WebUI itself, a router, a sign-in page): write the port of the model server',
    means: 'HTML came where a list of models was expected.',
  },
  'models.not_a_list': {
    severity: 'error',
    says: '{address} answered, but with no list of models',
    remedy: 'Is that a model server? If it has no such list, name its models in "models"',
    means: 'The answer is neither in the shape of OpenAI nor of Anthropic or Gemini.',
  },
  'models.loading': {
    severity: 'warning',
    says: '{address} answered 503: it is still loading, or overloaded',
    remedy: 'Wait a minute and run this again; if it stays so, look at its log',
    means: 'llama.cpp and vLLM say so until the model is in memory.',
  },
  'models.limited': {
    severity: 'warning',
    says: '{address} answered 429: we may not ask for now, or the credit is used up',
    remedy:
      'Wait, or raise the limit or credit at the provider; a lower "limits.concurrency" asks less at once',
    means: 'The provider counts requests or money, and says it is enough.',
  },
  'models.failing': {
    severity: 'error',
    says: '{address} answered {status}',
    remedy: 'The fault is there: look at its log, or at the status page of the provider',
    means: 'An error of the server itself (5xx), or a status that nothing here explains.',
  },
} as const satisfies Record<string, Text>
