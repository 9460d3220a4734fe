import {
  type PrivateSigningKey,
  readSigningKey,
  replaceSigningKey,
} from '../../adapter/node/secrets/signing-key.ts'
import { act } from '../act.ts'
import { type LedgerFlags, withLedger } from '../ledger.ts'
import { type Minted, mintRandom, mintSigned, type Wanted } from './mint.ts'

/** Makes a key, and keeps of it what is needed to know it again. */
export const mint = async (
  flags: LedgerFlags,
  wanted: Wanted,
  signed: boolean,
): Promise<Minted> => {
  const minted = signed
    ? await mintSigned(wanted, await signerInForce(flags))
    : await mintRandom(wanted)
  const { id: target, login, name, limits } = minted.kept
  const change = { kind: 'key.create', key: minted.kept } as const
  const detail = JSON.stringify({ login, name, ...limits })
  await act(flags, [{ action: 'key.create', target, detail, change }])
  return minted
}

/** The key that signs at present; undefined when there is none yet. */
export const currentSigner = ({ data }: LedgerFlags): Promise<PrivateSigningKey | undefined> =>
  readSigningKey(data)

/** A new signing key. `older` are those whose signatures still count. */
export const rotate = async (
  flags: LedgerFlags,
): Promise<{ readonly kid: string; readonly older: readonly string[] }> => {
  // Nothing is replaced before the ledger was found.
  const signers = await withLedger(flags, (db, { listSigners }) => listSigners(db))
  const { kid } = await announce(flags, await replaceSigningKey(flags.data))
  const older = signers.filter(({ retiredAt }) => retiredAt === null).map((each) => each.kid)
  return { kid, older }
}

/** One that was retired elsewhere is of no use any more. */
const signerInForce = async (flags: LedgerFlags): Promise<PrivateSigningKey> => {
  const signers = await withLedger(flags, (db, { listSigners }) => listSigners(db))
  const present = await readSigningKey(flags.data)
  const known = signers.find(({ kid }) => kid === present?.kid)
  if (present !== undefined && known?.retiredAt === null) return present
  const usable = present !== undefined && known === undefined
  return announce(flags, usable ? present : await replaceSigningKey(flags.data))
}

/** Gateways learn a public half from the ledger, on Workers too. */
const announce = async (
  flags: LedgerFlags,
  signer: PrivateSigningKey,
): Promise<PrivateSigningKey> => {
  const { kid: target, jwk } = signer
  const change = { kind: 'key.sign', signer: { kid: target, jwk }, at: Date.now() } as const
  await act(flags, [{ action: 'key.rotate', target, change }])
  return signer
}
