import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { llamaServer, startLlama, weights } from '../support/parts/llama.ts'
import { describeWith } from '../support/parts/need.ts'
import { openWebui, startOpenWebui } from '../support/parts/open-webui.ts'
import { freePort } from '../support/parts/port.ts'
import type { Server } from '../support/parts/server.ts'
import { postern } from '../support/postern.ts'

interface Finding {
  readonly id: string
  readonly severity: string
  readonly says: string
  readonly remedy: string
}

const hash = '$2b$04$tkxmauwhlVIeMnO/Oukx1OxQgloLhjxxbVqeEI386CVXAl94WD9AS'

describeWith([llamaServer, weights, openWebui], 'postern doctor on real parts', () => {
  let llama: Server
  let webui: Server
  let home: string
  let ours: number
  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'postern-doctor-'))
    ours = await freePort()
    llama = await startLlama()
    webui = await startOpenWebui({
      dataDir: home,
      openaiBaseUrl: `http://127.0.0.1:${ours}/v1`,
      key: 'placeholder',
      origins: [`http://127.0.0.1:${ours}`],
    })
  })
  afterAll(async () => {
    await webui?.stop()
    await llama?.stop()
    await rm(home, { recursive: true, force: true })
  })

  const examine = async (changes: object = {}) => {
    const file = join(home, 'postern.hujson')
    const config = {
      listeners: [{ name: 'local', bind: `127.0.0.1:${ours}` }],
      users: { owner: { password: hash } },
      grants: [{ src: ['owner'], app: { 'tailscale.com/cap/aperture': [{ role: 'admin' }] } }],
      providers: { llama: { baseurl: llama.url, models: ['local-llm'] } },
      webui: { url: webui.url },
      ...changes,
    }
    await writeFile(file, JSON.stringify(config), { mode: 0o600 })
    await chmod(file, 0o600)
    const where = ['--config', file, '--data', join(home, 'gateway')]
    const { stdout } = await postern(['doctor', ...where, '--json'])
    const { findings } = JSON.parse(stdout) as { findings: readonly Finding[] }
    return findings.filter(({ id }) => /^(?:models|webui)\./.test(id))
  }
  const wrong = async (changes?: object) =>
    (await examine(changes)).filter(({ severity }) => severity !== 'ok').map(({ id }) => id)

  test('finds a model server and a new Open WebUI in order', async () => {
    expect(await wrong()).toEqual(['webui.no_account'])
  })

  test('finds that a model has another name there', async () => {
    const providers = { llama: { baseurl: llama.url, models: ['local-lm'] } }
    const [finding] = await examine({ providers })
    expect(finding).toMatchObject({ id: 'models.not_listed', severity: 'error' })
    expect(finding?.remedy).toContain('"local-llm"')
  })

  test('finds that Open WebUI is not a model server', async () => {
    const providers = { llama: { baseurl: webui.url } }
    expect((await examine({ providers }))[0]?.id).toMatch(/models\.(?:web_page|wrong_path|failing)/)
  })

  test('finds that its WebSocket is refused to pages of another name', async () => {
    expect(await wrong({ allowed_hosts: ['ai.tail1234.ts.net'] })).toContain('webui.websocket')
  })

  test('finds that the two do not mean the same by a login', async () => {
    expect(await wrong({ webui: { url: webui.url, sso: 'trusted-header' } })).toContain(
      'webui.sso_off_there',
    )
  })
})
