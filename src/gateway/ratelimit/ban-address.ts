import ipaddr from 'ipaddr.js'
import { addressSet, clientAddress } from '../http/guards/client-address.ts'

const nobody = addressSet([])
const loopback = addressSet(['127.0.0.0/8', '::1']).ranges

/**
 * The spelling under which a ban is kept: an IPv6 client is its /64, a range begins at its network.
 * @throws RangeError with a sentence for people when the text is neither an address nor a range
 */
export const banAddress = (text: string): string => {
  const [address, bits] = parse(text)
  if (!text.includes('/')) return clientAddress(text, null, nobody).key
  const cidr = `${address.toString()}/${bits}`
  return address.kind() === 'ipv4'
    ? `${ipaddr.IPv4.networkAddressFromCIDR(cidr).toString()}/${bits}`
    : `${ipaddr.IPv6.networkAddressFromCIDR(cidr).toRFC5952String()}/${bits}`
}

/**
 * The same, for a ban that is to be set: this machine is where a mistake is mended, and behind a proxy
 * on it stands everybody.
 * @throws RangeError also when the range takes in loopback
 */
export const bannableAddress = (text: string): string => {
  const [address, bits] = parse(text)
  const overlaps = loopback.some(
    ([range, length]) =>
      range.kind() === address.kind() && address.match(range, Math.min(bits, length)),
  )
  if (overlaps) throw new RangeError(`${text} takes in this machine itself.`)
  return banAddress(text)
}

const parse = (text: string) => {
  try {
    const [range] = addressSet([text]).ranges
    if (range !== undefined) return range
  } catch {}
  throw new RangeError(`"${text}" is not an IP address or a CIDR range.`)
}
