import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

/** What a gateway that reads Aperture's configuration has to do, and the test that shows it. docs/aperture.md is for people. */
const checklist: Readonly<Record<string, readonly (readonly [file: string, title: string])[]>> = {
  'joins of baseurl': [['upstream/join', '%s and %s make %s%s']],
  'openai_chat is cleared by another flag': [
    ['config/aperture', 'where another flag clears openai_chat'],
  ],
  'globs * and **, model ids with slashes': [
    ['config/glob', 'agrees with a naive matcher on everything'],
    ['upstream/route', 'ids with slashes work bare and qualified'],
  ],
  'exact tags, joined in one way': [
    ['policy/grants', "['tag:prod,tag:api', []]"],
    ['policy/explain', 'tags_differ'],
  ],
  'no role: 403 with its sentence, and on its API in its shape': [
    ['wire/bodies', 'access denied: no role granted'],
    ['wire/aperture', 'is answered at %s as Aperture does'],
  ],
  'role without model: 404 with its sentence': [
    ['policy/authorize', 'no route found for model "m" for user "ana"'],
    ['wire/dialects', 'no route found for model "nope"'],
  ],
  'admin wins': [['policy/grants', 'the highest role wins, in any order']],
  'floating entries': [['policy/permissions', 'without models for all']],
  'a hook of several grants fires once': [['wire/hooks', 'is called once, with everything']],
  '429 of quotas in four dialects, with Retry-After': [
    ['wire/quotas', 'is answered in the words of its dialect: %s'],
    ['wire/quotas', 'is told when to come again'],
  ],
  'a capacity of zero rejects everything': [['quota/bucket', "it.each(['dollars', 'tokens'"]],
  'a smaller capacity caps the balance': [['quota/bucket', 'does not fit a smaller definition']],
  'a quota that cannot be read fails closed': [['wire/quotas', 'a slip in the definition']],
  'shared buckets, <user>, <node>': [
    ['wire/quotas', 'is each person’s where it says so'],
    ['quota/names', 'goes by the stable id of the node'],
    ['wire/aperture', 'is not full again because the device has another name'],
  ],
  'billionths of a dollar, whole, in hooks': [['wire/quotas', 'in billionths of a dollar']],
  'model_cost_map: first match, multiplier': [
    ['prices/price', 'the first that matches holds'],
    ['prices/price', 'multiplies every tier as well'],
  ],
  'auto_cost_basis: false': [['prices/price', 'not where that is turned off']],
  'hooks in order, each sees what the one before made of it': [
    ['wire/hooks', 'that changes the body is seen by the next, and by the provider'],
  ],
  'a change that is not an object is not a change': [
    ['wire/hooks', 'which is not an object, allows it'],
  ],
  'block: 403 and its text by default': [['wire/hooks', 'request blocked by guardrail']],
  'fail_closed: 503': [['wire/hooks', 'answers 503 where it fails closed']],
  'hooks afterwards delay nothing': [['wire/hooks', 'delays no answer']],
  'streams are put together, usage included': [['wire/hooks', 'usage and all']],
  'gzip and br are unpacked': [['wire/packed-answers', 'is plain, clean and counted']],
  'retention "0" stores no body, metrics stay': [
    ['capture/capture', 'is not stored either where no retention says how long'],
  ],
  'retention purges captures, tools only where named': [
    ['capture/purge', 'leave calls of tools behind, unless those are named too'],
  ],
  'require_export holds back the purge': [['capture/purge', 'wait for the export of their row']],
  'unknown and duplicate keys are taken over as comments, and refused in files of our own': [
    ['cli/import', 'what Aperture only warns of is a comment in a file that starts:'],
    ['cli/import', 'of two equal keys the last counts, as in Aperture'],
    ['config/parse', 'names a duplicate key at its second place'],
  ],
  'its sentences for what is wrong': [
    ['config/aperture', 'what is wrong is said as Aperture says it:'],
  ],
  'a document that loads can be saved': [
    ['admin/api', 'is saved with warnings that the one in force has already, and with no other'],
  ],
  'an empty src grants nothing': [
    ['config/aperture', 'the default configuration, whose administrators are still to be named'],
    ['policy/grants', 'is not a caller at all where its list is empty'],
  ],
  'entries of temp_grants as its alpha had them': [
    ['cli/import', 'are brought to the shape of today: providers, models and hooks of temp_grants'],
  ],
  'auto_cost_basis on private addresses': [
    ['cli/import', 'is written as what Aperture infers, on a private address too'],
  ],
  'capabilities of other programs under grants': [
    ['wire/aperture', 'reaches a hook that asks for grants, beside those of the configuration'],
  ],
  'pricing and its description in the shape of its API': [
    ['admin/pricing', 'has the shape of Aperture’s own API, for one model as for all (%s)'],
    ['admin/api', 'of Aperture’s API has its name, its version, and its five operations'],
  ],
  'placeholder keys are not credentials': [
    ['wire/aperture', 'has shown no credential with the placeholder “%s: %s”'],
    ['wire/doors', 'the placeholder “%s: %s” changes nothing on the tailnet'],
  ],
  'connectors: an empty list, and a 404 that says so': [
    ['wire/aperture', 'is answered with an empty list'],
    ['wire/aperture', 'is answered at %s with what is not there yet'],
  ],
  'a bucket that was never used can be refilled': [
    ['wire/quotas', 'takes a refill of a bucket that was never used: it stays full'],
  ],
  'nobody locks themselves out': [['admin/api', 'take the last key from who saves it']],
  'If-Match, 412': [['admin/api', 'is refused when it was changed meanwhile']],
  'config:validate': [['admin/api', 'valid: true, errors: null']],
  '/v1/models hides what is disabled or not granted': [
    ['upstream/list', 'disabled and not allowed ones are hidden'],
  ],
  'a qualified id goes upstream bare': [['upstream/route', 'goes upstream without the prefix']],
  'passthrough falls back to the configured key': [
    ['wire/client-credential', 'sends the configured key for a client that has %s'],
  ],
  'none sends no credential': [['wire/client-credential', 'or send none']],
  'the client’s credential never leaks upstream': [
    ['wire/client-credential', 'of the gateway reaches no provider'],
  ],
  'headers that requests are found by, redacted where wanted': [
    ['wire/filterable-headers', 'is known to have been there, and no more'],
    ['wire/filterable-headers', 'admins among them'],
  ],
  'forged identity headers are nothing': [
    ['wire/doors-forgery', 'sees through what tailscaled would say'],
    ['wire/doors-forgery', '%s is refused, whoever sends it'],
  ],
}

const source = (file: string): string =>
  readFileSync(new URL(`./${file}.test.ts`, import.meta.url), 'utf8')

describe('what Aperture does is held to by a test', () => {
  it.each(Object.entries(checklist))('%s', (_, shown) => {
    for (const [file, title] of shown) expect(source(file)).toContain(title)
  })
})
