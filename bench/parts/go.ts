import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { complete, isComplete, type Part, partsFolder } from '../../test/support/parts/part.ts'
import { must, run } from '../../test/support/parts/run.ts'

export interface GoProgram {
  readonly name: string
  /** Its repository. */
  readonly source: string
  /** A commit: a tag can move. */
  readonly commit: string
  readonly version: string
  /** The package of its command. */
  readonly command: string
}

/**
 * A gateway in Go, built from its repository: none of them can be had by `go install`, be it for the name of their
 * module or for files that are made before they are built.
 */
export const goPart = ({ name, source, commit, version, command }: GoProgram): Part => {
  const folder = () => join(partsFolder(), `bench-${name}-${commit.slice(0, 10)}`)
  const recipe = `${source} ${commit} ${command}`
  const program = () => join(folder(), name)
  return {
    name,
    version,
    find: () =>
      isComplete(folder(), recipe)
        ? { path: program() }
        : { missing: 'not built; `node bench/setup.ts` builds it (needs git and Go 1.26)' },
    install: async (say) => {
      const go = await run('go', ['version']).catch(() => undefined)
      if (go?.code !== 0) throw new Error('needs Go 1.26 or newer on the PATH')
      const checkout = join(folder(), 'source')
      if (!existsSync(checkout)) {
        await must('git', ['clone', '--quiet', '--no-checkout', source, checkout], { say })
      }
      await must('git', ['-C', checkout, 'checkout', '--quiet', commit])
      const env = { CGO_ENABLED: '0', GOFLAGS: '-trimpath' }
      const args = ['go', 'build', '-p', '1', '-ldflags=-s -w', '-o', program(), command]
      await must('nice', args, { cwd: checkout, env, say })
      await rm(checkout, { recursive: true, force: true })
      await complete(folder(), recipe)
    },
  }
}
