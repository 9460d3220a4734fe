import { describe, test } from 'vitest'
import type { Part } from './part.ts'

/**
 * `describe` for tests that need real parts. A missing part is a loud skip with its reason, and under `CI=true` a failure:
 * a green run must mean that the tests ran.
 */
export const describeWith = (parts: readonly Part[], title: string, tests: () => void): void => {
  const missing = parts.flatMap((part) => {
    const place = part.find()
    return 'missing' in place ? [`${part.name}: ${place.missing}`] : []
  })
  if (missing.length === 0) {
    describe(title, tests)
    return
  }
  const reasons = missing.join('; ')
  if (process.env.CI === 'true') {
    test(title, () => {
      throw new Error(`a part is missing: ${reasons}`)
    })
    return
  }
  console.warn(`SKIPPED: ${title}: ${reasons}`)
  describe.skip(`${title} (skipped: ${reasons})`, tests)
}
