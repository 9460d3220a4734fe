import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { caddyVersion } from './caddy.ts'
import { complete, isComplete, type Part, partsFolder } from './part.ts'
import { must, run } from './run.ts'

const plugin = 'v0.0.0-20260106222316-bb080c4414ac'
const tailscale = 'v1.102.3'

/** The plugin asks for Tailscale 1.90; this is what test/support/tailnet runs. */
const goMod = `module caddy

go 1.26

require (
	github.com/caddyserver/caddy/v2 v${caddyVersion}
	github.com/tailscale/caddy-tailscale ${plugin}
	tailscale.com ${tailscale}
)
`

const main = `package main

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"

	_ "github.com/caddyserver/caddy/v2/modules/standard"
	_ "github.com/tailscale/caddy-tailscale"
)

func main() { caddycmd.Main() }
`

const recipe = goMod + main
const folder = () => join(partsFolder(), `caddy-tailscale-${caddyVersion}`)

/**
 * Caddy with the plugin that makes it a machine of the tailnet, built from source: what is packaged elsewhere is older
 * than Postern stands behind.
 */
export const caddyTailscale: Part = {
  name: 'caddy-tailscale',
  version: `caddy ${caddyVersion}, plugin ${plugin.slice(-12)}, tailscale ${tailscale}`,
  find: () =>
    isComplete(folder(), recipe)
      ? { path: join(folder(), 'caddy') }
      : { missing: 'not built; `node test/tailnet/setup.ts` builds it (needs Go 1.26)' },
  install: async (say) => {
    const go = await run('go', ['version']).catch(() => undefined)
    if (go?.code !== 0) throw new Error('needs Go 1.26 or newer on the PATH')
    await mkdir(folder(), { recursive: true })
    await writeFile(join(folder(), 'go.mod'), goMod)
    await writeFile(join(folder(), 'main.go'), main)
    // `-mod=mod` fills in what the three requirements require; which versions follows from them alone.
    const env = { CGO_ENABLED: '0', GOFLAGS: '-trimpath -mod=mod' }
    const args = ['go', 'build', '-p', '2', '-ldflags=-s -w', '-o', 'caddy', '.']
    await must('nice', args, { cwd: folder(), env, say })
    await complete(folder(), recipe)
  },
}
