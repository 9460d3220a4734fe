/**
 * The parts of docs/compatibility.md that are made of what the tests know. `node test/field/page.ts` writes them;
 * test/field-page.test.ts holds the page to them.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { agentVersions } from '../support/parts/coding-agents.ts'
import { type Sdk, versionOf as sdkVersion } from '../support/parts/sdk-suites.ts'
import { abilities, clients, versionOf } from './clients.ts'
import { differencesOf, notServedOf, passingOf } from './differences.ts'

export const page = join(import.meta.dirname, '../../docs/compatibility.md')

const table = (rows: readonly (readonly string[])[]): string => {
  const [head = [], ...body] = rows
  return [head, head.map(() => '---'), ...body].map((row) => `| ${row.join(' | ')} |`).join('\n')
}

const clientRows = (): string => {
  const rows = clients.flatMap((client) => {
    const { name, packages, apis } = client
    const versions = packages.map((each) => `\`${each}\` ${versionOf(client, each)}`).join(', ')
    return Object.entries(apis).map(([api, has], at) => [
      ...(at === 0 ? [name, versions] : ['', '']),
      api,
      ...abilities.map((ability) => (has.includes(ability) ? '✓' : '–')),
    ])
  })
  const curl = ['curl', 'the system’s', 'chat completions', ...abilities.map(() => '✓')]
  return table([['client', 'version', 'API', ...abilities], curl, ...rows])
}

const agentRows = (): string =>
  table([
    ['agent', 'version', 'API'],
    ['Claude Code', agentVersions['@anthropic-ai/claude-code'], 'messages'],
    ['Codex', agentVersions['@openai/codex'], 'responses'],
    ['Gemini CLI', agentVersions['@google/gemini-cli'], 'generate content'],
  ])

const names: Readonly<Record<Sdk, string>> = {
  openai: 'OpenAI’s SDK for Python',
  anthropic: 'Anthropic’s SDK for Python',
}
const sdks = Object.keys(names) as Sdk[]

const differingOf = (sdk: Sdk): number =>
  differencesOf[sdk].reduce((sum, { tests }) => sum + tests.length, 0)

const suiteRows = (): string => {
  const rows = sdks.map((sdk) => [
    names[sdk],
    sdkVersion(sdk),
    String(passingOf[sdk]),
    String(passingOf[sdk] - differingOf(sdk)),
    String(differingOf(sdk)),
  ])
  return table([['tests of', 'version', 'pass directly', 'pass here', 'differ'], ...rows])
}

const differenceLines = (): string =>
  sdks
    .flatMap((sdk) =>
      differencesOf[sdk].map(
        ({ reason, tests }) => `* ${names[sdk]}, ${tests.length} tests: ${reason}`,
      ),
    )
    .join('\n')

const notServedLines = (): string =>
  sdks
    .flatMap((sdk) =>
      notServedOf[sdk].map(({ reason, paths }) => {
        const places = paths.map((path) => `\`${path}\``).join(', ')
        return `* ${names[sdk]}: ${reason} (${places})`
      }),
    )
    .join('\n')

const parts: Readonly<Record<string, () => string>> = {
  clients: clientRows,
  agents: agentRows,
  suites: suiteRows,
  differences: differenceLines,
  'not served': notServedLines,
}

/** The page with every part as it should be. */
export const filled = (text: string): string =>
  Object.entries(parts).reduce((all, [name, made]) => {
    const from = `<!-- ${name} -->\n`
    const to = `\n<!-- end of ${name} -->`
    const [before = '', rest] = all.split(from)
    const after = rest?.split(to)[1]
    if (after === undefined) throw new Error(`${page} has no place for ${name}`)
    return `${before}${from}${made()}${to}${after}`
  }, text)

if (process.argv[1] === import.meta.filename) {
  await writeFile(page, filled(await readFile(page, 'utf8')))
}
