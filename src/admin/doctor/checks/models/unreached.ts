import type { Provider } from '../../../../platform/upstream.ts'
import { hostOf, isLoopback, originPort } from '../../addresses.ts'
import { type Finding, finding } from '../../finding.ts'
import type { Given } from '../../given.ts'
import { patience } from '../../in-time.ts'
import { troubleOf } from '../../trouble.ts'

const dockerHost = 'host.docker.internal'

/** Why a provider gave no answer, and what to do. */
export const findingOf = async (
  error: unknown,
  { id, baseurl }: Provider,
  { machine }: Given,
): Promise<Finding> => {
  const { trouble, code } = troubleOf(error)
  const host = hostOf(baseurl)
  const port = originPort(baseurl)
  const address = new URL(baseurl).host
  switch (trouble) {
    case 'refused': {
      const inside = isLoopback(host) && (await runsInContainer(machine))
      if (inside) return finding('models.in_container', id, { address, port })
      if (host === dockerHost) return finding('models.docker_host_refused', id, { address })
      return finding('models.refused', id, { address, start: howToStart(host, port) })
    }
    case 'name_unknown':
      if (host === dockerHost) return finding('models.docker_host_unknown', id, { port })
      return finding('models.name_unknown', id, { host })
    case 'unreachable':
      return finding('models.unreachable', id, { address, host })
    case 'untrusted':
      return finding('models.untrusted', id, { address, code })
    case 'no_tls':
      return finding('models.no_tls', id, { address, code })
    case 'not_http':
      return finding('models.not_http', id, { address, code })
    case 'lost':
      return finding('models.lost', id, { address, reason: code })
    case 'silent': {
      // The transport does not tell a connection that is not made from one on which nothing comes.
      const connects = machine === undefined || (await machine.connects(host, port))
      if (!connects) return finding('models.unreachable', id, { address, host })
      return finding('models.silent', id, { address, seconds: patience / 1000 })
    }
  }
}

const runsInContainer = async (machine: Given['machine']): Promise<boolean> =>
  (await machine?.facts().catch(() => undefined))?.container ?? false

/** By the port: the server that would tell its name is not there. */
const starts: Readonly<Record<number, string>> = {
  1234: 'Start LM Studio: `lms server start --port 1234`',
  11434: 'Start Ollama: `systemctl start ollama`, or `ollama serve`',
  8000: 'Start vLLM: `vllm serve MODEL --host 127.0.0.1 --port 8000`; `journalctl -u vllm` says why it ended',
  30000: 'Start SGLang: `python -m sglang.launch_server --model-path MODEL --port 30000`',
  8080: 'Start llama.cpp: `llama-server -m MODEL.gguf --port 8080`',
  9931: 'Start llama.cpp: `llama-server -m MODEL.gguf --port 9931`',
}

const howToStart = (host: string, port: number): string => {
  const start = starts[port] ?? 'Start the model server'
  if (isLoopback(host)) return `${start}; if it listens on another port, correct "baseurl"`
  return (
    `${start} on that machine, and let it listen there: by default it hears its own loopback only ` +
    '(OLLAMA_HOST, `--host`, in LM Studio "Serve on Local Network")'
  )
}
