import { parse } from 'jsonc-parser'
import { describe, expect, it } from 'vitest'
import { firstRunConfig } from '../../src/config/first-run.ts'
import { HASH, read } from './read.ts'

describe('firstRunConfig', () => {
  const text = firstRunConfig({ ownerHash: HASH, found: [] })

  it('is without problems, and means what the defaults mean', () => {
    const { config, problems } = read(text)
    expect(problems).toEqual([])
    expect(config).toEqual(read({ users: { owner: { password: HASH } } }).config)
    expect(config?.providers.size).toBe(0)
  })

  it('holds examples that work once uncommented', () => {
    // Takes `// ` away before everything that looks like a piece of JSON, as a person would.
    const uncommented = text.replace(/^( *)\/\/ (["{}]| {2})/gm, '$1$2')
    expect(Object.keys(parse(uncommented).providers)).toEqual(['gpu', 'openai', 'anthropic'])
    const problems = read(uncommented).problems.filter(
      ({ path, message }) =>
        !/environment variable|cannot be read|no user has/.test(message + path),
    )
    expect(problems.map(({ path, message }) => `${path}: ${message}`)).toEqual([
      expect.stringContaining('"ollama"'),
    ])
  })

  it('names the servers that were found, and nothing they say leaves its comment', () => {
    const found = [{ name: 'LM Studio\n"users": {', baseurl: 'http://127.0.0.1:1234' }]
    const result = firstRunConfig({ ownerHash: HASH, found })
    expect(result).toContain('LM Studio')
    expect(result).toContain('answered on http://127.0.0.1:1234.')
    expect(read(result).problems).toEqual([])
  })

  it('switches Open WebUI on when its address is known', () => {
    const result = firstRunConfig({ ownerHash: HASH, found: [], webui: 'http://127.0.0.1:3001' })
    expect(read(result).config?.webui).toMatchObject({
      url: 'http://127.0.0.1:3001',
      sso: 'off',
      public: true,
    })
  })
})
