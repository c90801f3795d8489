import type { IncomingMessage } from 'node:http'
import { BlockList, isIP, SocketAddress } from 'node:net'

/**
 * Addresses and networks, as in `10.0.0.0/8, ::1`.
 *
 * @returns undefined when one of them is none
 */
export function parseNetworks(text: string): BlockList | undefined {
  const networks = new BlockList()
  for (const part of text.split(',').map((one) => one.trim())) {
    if (part === '') continue
    const [address = '', length, more] = part.split('/')
    const version = isIP(address)
    const bits = length === undefined ? BITS[version] : /^\d{1,3}$/.test(length) ? Number(length) : Infinity
    if (version === 0 || more !== undefined || bits === undefined || bits > (BITS[version] ?? 0))
      return undefined
    networks.addSubnet(address, bits, version === 4 ? 'ipv4' : 'ipv6')
  }
  return networks
}

const BITS: Readonly<Record<number, number>> = { 4: 32, 6: 128 }

/**
 * Whose request it is: what is at the other end of the connection, or, where that is one of our proxies, whoever it
 * says it speaks for. Each proxy adds to the end of the header, so it is read from there, and believed as far as the
 * proxies go: what stands before it anyone may have written.
 *
 * @returns an IPv4 address, or the network of 64 bits that an IPv6 address is in, since whoever has one has them all
 */
export function callerAddress(request: IncomingMessage, proxies: BlockList | undefined): string {
  let address = plain(request.socket.remoteAddress ?? '')
  if (proxies !== undefined && isOneOf(proxies, address)) {
    const named = request.headers['x-forwarded-for']
    const path = (typeof named === 'string' ? named : '').split(',').slice(-HOPS_MAX)
    for (const hop of path.toReversed()) {
      const before = plain(hop.trim())
      if (isIP(before) === 0) break
      address = before
      if (!isOneOf(proxies, address)) break
    }
  }
  return isIP(address) === 6 ? networkOf(address) : address
}

/** Proxies in a row that are followed. */
const HOPS_MAX = 16

/** IPv4 in IPv6 is IPv4. A zone belongs to this machine, not to the caller. */
function plain(address: string): string {
  const bare = address.replace(/%.*$/, '')
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(bare)?.[1]
  return mapped ?? bare
}

function isOneOf(networks: BlockList, address: string): boolean {
  const version = isIP(address)
  return version !== 0 && networks.check(address, version === 4 ? 'ipv4' : 'ipv6')
}

/** The first four groups, each in full. */
function networkOf(address: string): string {
  const { address: canonical } = new SocketAddress({ address, family: 'ipv6' })
  const [head = '', tail] = canonical.split('::')
  const before = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? 0 : 8 - before.length - after.length
  const groups = [...before, ...Array<string>(Math.max(0, zeros)).fill('0'), ...after]
  return `${groups.slice(0, 4).join(':')}::/64`
}
