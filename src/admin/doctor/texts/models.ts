import type { Text } from './text.ts'

/** What is wrong with a provider that answers, and with all of them; and with how fast they answer. */
export const models = {
  'models.none_found': {
    severity: 'warning',
    says: 'no model server was found on this machine: the built-in demo answers, which is not a model',
    remedy:
      'Start Ollama, LM Studio, vLLM, SGLang or llama.cpp, or name one: "providers" in the configuration (docs/providers.md)',
    means: 'With no providers configured the usual ports of loopback are looked at.',
  },
  'models.all_disabled': {
    severity: 'error',
    says: 'every provider is disabled',
    remedy: 'Take "disabled": true away from one of them',
    means: 'No model can be asked.',
  },
  'models.empty': {
    severity: 'error',
    says: '{address} answers, and has no model',
    remedy: '{download}',
    means: 'The list of the server is empty.',
  },
  'models.not_listed': {
    severity: 'error',
    says: '"{model}" is configured, and {address} does not list it',
    remedy: '{instead}',
    means:
      'A request for it gets the 404 of the server. Where the list is that of a cloud provider this is a warning: those answer to names that they do not list.',
  },
  'models.none_loaded': {
    severity: 'warning',
    says: 'none of the models at {address} is in memory: the first question waits until one is',
    remedy: '{load}',
    means:
      'No fault where models are loaded on demand. A large one takes a minute or more, for which some clients do not wait.',
  },
  'models.on_processor': {
    severity: 'warning',
    says: '{model} runs with {share} % of it on the graphics card: the rest is on the processor, many times slower',
    remedy:
      'See `ollama ps` and `nvidia-smi`: free the card of other programs, take a smaller quantisation or context (OLLAMA_CONTEXT_LENGTH), or mend the driver',
    means: 'Ollama tells how much of a model is in the memory of the card (`/api/ps`).',
  },
  'models.ollama_old': {
    severity: 'warning',
    says: 'Ollama {version} is older than {floor}, which fixes a known vulnerability',
    remedy: 'Update it: `curl -fsSL https://ollama.com/install.sh | sh`',
    means: 'CVE-2026-7482.',
  },
  'models.exposed': {
    severity: 'warning',
    says: '{server} at port {port} can be reached from outside this machine, at {addresses}, without a key: past the gateway and its ledger',
    remedy:
      'Let it listen on 127.0.0.1 only (OLLAMA_HOST=127.0.0.1, `--host 127.0.0.1`, in LM Studio "Serve on Local Network" off; in Docker `-p 127.0.0.1:{port}:…`)',
    means:
      'The base URL is on loopback, and the same port answers at an address of the network or tailnet. Whoever gets there needs no password, and appears nowhere.',
  },
  'speed.dropped': {
    severity: 'warning',
    says: '{model} writes {now} tokens a second, and wrote {before} before: it probably does not run on the graphics card any more',
    remedy: '{look}',
    means:
      'The middle of its last answers is below two fifths of the middle of those before, by the ledger (streamed answers of the last 30 days). Other causes: a second program on the card, a model that does not fit beside another, a longer context, heat.',
  },
} as const satisfies Record<string, Text>
