import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { type ProcessName, readConfig } from '../../src/base/config.ts'
import { exampleSecret } from '../../src/base/variables.ts'

const secret = 'Xv9-of-tests-alone-0123456789-abcdef'

const sound = {
  DATABASE_URL: 'postgres://app@localhost/app',
  REDIS_URL: 'redis://localhost',
  SMTP_URL: 'smtp://localhost',
  APP_SECRET: secret,
}
const production = { ...sound, NODE_ENV: 'production', PUBLIC_URL: 'https://id.example.com' }

const faultsOf = (env: Record<string, string | undefined>, process: ProcessName = 'worker'): string[] => {
  const result = readConfig(env, process)
  return 'faults' in result ? result.faults : []
}

const configOf = (env: Record<string, string | undefined>) => {
  const result = readConfig(env, 'worker')
  if ('faults' in result) throw new Error(result.faults.join('\n'))
  return result.config
}

test('each process asks for what it needs and no more', t => {
  const none = ['DATABASE_URL', 'REDIS_URL', 'SMTP_URL', 'APP_SECRET'].map(name => `${name} is not set`)
  t.deepEqual(faultsOf({}, 'worker'), none)
  t.deepEqual(
    faultsOf({}, 'api'),
    none.filter(fault => !fault.startsWith('SMTP')),
  )
  t.deepEqual(
    faultsOf({}, 'migrate'),
    none.filter(fault => /^(DATABASE|APP)/.test(fault)),
  )
  t.deepEqual(faultsOf(sound), [])
})

test('an empty variable counts as unset', t => {
  t.deepEqual(faultsOf({ ...sound, SMTP_URL: '', APP_SECRET: '' }), [
    'SMTP_URL is not set',
    'APP_SECRET is not set',
  ])
  const { PORT, FRONTEND_URL, CORS_ORIGINS } = configOf({
    ...sound,
    PORT: '',
    FRONTEND_URL: '',
    CORS_ORIGINS: '',
  })
  t.is(PORT, 8000)
  t.is(FRONTEND_URL, undefined)
  t.deepEqual(CORS_ORIGINS, [])
})

const broken: Record<string, string> = {
  NODE_ENV: 'prod-5ecret',
  DATABASE_URL: 'mysql://root:5ecret@db/app',
  REDIS_URL: '5ecret',
  REDIS_PREFIX: 'lk:{5ecret}',
  SMTP_URL: 'https://user:5ecret@mail',
  MAIL_FROM: 'A <a@b.c>\r\nBcc: 5ecret@x.y',
  APP_SECRET: '5ecret',
  PUBLIC_URL: 'https://user:5ecret@id.example.com',
  FRONTEND_URL: 'javascript:5ecret',
  CORS_ORIGINS: 'https://app.example.com/5ecret',
  PORT: '5ecret',
  TRUSTED_PROXIES: 'true5ecret',
  ACCESS_TOKEN_TTL: '900-5ecret',
  REFRESH_TOKEN_TTL: '5ecret',
  SESSION_MAX_AGE: '5ecret',
  BCRYPT_COST: '12.5ecret',
  PASSWORD_MIN_LENGTH: '5ecret',
  PASSWORD_REQUIRE: 'letter,5ecret',
  RATE_LIMITS: 'login=5ecret',
  EMAIL_LINK_CONFIRM: '5ecret',
  LOG_LEVEL: '5ecret',
}

test('every fault is told at once, by name and rule, never by value', t => {
  const faults = faultsOf(broken)
  t.deepEqual(
    faults.map(fault => fault.split(' ')[0]),
    Object.keys(broken),
  )
  for (const fault of faults) t.regex(fault, /^[A-Z_]+ must /)
  t.notRegex(faults.join('\n'), /5ecret/)
})

for (const name of ['api', 'worker', 'migrate'] as const)
  test(`${name} prints every fault and ends with 78, which tells a supervisor not to try again`, t => {
    const file = fileURLToPath(new URL(`../../src/${name}.ts`, import.meta.url))
    const env = { PATH: process.env.PATH, ...broken, DATABASE_URL: '' }
    const { status, stdout, stderr } = spawnSync(process.execPath, [file], { env, encoding: 'utf8' })
    t.is(status, 78)
    t.is(stdout, '')
    for (const variable of Object.keys(broken)) t.regex(stderr, new RegExp(`^  ${variable} `, 'm'))
    t.regex(stderr, /^ {2}DATABASE_URL is not set$/m)
    t.notRegex(stderr, /5ecret/)
  })

test('production refuses what is weak, and says why', t => {
  t.deepEqual(faultsOf(production), [])
  const faults = (changed: Record<string, string | undefined>) => faultsOf({ ...production, ...changed })
  t.deepEqual(faults({ APP_SECRET: undefined }), ['APP_SECRET is not set'])
  t.deepEqual(faults({ APP_SECRET: secret.slice(0, 31) }), ['APP_SECRET must have 32 characters at least'])
  t.deepEqual(faults({ APP_SECRET: exampleSecret }), ['APP_SECRET must not be the example'])
  t.deepEqual(faults({ APP_SECRET: 'a'.repeat(64) }), ['APP_SECRET is too easy to guess'])
  t.deepEqual(faults({ APP_SECRET: 'password'.repeat(8) }), ['APP_SECRET is too easy to guess'])
  const https = ['PUBLIC_URL must begin with https:// in production']
  t.deepEqual(faults({ PUBLIC_URL: 'http://id.example.com' }), https)
  t.deepEqual(faults({ PUBLIC_URL: undefined }), https)
  t.deepEqual(faults({ BCRYPT_COST: '9' }), ['BCRYPT_COST must be 10 at least in production'])
  t.is(faults({ PUBLIC_URL: '', APP_SECRET: 'x', BCRYPT_COST: '4', PORT: '-1' }).length, 4)
})

test('development accepts what production refuses', t => {
  t.deepEqual(faultsOf({ ...sound, APP_SECRET: exampleSecret, BCRYPT_COST: '4' }), [])
})

test('one form of each address, whatever was typed', t => {
  const { PUBLIC_URL, CORS_ORIGINS } = configOf({
    ...sound,
    PUBLIC_URL: 'https://id.example.com/base//',
    CORS_ORIGINS: 'https://a.example/, https://b.example:8443 ,',
  })
  t.is(PUBLIC_URL, 'https://id.example.com/base')
  t.deepEqual(CORS_ORIGINS, ['https://a.example', 'https://b.example:8443'])
  for (const origin of [
    '*',
    'null',
    'https://*.example.com',
    'https://a.example/path',
    'https://u:p@a.example',
  ])
    t.is(faultsOf({ ...sound, CORS_ORIGINS: origin }).length, 1, origin)
})

test('times are in milliseconds and have ends', t => {
  t.is(configOf({ ...sound, ACCESS_TOKEN_TTL: '90s' }).ACCESS_TOKEN_TTL, 90_000)
  for (const time of ['59s', '2h', '15', '0m', '-5m', '1e3s', 'forever'])
    t.is(faultsOf({ ...sound, ACCESS_TOKEN_TTL: time }).length, 1, time)
})
