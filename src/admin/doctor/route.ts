import { z } from 'zod'
import { type AdminRoute, route } from '../api/route.ts'
import { type Finding, subjectOf } from './finding.ts'

const row = z.object({
  id: z.string().describe('`subject.what`; docs/doctor.md has a section for each.'),
  subject: z.string(),
  about: z.string().describe('Which one, where there are several.'),
  severity: z.enum(['ok', 'warning', 'error', 'unknown']),
  says: z.string(),
  remedy: z.string().describe('Empty where nothing is to be done.'),
})

/** As the API and `postern doctor --json` tell it. */
export const report = (findings: readonly Finding[]) => ({
  ok: findings.every(({ severity }) => severity !== 'error'),
  findings: findings.map((each) => ({ subject: subjectOf(each), ...each })),
})

/** @param examine looks at everything */
export const doctorRoutes = (examine: () => Promise<readonly Finding[]>): AdminRoute[] => [
  route({
    method: 'get',
    path: '/postern/api/doctor',
    id: 'examine',
    summary: 'Looks for every known failure of such a set-up, and says what to do.',
    needs: 'admin',
    answers: z.object({ ok: z.boolean().describe('There is no error.'), findings: z.array(row) }),
    handle: async ({ c }) => c.json(report(await examine())),
  }),
]
