import { join } from 'node:path'
import { type Part, partsFolder } from '../../test/support/parts/part.ts'
import { hasEnvironment, makeEnvironment } from '../../test/support/parts/pypi.ts'

const version = '1.106.2'

const environment = {
  folder: join(partsFolder(), `bench-litellm-${version}`),
  requirements: [`litellm[proxy]==${version}`],
  python: '>=3.11,<3.14',
}

export const litellmPart: Part = {
  name: 'litellm',
  version,
  find: () =>
    hasEnvironment(environment)
      ? { path: join(environment.folder, 'bin', 'litellm') }
      : { missing: 'not there; `node bench/setup.ts` brings it' },
  install: (say) => makeEnvironment(environment, say),
}
