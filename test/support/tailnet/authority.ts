import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { must } from '../parts/run.ts'

/** Certificate and key, as PEM. */
export interface Leaf {
  readonly certificate: string
  readonly key: string
}

export interface Authority {
  /** Certificate of the authority, as PEM. */
  readonly certificate: string
  issue(name: string): Promise<Leaf>
}

const openssl = (folder: string, args: readonly string[]) =>
  must('openssl', args, { cwd: folder, within: 10_000 })

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']

/** An authority of our own, in `folder`, since headscale gives out no certificates. */
export const makeAuthority = async (folder: string): Promise<Authority> => {
  const ca = ['-subj', '/CN=postern test authority', '-days', '2', '-keyout', 'ca.key']
  await openssl(folder, ['req', '-x509', ...newKey, ...ca, '-out', 'ca.crt'])
  const issue = async (name: string): Promise<Leaf> => {
    const leaf = ['-subj', `/CN=${name}`, '-addext', `subjectAltName=DNS:${name}`, '-days', '1']
    const usage = ['-addext', 'extendedKeyUsage=serverAuth', '-addext', 'basicConstraints=CA:FALSE']
    const signer = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-keyout', 'leaf.key', '-out', 'leaf.crt']
    await openssl(folder, ['req', '-x509', ...newKey, ...leaf, ...usage, ...signer])
    return {
      certificate: await readFile(join(folder, 'leaf.crt'), 'utf8'),
      key: await readFile(join(folder, 'leaf.key'), 'utf8'),
    }
  }
  return { certificate: await readFile(join(folder, 'ca.crt'), 'utf8'), issue }
}
