import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parseConfig } from '../../src/config/parse.ts'

const page = readFileSync(new URL('../../docs/providers.md', import.meta.url), 'utf8')
const account = JSON.stringify({
  client_email: 'a@b',
  project_id: 'p',
  private_key: '-----BEGIN PRIVATE KEY-----\n',
})

test('the example of the providers’ page is a configuration without a problem', () => {
  const [, example = ''] = /```jsonc\n([\s\S]+?)```/.exec(page) ?? []
  const grants = [
    {
      src: ['(loopback)'],
      app: { 'tailscale.com/cap/aperture': [{ role: 'admin', models: '**' }] },
    },
  ]
  const { config, problems } = parseConfig(`{ ${example}, "grants": ${JSON.stringify(grants)} }`, {
    file: 'page',
    env: () => 'a-key',
    readFile: () => account,
  })
  expect(problems).toEqual([])
  expect([...(config?.providers.keys() ?? [])]).toHaveLength(7)
})

test('the page names every flag, authorization type and mode', () => {
  const [, section = ''] = page.split('## Dialects')
  for (const word of [
    'openai_chat',
    'openai_responses',
    'anthropic_messages',
    'gemini_generate_content',
    'google_generate_content',
    'google_raw_predict',
    'bedrock_model_invoke',
    'bedrock_converse',
    'experimental_gemini_cli_vertex_compat',
    'cf-aig-authorization',
    'hec',
    'passthrough',
  ]) {
    expect(section).toContain(`\`${word}\``)
  }
})
