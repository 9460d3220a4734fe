import { pathOf } from '../../test/support/parts/part.ts'
import { portkeyPart as part } from '../parts/portkey.ts'
import { chatPath, json, type Peer } from './peer.ts'

/** Headless, which leaves its page and the log of requests behind it out; on the same Node as Postern. */
export const portkey: Peer = {
  name: 'portkey',
  title: 'Portkey gateway',
  does: 'nothing',
  parts: [part],
  version: async () => part.version,
  prepare: async ({ port, upstream }) => ({
    program: {
      command: process.execPath,
      args: [pathOf(part), '--headless', `--port=${port}`],
      env: { NODE_ENV: 'production', TRUSTED_CUSTOM_HOSTS: '127.0.0.1,localhost' },
    },
    url: `http://127.0.0.1:${port}${chatPath}`,
    headers: {
      ...json,
      authorization: 'Bearer sk-of-the-model-server',
      'x-portkey-provider': 'openai',
      'x-portkey-custom-host': `${upstream}/v1`,
    },
  }),
}
