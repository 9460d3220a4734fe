import { describe, expect, it } from 'vitest'
import { closeIn, openIn } from '../../../src/adapter/node/tailscaled/expose/edit.ts'

const named = `{
  "listeners": [ // mine
    { "name": "local", "bind": "127.0.0.1:8787" }
  ]
}
`

describe('a configuration', () => {
  it.each([
    ['nothing', '{}'],
    ['named listeners', named],
    ['a mode and a front', '{ "mode": "local", "front": "none" }'],
    [
      'a listener for tailscaled',
      '{ "listeners": [{ "name": "t", "bind": "unix:t", "identity": "serve" }] }',
    ],
  ])('with %s is as it was after it was opened and closed', (_, text) => {
    const opened = openIn(text, 'serve')
    expect(JSON.parse(opened.text.replace(/\/\/.*/, ''))).toMatchObject({
      mode: 'serve',
      front: 'tailscale',
    })
    const again = openIn(opened.text, 'both', opened.edits)
    expect(again.edits).toEqual(opened.edits)
    expect(
      JSON.parse(JSON.stringify(closeIn(again.text, again.edits).replaceAll(/\s+/g, ''))),
    ).toBe(text.replaceAll(/\s+/g, ''))
  })

  it('gets a listener beside those it names, under a name that is free', () => {
    const other = '{ "listeners": [{ "name": "tailnet", "bind": "127.0.0.1:1" }] }'
    expect(openIn(other, 'serve').text).toContain(
      '{ "name": "tailnet-2", "bind": "unix:tailnet-2.sock", "identity": "serve" }',
    )
  })

  it('gets none where it names none: the default has one', () => {
    expect(openIn('{}', 'serve').text).not.toContain('listeners')
  })

  it('keeps what somebody else has changed since', () => {
    const { text, edits } = openIn(named, 'serve')
    const changed = text.replace('"tailscale"', '"caddy"')
    expect(closeIn(changed, edits)).toContain('"front": "caddy"')
  })

  it('is closed without a record too', () => {
    expect(closeIn('{ "mode": "both" }', undefined)).toBe('{ "mode": "local" }')
    expect(closeIn('{}', undefined)).toBe('{}')
  })

  it('is left to Caddy', () => {
    expect(() => openIn('{ "front": "caddy" }', 'serve')).toThrow('would lead past it')
  })
})
