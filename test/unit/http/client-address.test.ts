import type { IncomingMessage } from 'node:http'
import test from 'ava'
import { readConfig } from '../../../src/config.ts'
import type { TrustedProxies } from '../../../src/platform/config/trusted-proxies.ts'
import { behindProxy, clientOf, normalAddress } from '../../../src/platform/http/client.ts'
import { plainTheme } from '../../theme.ts'

// The address of a client: how it is normalized, and which proxy headers are believed.

const { locales } = plainTheme.templates

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
  test(`client address "${given}" → ${normal ?? 'invalid'}`, t => {
    t.is(normalAddress(given), normal)
    if (normal) t.is(normalAddress(normal), normal, 'the normal form stays unchanged')
  })

const request = (remoteAddress: string | undefined, headers: Record<string, string> = {}) =>
  ({ socket: { remoteAddress }, headers }) as unknown as IncomingMessage
const clientBehind = (proxies: TrustedProxies, forwarded: string, peer: string | undefined = '192.0.2.1') => {
  const { ip, network } = clientOf(request(peer, { 'x-forwarded-for': forwarded }), proxies, locales)
  return { ip, network }
}

test('network of a client → /64 for IPv6, the address itself for IPv4', t => {
  t.deepEqual(clientBehind(0, '', '2001:db8:a:b:c:d:e:f'), {
    ip: '2001:db8:a:b:c:d:e:f',
    network: '2001:db8:a:b::/64',
  })
  t.is(clientBehind(0, '', '2001:db8:a:b::').network, '2001:db8:a:b::/64')
  t.is(clientBehind(0, '', '::1').network, '0:0:0:0::/64')
  t.is(clientBehind(0, '', '::ffff:192.0.2.9').network, '192.0.2.9')
  t.not(clientBehind(0, '', '2001:db8:a:b::').network, clientBehind(0, '', '2001:db8:a:c::').network)
})

test('number of trusted proxies → the client is that many X-Forwarded-For hops from the right', t => {
  const hops = '198.51.100.1, 198.51.100.2,198.51.100.3'
  t.is(clientBehind(0, hops).ip, '192.0.2.1')
  t.is(clientBehind(1, hops).ip, '198.51.100.3')
  t.is(clientBehind(2, hops).ip, '198.51.100.2')
  t.is(clientBehind(3, hops).ip, '198.51.100.1')
  t.is(clientBehind(1, '').ip, '192.0.2.1')
  t.is(clientBehind(1, '198.51.100.1, junk').ip, '192.0.2.1', 'no hop further left is used')
  t.is(clientBehind(1, '198.51.100.1,\t198.51.100.3 \t').ip, '198.51.100.3')
  t.is(
    clientBehind(1, '198.51.100.1,\xA0198.51.100.3').ip,
    '192.0.2.1',
    'only spaces and tabs are white space in HTTP',
  )
})

test('socket already closed → client address 0.0.0.0', t => {
  t.is(clientOf(request(undefined), 0, locales).ip, '0.0.0.0')
})

test('user agent → cut at 256 characters', t => {
  const { userAgent } = clientOf(request('::1', { 'user-agent': 'x'.repeat(10_000) }), 0, locales)
  t.is(userAgent.length, 256)
  t.is(clientOf(request('::1'), 0, locales).userAgent, '')
})

/** The setting as an operator writes it. */
const parseProxies = (text: string): TrustedProxies => {
  const read = readConfig(
    { NODE_ENV: 'test', TRUSTED_PROXIES: text, APP_SECRET: 'x'.repeat(32), DATABASE_URL: 'postgres://h/d' },
    'migrate',
  )
  if ('errors' in read) throw new Error(read.errors.join())
  return read.config.TRUSTED_PROXIES
}

const trustedNetworks = parseProxies('10.0.0.0/8, 192.0.2.1,2001:db8:ff::/48')

test('trusted networks → the client is the first hop from the right outside them', t => {
  t.is(clientBehind(trustedNetworks, '198.51.100.1, 198.51.100.2').ip, '198.51.100.2')
  t.is(clientBehind(trustedNetworks, '198.51.100.1, 10.1.2.3').ip, '198.51.100.1')
  t.is(clientBehind(trustedNetworks, '6.6.6.6, 198.51.100.1, 10.1.2.3, 2001:db8:ff::1').ip, '198.51.100.1')
  t.is(
    clientBehind(trustedNetworks, '198.51.100.1, ::ffff:10.1.2.3, [2001:db8:ff::1]:443').ip,
    '198.51.100.1',
  )
  t.is(
    clientBehind(trustedNetworks, '10.0.0.1, 10.0.0.2').ip,
    '10.0.0.1',
    'client inside the networks: the outermost hop',
  )
  t.is(clientBehind(trustedNetworks, '').ip, '192.0.2.1')
})

test('client that bypasses the trusted proxies → counted by its own address, headers are ignored', t => {
  for (const peer of ['203.0.113.5', '::ffff:203.0.113.5']) {
    t.is(clientBehind(trustedNetworks, '198.51.100.1, 10.0.0.1', peer).ip, '203.0.113.5')
    t.false(behindProxy(request(peer), trustedNetworks))
  }
  t.true(behindProxy(request('::ffff:10.9.9.9'), trustedNetworks))
  t.false(behindProxy(request(undefined), trustedNetworks))
  t.false(behindProxy(request('192.0.2.1'), 0))
  t.true(behindProxy(request('192.0.2.1'), 1))
})

test('invalid hop in X-Forwarded-For → hops further left are ignored', t => {
  t.is(clientBehind(trustedNetworks, '198.51.100.1, junk, 10.0.0.1').ip, '10.0.0.1')
  t.is(clientBehind(trustedNetworks, '198.51.100.1, junk').ip, '192.0.2.1')
  t.is(clientBehind(trustedNetworks, '198.51.100.1, unknown, 198.51.100.9').ip, '198.51.100.9')
})

test('invalid TRUSTED_PROXIES → refused at start', t => {
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
    t.throws(() => parseProxies(text), { message: /^TRUSTED_PROXIES must be/ }, text)
  t.is(parseProxies('0'), 0)
  t.is(parseProxies('10'), 10)
})
