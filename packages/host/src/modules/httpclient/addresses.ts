import { BlockList, isIPv4, isIPv6 } from 'node:net'

/** Networks that are not the public Internet, or that lead to some other network by what an address contains. */
const BLOCKED: readonly (readonly [network: string, prefix: number])[] = [
  ['0.0.0.0', 8], // this host
  ['10.0.0.0', 8], // private
  ['100.64.0.0', 10], // carrier-grade NAT
  ['127.0.0.0', 8], // loopback
  ['169.254.0.0', 16], // link-local, with the metadata of clouds
  ['172.16.0.0', 12], // private
  ['192.0.0.0', 24], // protocol assignments
  ['192.0.2.0', 24], // documentation
  ['192.31.196.0', 24], // AS112
  ['192.52.193.0', 24], // AMT
  ['192.88.99.0', 24], // 6to4 relays
  ['192.168.0.0', 16], // private
  ['192.175.48.0', 24], // AS112
  ['198.18.0.0', 15], // measuring
  ['198.51.100.0', 24], // documentation
  ['203.0.113.0', 24], // documentation
  ['224.0.0.0', 4], // multicast
  ['240.0.0.0', 4], // reserved, broadcast
  ['168.63.129.16', 32], // the platform of one cloud, on a public address
]

/** IPv6 is the other way round: of all its addresses, only global unicast, and of that not these. */
const GLOBAL: readonly [string, number] = ['2000::', 3]
const BLOCKED_GLOBAL: readonly (readonly [network: string, prefix: number])[] = [
  ['2001::', 23], // protocol assignments: Teredo, ORCHID, benchmarking
  ['2001:db8::', 32], // documentation
  ['2002::', 16], // 6to4
  ['3fff::', 20], // documentation
]

const v4 = new BlockList()
for (const [network, prefix] of BLOCKED) v4.addSubnet(network, prefix, 'ipv4')
const global = new BlockList()
global.addSubnet(...GLOBAL, 'ipv6')
const v6 = new BlockList()
for (const [network, prefix] of BLOCKED_GLOBAL) v6.addSubnet(network, prefix, 'ipv6')

/**
 * True for an address of the public Internet. Every form of IPv4 within IPv6 is none: mapped, compatible, NAT64 and its
 * local prefix, 6to4 and Teredo lead to an IPv4 address that nobody checked. Whatever is no address is none either.
 */
export function isPublicAddress(address: string): boolean {
  if (isIPv4(address)) return !v4.check(address, 'ipv4')
  // A zone, as in `fe80::1%eth0`, is for one link.
  if (!isIPv6(address) || address.includes('%')) return false
  return global.check(address, 'ipv6') && !v6.check(address, 'ipv6')
}
