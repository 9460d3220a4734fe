import { join } from 'node:path'
import { complete, isComplete, type Part, partsFolder, type Say } from '../parts/part.ts'
import { must, run } from '../parts/run.ts'

interface GoProgram {
  readonly name: string
  readonly module: string
  readonly version: string
  /** `go install` first asks for all versions there are, which a mirror may refuse; building the sources does not. */
  readonly fromSources?: boolean
}

const recipeOf = ({ module, name, version }: GoProgram) => `${module}/cmd/${name}@${version}`
const folderOf = ({ name, version }: GoProgram) => join(partsFolder(), `${name}-${version}`)

/** A program that its own project's sources give without help: no C compiler, no generated files. */
const goProgram = (program: GoProgram): Part => ({
  name: program.name,
  version: recipeOf(program),
  find: () =>
    isComplete(folderOf(program), recipeOf(program))
      ? { path: join(folderOf(program), program.name) }
      : { missing: 'not built; `node test/tailnet/setup.ts` builds it (needs Go 1.26)' },
  install: async (say) => {
    await ensureGo(say)
    await build(program, say)
    await complete(folderOf(program), recipeOf(program))
  },
})

const build = async (program: GoProgram, say: Say) => {
  // Without -trimpath the folders of the building machine stand in every panic message.
  const env = { CGO_ENABLED: '0', GOFLAGS: '-trimpath', GOBIN: folderOf(program) }
  const go = (...args: readonly string[]) => must('nice', ['go', ...args], { env, say })
  if (!program.fromSources) {
    await go('install', '-p', '2', recipeOf(program))
    return
  }
  const module = `${program.module}@${program.version}`
  const downloaded = await go('mod', 'download', '-json', module)
  const { Dir } = JSON.parse(downloaded.stdout) as { Dir: string }
  const output = join(folderOf(program), program.name)
  await go('build', '-C', Dir, '-mod=readonly', '-p', '2', '-o', output, `./cmd/${program.name}`)
}

const ensureGo = async (say: Say) => {
  const there = await run('go', ['version']).catch(() => undefined)
  if (there?.code !== 0) throw new Error('needs Go 1.26 or newer on the PATH')
  say(there.stdout.trim())
}

const tailscaleVersion = 'v1.102.3'

/** The command line of Tailscale. */
export const tailscale = goProgram({
  name: 'tailscale',
  module: 'tailscale.com',
  version: tailscaleVersion,
})

/** The daemon of Tailscale, run without a network device. */
export const tailscaled = goProgram({
  name: 'tailscaled',
  module: 'tailscale.com',
  version: tailscaleVersion,
})

/** The coordination server, which stands in for Tailscale's own. */
export const headscale = goProgram({
  name: 'headscale',
  module: 'github.com/juanfont/headscale',
  version: 'v0.29.2',
  fromSources: true,
})

/** All that a tailnet on one machine is made of. */
export const tailnetParts: readonly Part[] = [tailscale, tailscaled, headscale]
