import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { describe, test } from 'node:test'
import { callerAddress, parseNetworks } from './address.ts'

function address(remoteAddress: string | undefined, forwarded?: string, proxies?: string): string {
  const request = {
    socket: { remoteAddress },
    headers: forwarded === undefined ? {} : { 'x-forwarded-for': forwarded },
  } as unknown as IncomingMessage
  return callerAddress(request, proxies === undefined ? undefined : parseNetworks(proxies))
}

describe('whose request it is', () => {
  const cases = [
    { name: 'whoever is connected', remote: '192.0.2.1', is: '192.0.2.1' },
    { name: 'the same in IPv6', remote: '::ffff:192.0.2.1', is: '192.0.2.1' },
    { name: 'the network of an IPv6 address', remote: '2001:db8:1:2:3:4:5:6', is: '2001:db8:1:2::/64' },
    { name: 'another address of that network', remote: '2001:db8:1:2::9', is: '2001:db8:1:2::/64' },
    { name: 'a network with zeros', remote: '2001:db8::1', is: '2001:db8:0:0::/64' },
    { name: 'this machine in IPv6', remote: '::1', is: '0:0:0:0::/64' },
    { name: 'a neighbour with a zone', remote: 'fe80::1%eth0', is: 'fe80:0:0:0::/64' },
    { name: 'nobody, when the connection is gone', remote: undefined, is: '' },
    { name: 'nobody who only says so', remote: '192.0.2.1', forwarded: '198.51.100.7', is: '192.0.2.1' },
    {
      name: 'not whom a stranger names',
      remote: '192.0.2.1',
      forwarded: '198.51.100.7',
      proxies: '10.0.0.0/8',
      is: '192.0.2.1',
    },
    {
      name: 'whom a proxy names',
      remote: '10.1.2.3',
      forwarded: '198.51.100.7',
      proxies: '10.0.0.0/8',
      is: '198.51.100.7',
    },
    {
      name: 'the last that no proxy of ours wrote',
      remote: '::ffff:10.1.2.3',
      forwarded: '203.0.113.5, 198.51.100.7 , 10.9.9.9',
      proxies: '10.0.0.0/8, ::1',
      is: '198.51.100.7',
    },
    { name: 'a proxy that names nobody', remote: '10.1.2.3', proxies: '10.0.0.0/8', is: '10.1.2.3' },
    {
      name: 'a proxy that names no address',
      remote: '10.1.2.3',
      forwarded: '203.0.113.5, unknown',
      proxies: '10.0.0.0/8',
      is: '10.1.2.3',
    },
    {
      name: 'the network of an IPv6 address that a proxy names',
      remote: '::1',
      forwarded: '2001:DB8:A::1',
      proxies: '::1',
      is: '2001:db8:a:0::/64',
    },
    {
      name: 'of a very long way the end only',
      remote: '10.0.0.1',
      forwarded: `203.0.113.5, ${Array(40).fill('10.0.0.2').join(', ')}`,
      proxies: '10.0.0.0/8',
      is: '10.0.0.2',
    },
  ]
  for (const { name, remote, forwarded, proxies, is } of cases) {
    test(name, () => {
      assert.equal(address(remote, forwarded, proxies), is)
    })
  }
})

test('networks are addresses or networks with commas between, and nothing else', () => {
  for (const good of ['', '::1', ' 10.0.0.0/8 ,127.0.0.1', '2001:db8::/32,', '0.0.0.0/0'])
    assert.notEqual(parseNetworks(good), undefined, good)
  for (const bad of [
    'x',
    '10.0.0.0/33',
    '10.0.0.0/8/9',
    '10.0.0/8',
    '::1/129',
    '10.0.0.0/',
    '10.0.0.0/-1',
    '1.2.3.4;::1',
  ])
    assert.equal(parseNetworks(bad), undefined, bad)
})
