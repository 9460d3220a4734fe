import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { complete, isComplete, type Part, partsFolder } from './part.ts'
import { must } from './run.ts'

export const agentVersions = {
  '@anthropic-ai/claude-code': '2.1.197',
  '@openai/codex': '0.169.0',
  '@google/gemini-cli': '0.61.0',
} as const

const packages = Object.entries(agentVersions).map(([name, version]) => `${name}@${version}`)
const folder = () => join(partsFolder(), 'coding-agents')
const recipe = packages.join(' ')

/** Claude Code, Codex and Gemini CLI: a folder with `claude`, `codex` and `gemini` in it. */
export const codingAgents: Part = {
  name: 'coding-agents',
  version: packages.map((name) => name.replace(/^@[^/]+\//, '')).join(' '),
  find: () =>
    isComplete(folder(), recipe)
      ? { path: join(folder(), 'node_modules', '.bin') }
      : { missing: 'not installed; `npm run test:parts` brings them' },
  install: async (say) => {
    await mkdir(folder(), { recursive: true })
    await writeFile(join(folder(), 'package.json'), '{ "private": true }')
    const quietly = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
    await must('npm', ['install', ...quietly, ...packages], { cwd: folder(), say })
    // It puts its program in place by a script; the others need none.
    const [claude = ''] = packages[0]?.split(/(?<=.)@/) ?? []
    await must('npm', ['rebuild', '--ignore-scripts=false', claude], { cwd: folder(), say })
    await complete(folder(), recipe)
  },
}
