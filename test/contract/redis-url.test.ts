import test from 'ava'
import { readConfig } from '../../src/base/config.ts'
import { parseRedisUrl } from '../../src/base/redis-url.ts'

const forms: Record<string, unknown> = {
  'redis://localhost': { kind: 'single', tls: false, at: { host: 'localhost', port: 6379 }, db: 0 },
  'redis://localhost:6380/2': { kind: 'single', tls: false, at: { host: 'localhost', port: 6380 }, db: 2 },
  'redis://localhost/': { kind: 'single', tls: false, at: { host: 'localhost', port: 6379 }, db: 0 },
  'redis://app:a%2Fb%3Ac@[::1]:6379': {
    ...{ kind: 'single', tls: false, username: 'app', password: 'a/b:c' },
    ...{ at: { host: '::1', port: 6379 }, db: 0 },
  },
  'rediss://:a,b@redis.example.com': {
    ...{ kind: 'single', tls: true, password: 'a,b', at: { host: 'redis.example.com', port: 6379 }, db: 0 },
  },
  'redis://:a@b@localhost': {
    ...{ kind: 'single', tls: false, password: 'a@b', at: { host: 'localhost', port: 6379 }, db: 0 },
  },
  'redis://:word@h1:7000, redis://h2:7001,redis://:word@h3': {
    ...{ kind: 'cluster', tls: false, password: 'word' },
    nodes: [
      { host: 'h1', port: 7000 },
      { host: 'h2', port: 7001 },
      { host: 'h3', port: 6379 },
    ],
  },
  'rediss+cluster://app:word@seed.example.com:7000': {
    ...{ kind: 'cluster', tls: true, username: 'app', password: 'word' },
    nodes: [{ host: 'seed.example.com', port: 7000 }],
  },
  'redis+sentinel://:word@h1:26380,h2/my%20master': {
    ...{ kind: 'sentinel', tls: false, password: 'word', master: 'my master', db: 0 },
    sentinels: [
      { host: 'h1', port: 26380 },
      { host: 'h2', port: 26379 },
    ],
  },
  'rediss+sentinel://h1/main/3?sentinelUsername=s&sentinelPassword=p%2Bq': {
    ...{ kind: 'sentinel', tls: true, master: 'main', db: 3, sentinels: [{ host: 'h1', port: 26379 }] },
    ...{ sentinelUsername: 's', sentinelPassword: 'p+q' },
  },
}

for (const [text, address] of Object.entries(forms))
  test(`REDIS_URL: ${text}`, t => {
    t.deepEqual(parseRedisUrl(text), address as ReturnType<typeof parseRedisUrl>)
  })

const refused: Record<string, RegExp> = {
  '5ecret': /redis:\/\/host/,
  'http://:5ecret@host': /redis:\/\/host/,
  'redis://': /redis:\/\/host/,
  'redis://:5ecret@': /redis:\/\/host/,
  'redis:5ecret': /redis:\/\/host/,
  'redis://:5ecret@host:99999': /redis:\/\/host/,
  'redis://:5ecret@host:0': /redis:\/\/host/,
  'redis://:5ecret@host/five': /redis:\/\/host/,
  'redis://:5ecret@h1:7000,h2:7001': /redis:\/\/host/,
  'redis://:5ecret@h1,redis+sentinel://h2/main': /redis:\/\/host/,
  'redis://:5ecret%@host': /percent-encoded/,
  'redis://:5ecret@host?commandTimeout=0': /options/,
  'redis+sentinel://:5ecret@h1/main?tls=false': /options/,
  'redis+sentinel://:5ecret@h1,h2': /master name/,
  'redis+sentinel://:5ecret@h1/main/0/1': /redis:\/\/host/,
  'redis://:5ecret@h1:7000/0,redis://h2:7001': /database/,
  'redis+cluster://:5ecret@h1:7000/1': /database/,
  'redis://:5ecret@h1,redis://:another5ecret@h2': /same user and password/,
  'redis://:5ecret@h1,rediss://h2': /same protocol/,
}

for (const [text, reason] of Object.entries(refused))
  test(`REDIS_URL is refused, and not repeated: ${text}`, t => {
    const secret = 'of-tests-alone-7Gk2vQx9LmZr4TbY8wNc'
    const env = { DATABASE_URL: 'postgres://localhost/app', APP_SECRET: secret, REDIS_URL: text }
    const read = readConfig(env, 'api')
    const faults = 'faults' in read ? read.faults : []
    t.is(faults.length, 1)
    t.regex(faults[0] ?? '', /^REDIS_URL must /)
    t.regex(faults[0] ?? '', reason)
    t.notRegex(faults[0] ?? '', /5ecret/)
  })
