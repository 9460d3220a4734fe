import { hashSync } from 'bcryptjs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { resourceFamilies } from '../../src/config/resources.ts'
import { describeWithData } from '../support/field/data.ts'
import { type MockAnthropic, startMockAnthropic } from '../support/field/mock-anthropic.ts'
import { differences, modelsIn, type Outcomes, runSuite } from '../support/field/suite.ts'
import { describeWith } from '../support/parts/need.ts'
import { type Sdk, sdkSuites } from '../support/parts/sdk-suites.ts'
import type { Server } from '../support/parts/server.ts'
import { startSteady, steady } from '../support/parts/steady.ts'
import { type PosternProcess, startPostern } from '../support/postern.ts'
import { CHOSEN, differencesOf, notServedOf, passingOf } from './differences.ts'

const key = 'alice:field-password'
const root = 'tests/api_resources'

/** A gateway that lets alice use all of one account. */
const startBefore = async (sdk: Sdk, provider: object): Promise<PosternProcess> =>
  startPostern({
    config: {
      rate_limits: [],
      providers: {
        mock: { apikey: 'sk-mock-canary-0123456789', models: await modelsIn(sdk), ...provider },
      },
      users: { alice: { password: hashSync('field-password', 4) } },
      grants: [
        {
          src: ['alice'],
          app: {
            'tailscale.com/cap/aperture': [
              {
                role: 'user',
                models: '**',
                provider_resources: resourceFamilies.map((family) => `mock/${family}`),
              },
            ],
          },
        },
      ],
    },
  })

interface Runs {
  readonly direct: Outcomes
  readonly through: Outcomes
}

const both = async (sdk: Sdk, direct: string, through: string, answers?: string): Promise<Runs> => {
  const suite = {
    sdk,
    paths: [root],
    without: notServedOf[sdk].flatMap(({ paths }) => paths.map((path) => `${root}/${path}`)),
    choose: CHOSEN,
    key,
    ...(answers !== undefined && { answers }),
  }
  return {
    direct: await runSuite({ ...suite, url: direct }),
    through: await runSuite({ ...suite, url: through }),
  }
}

const expectNoOther = (sdk: Sdk, { direct, through }: Runs): void => {
  const explained = differencesOf[sdk].flatMap(({ tests }) => tests.map((id) => `${root}/${id}`))
  const found = differences(direct, through)
  const passed = (outcomes: Outcomes) =>
    [...outcomes.values()].filter(({ outcome }) => outcome === 'passed').length
  console.log(`${sdk}: ${passed(direct)} pass directly, ${passed(through)} through the gateway`)
  const news = found.filter((id) => !explained.includes(id))
  const lines = news.map((id) => `${id}: ${through.get(id)?.message ?? 'did not run'}`)
  expect(lines, 'a difference that no group of test/field/differences.ts explains').toEqual([])
  expect(passed(direct), 'passingOf').toBe(passingOf[sdk])
  const gone = explained.filter((id) => !found.includes(id))
  expect(gone, 'explained, and not there: take it off the list').toEqual([])
}

const within = 10 * 60_000

describeWith([sdkSuites, steady], 'OpenAI’s SDK for Python', () => {
  describeWithData('openai/openapi.yml', 'with its own tests', (description) => {
    let mock: Server
    let postern: PosternProcess
    beforeAll(async () => {
      mock = await startSteady(description)
      postern = await startBefore('openai', {
        baseurl: mock.url,
        version: '',
        compatibility: { openai_chat: true, openai_responses: true },
      })
    })
    afterAll(async () => {
      await postern?.stop()
      await mock?.stop()
    })

    test(
      'sees no difference between the API and the gateway but those on the list',
      async () => {
        const runs = await both('openai', mock.url, `${postern.url}/v1`)
        expectNoOther('openai', runs)
      },
      within,
    )
  })
})

describeWith([sdkSuites], 'Anthropic’s SDK for Python', () => {
  describe('with its own tests', () => {
    let mock: MockAnthropic
    let postern: PosternProcess
    beforeAll(async () => {
      mock = await startMockAnthropic()
      postern = await startBefore('anthropic', {
        baseurl: mock.url,
        authorization: 'x-api-key',
        compatibility: { anthropic_messages: true },
      })
    })
    afterAll(async () => {
      await postern?.stop()
      await mock?.stop()
    })

    test(
      'sees no difference between the API and the gateway but those on the list',
      async () => {
        const runs = await both('anthropic', mock.url, postern.url, mock.url)
        expectNoOther('anthropic', runs)
      },
      within,
    )
  })
})
