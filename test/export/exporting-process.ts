import { createTransport } from '../../src/adapter/node/http/transport.ts'
import { openStore } from '../../src/adapter/node/store/store.ts'
import { createExporter } from '../../src/ledger/export/exporter.ts'
import { createPut } from '../../src/ledger/export/s3.ts'
import { credentials } from './s3-server.ts'

/** Exports until the first object is there, says so, and waits to be killed before it is noted. */
const [dataDir = '', endpoint = ''] = process.argv.slice(2)
const store = await openStore({ url: 'file:postern.db', dataDir, log: () => {} })
const clock = { now: () => Date.now(), elapsed: () => performance.now() }
const put = createPut({ send: createTransport().send, clock })
const exporter = createExporter({
  store,
  clock,
  log: () => {},
  put: async (...object) => {
    await put(...object)
    process.stdout.write('put\n')
    await new Promise(() => {})
  },
})
exporter.use({
  bucket: 'gw',
  endpoint,
  region: 'us-east-1',
  prefix: 'prod',
  accessKeyId: credentials.access_key_id,
  accessSecret: credentials.access_secret,
  every: 60_000,
  limit: 10,
})
