import type { IncomingMessage } from 'node:http'
import test from 'ava'
import { readConfig } from '../../../src/base/config.ts'
import type { TrustedProxies } from '../../../src/base/variable-rules.ts'
import { behindProxy, clientOf, normalAddress } from '../../../src/http/client.ts'

const addresses: [given: string, normal: string | null][] = [
  ['198.51.100.7', '198.51.100.7'],
  ['::ffff:198.51.100.7', '198.51.100.7'],
  ['::FFFF:198.51.100.7', '198.51.100.7'],
  ['::ffff:c633:6407', '198.51.100.7'],
  ['0:0:0:0:0:ffff:198.51.100.7', '198.51.100.7'],
  ['0000:0000:0000:0000:0000:ffff:c633:6407', '198.51.100.7'],
  ['::ffff:0.0.0.1', '0.0.0.1'],
  ['::1', '0:0:0:0:0:0:0:1'],
  ['::', '0:0:0:0:0:0:0:0'],
  ['2001:DB8::a', '2001:db8:0:0:0:0:0:a'],
  ['2001:0db8:0000:0000:0000:0000:0000:000a', '2001:db8:0:0:0:0:0:a'],
  ['2001:db8:0:0:1::', '2001:db8:0:0:1:0:0:0'],
  ['fe80::1%eth0', 'fe80:0:0:0:0:0:0:1'],
  ['1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8'],
  ['64:ff9b::198.51.100.7', '64:ff9b:0:0:0:0:c633:6407'],
  ['::fffe:198.51.100.7', '0:0:0:0:0:fffe:c633:6407'],
  ['', null],
  ['localhost', null],
  ['198.51.100', null],
  ['198.51.100.256', null],
  ['0198.51.100.7', null],
  ['0xc6.51.100.7', null],
  ['198.51.100.7:80', '198.51.100.7'],
  ['[::1]', '0:0:0:0:0:0:0:1'],
  ['[2001:db8::a]:4711', '2001:db8:0:0:0:0:0:a'],
  ['198.51.100.7:', null],
  ['1:2:3:4:5:6:7', null],
  ['::1::', null],
  ['::ffff:198.51.100.7/96', null],
  ['%', null],
  ['::1]/x', null],
]
for (const [given, normal] of addresses)
  test(`"${given}" is ${normal ?? 'no address'}`, t => {
    t.is(normalAddress(given), normal)
    if (normal) t.is(normalAddress(normal), normal, 'the normal form is its own')
  })

const request = (remoteAddress: string | undefined, headers: Record<string, string> = {}) =>
  ({ socket: { remoteAddress }, headers }) as unknown as IncomingMessage
const seen = (proxies: TrustedProxies, forwarded: string, peer: string | undefined = '192.0.2.1') => {
  const { ip, network } = clientOf(request(peer, { 'x-forwarded-for': forwarded }), proxies)
  return { ip, network }
}

test('IPv6 is counted by /64, IPv4 by address', t => {
  t.deepEqual(seen(0, '', '2001:db8:a:b:c:d:e:f'), {
    ip: '2001:db8:a:b:c:d:e:f',
    network: '2001:db8:a:b::/64',
  })
  t.is(seen(0, '', '2001:db8:a:b::').network, '2001:db8:a:b::/64')
  t.is(seen(0, '', '::1').network, '0:0:0:0::/64')
  t.is(seen(0, '', '::ffff:192.0.2.9').network, '192.0.2.9')
  t.not(seen(0, '', '2001:db8:a:b::').network, seen(0, '', '2001:db8:a:c::').network)
})

test('the hop that the outermost trusted proxy saw is read from the right', t => {
  const hops = '198.51.100.1, 198.51.100.2,198.51.100.3'
  t.is(seen(0, hops).ip, '192.0.2.1')
  t.is(seen(1, hops).ip, '198.51.100.3')
  t.is(seen(2, hops).ip, '198.51.100.2')
  t.is(seen(3, hops).ip, '198.51.100.1')
  t.is(seen(1, '').ip, '192.0.2.1')
  t.is(seen(1, '198.51.100.1, junk').ip, '192.0.2.1', 'never further left than it should')
})

test('a socket that is gone already has an address too', t => {
  t.is(clientOf(request(undefined), 0).ip, '0.0.0.0')
})

test('a browser may call itself whatever it likes, in 256 characters', t => {
  const { userAgent } = clientOf(request('::1', { 'user-agent': 'x'.repeat(10_000) }), 0)
  t.is(userAgent.length, 256)
  t.is(clientOf(request('::1'), 0).userAgent, '')
})

/** As an operator would write it. */
const trusting = (text: string): TrustedProxies => {
  const read = readConfig(
    { TRUSTED_PROXIES: text, APP_SECRET: 'x'.repeat(32), DATABASE_URL: 'postgres://h/d' },
    'migrate',
  )
  if ('faults' in read) throw new Error(read.faults.join())
  return read.config.TRUSTED_PROXIES
}

const ours = trusting('10.0.0.0/8, 192.0.2.1,2001:db8:ff::/48')

test('of trusted networks, the first hop from the right that is none of them is the client', t => {
  t.is(seen(ours, '198.51.100.1, 198.51.100.2').ip, '198.51.100.2')
  t.is(seen(ours, '198.51.100.1, 10.1.2.3').ip, '198.51.100.1')
  t.is(seen(ours, '6.6.6.6, 198.51.100.1, 10.1.2.3, 2001:db8:ff::1').ip, '198.51.100.1')
  t.is(seen(ours, '198.51.100.1, ::ffff:10.1.2.3, [2001:db8:ff::1]:443').ip, '198.51.100.1')
  t.is(seen(ours, '10.0.0.1, 10.0.0.2').ip, '10.0.0.1', 'from within: the outermost that was seen')
  t.is(seen(ours, '').ip, '192.0.2.1')
})

test('whoever comes past the trusted proxies is counted by their own address, whatever they write', t => {
  for (const peer of ['203.0.113.5', '::ffff:203.0.113.5']) {
    t.is(seen(ours, '198.51.100.1, 10.0.0.1', peer).ip, '203.0.113.5')
    t.false(behindProxy(request(peer), ours))
  }
  t.true(behindProxy(request('::ffff:10.9.9.9'), ours))
  t.false(behindProxy(request(undefined), ours))
  t.false(behindProxy(request('192.0.2.1'), 0))
  t.true(behindProxy(request('192.0.2.1'), 1))
})

test('a hop that is no address ends the walk, and nothing further left is believed', t => {
  t.is(seen(ours, '198.51.100.1, junk, 10.0.0.1').ip, '10.0.0.1')
  t.is(seen(ours, '198.51.100.1, junk').ip, '192.0.2.1')
  t.is(seen(ours, '198.51.100.1, unknown, 198.51.100.9').ip, '198.51.100.9')
})

test('what is no list of networks is refused at the start', t => {
  const wrong = [
    '11',
    '-1',
    '1.5',
    '10.0.0.0/33',
    '::/129',
    '0.0.0.0/0',
    '::/0',
    '10.0.0.0/',
    '10.0.0/8',
    'loopback',
  ]
  for (const text of [...wrong, '10.0.0.0/8;192.0.2.1', '10.0.0.0/8,', 'true', '*', '10.0.0.0 /8'])
    t.throws(() => trusting(text), { message: /^TRUSTED_PROXIES must be/ }, text)
  t.is(trusting('0'), 0)
  t.is(trusting('10'), 10)
})
