import { describe, expect, it } from 'vitest'
import { secretsOf } from '../../src/gateway/http/log/log-line.ts'
import { read } from './read.ts'

const s3 = (fields: object) => {
  const { config, problems } = read({ exporters: { s3: fields } })
  return { config, problems: problems.filter(({ path }) => path.startsWith('exporters')) }
}
const whole = { bucket_name: 'gw', access_key_id: 'AKID', access_secret: 'SECRET-of-it' }

describe('exporters.s3', () => {
  it('is off without a bucket', () => {
    for (const fields of [
      {},
      { bucket_name: '' },
      { bucket_name: null },
      { region: 'eu-west-1' },
    ]) {
      expect(s3(fields)).toMatchObject({ problems: [], config: { exporters: { s3: undefined } } })
    }
  })

  it('has Aperture’s defaults, and caps the rows of an object without a word', () => {
    expect(s3({ ...whole, limit: 99_999 })).toMatchObject({ problems: [] })
    expect(s3({ ...whole, limit: 99_999 }).config?.exporters.s3).toEqual({
      bucket: 'gw',
      endpoint: '',
      region: 'us-east-1',
      prefix: '',
      accessKeyId: 'AKID',
      accessSecret: 'SECRET-of-it',
      every: 3_600_000,
      limit: 10_000,
    })
    expect(s3({ ...whole, every: 60 }).config?.exporters.s3?.every).toBe(60_000)
    expect(s3({ ...whole, every: '15m' }).config?.exporters.s3?.every).toBe(900_000)
  })

  it.each([
    [{ ...whole, prefix: 'prod/' }, 'exporters.s3.prefix must not end with a slash'],
    [{ ...whole, prefix: '../up' }, 'is not a valid object prefix'],
    [{ ...whole, access_secret: null }, 'is missing'],
    [{ ...whole, access_key_id: undefined }, 'is missing'],
    [{ ...whole, bucket_name: 'No/Bucket' }, 'is not a valid bucket name'],
    [{ ...whole, endpoint: 'ftp://x' }, ''],
    [{ ...whole, every: 0 }, ''],
    [{ ...whole, colour: 'red' }, 'colour'],
  ])('refuses %j', (fields, message) => {
    const { problems } = s3(fields)
    expect(problems.map((problem) => problem.message).join()).toContain(message)
    expect(problems).not.toEqual([])
    expect(JSON.stringify(problems)).not.toContain('SECRET')
  })

  it('keeps its secret out of the log', () => {
    const { config } = s3(whole)
    expect(config && secretsOf(config)).toContain('SECRET-of-it')
  })
})
