import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathOf } from '../../test/support/parts/part.ts'
import { model } from '../load/chat.ts'
import { litellmPart as part } from '../parts/litellm.ts'
import { chatPath, json, type Peer } from './peer.ts'

/** As its manual advises for production: no verbose output, one worker for one core. No key, no database. */
const config = (upstream: string): string => `
model_list:
  - model_name: ${model}
    litellm_params:
      model: openai/${model}
      api_base: ${upstream}/v1
      api_key: sk-of-the-model-server
litellm_settings:
  set_verbose: false
  telemetry: false
`

export const litellm: Peer = {
  name: 'litellm',
  title: 'LiteLLM proxy',
  does: 'nothing',
  parts: [part],
  within: 180_000,
  version: async () => part.version,
  prepare: async ({ folder, port, upstream }) => {
    const file = join(folder, 'litellm.yaml')
    await writeFile(file, config(upstream))
    const where = ['--host', '127.0.0.1', '--port', String(port)]
    return {
      program: {
        command: pathOf(part),
        args: ['--config', file, '--num_workers', '1', ...where],
        env: {
          LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY: 'true',
          LITELLM_MODE: 'PRODUCTION',
          LITELLM_LOG: 'ERROR',
          LITELLM_LOCAL_MODEL_COST_MAP: 'True',
        },
      },
      url: `http://127.0.0.1:${port}${chatPath}`,
      headers: json,
    }
  },
}
