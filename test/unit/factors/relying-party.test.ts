import test from 'ava'
import { readConfig } from '../../../src/config.ts'
import { hasPasskeys, passkeyOrigins, relyingPartyId } from '../../../src/platform/config/relying-party.ts'

const minimal = {
  NODE_ENV: 'test',
  DATABASE_URL: 'postgres://app@localhost/app',
  REDIS_URL: 'redis://localhost',
  APP_SECRET: 'Xv9-of-tests-alone-0123456789-abcdef',
  PUBLIC_URL: 'https://id.example.com/accounts',
}

const read = (env: Record<string, string>) => readConfig({ ...minimal, ...env }, 'api')

const configOf = (env: Record<string, string>) => {
  const result = read(env)
  if ('errors' in result) throw new Error(result.errors.join('\n'))
  return result.config
}

const errorsOf = (env: Record<string, string>): string[] => {
  const result = read(env)
  return 'errors' in result ? result.errors : []
}

test('no variables of passkeys → the host of PUBLIC_URL, and the origins of PUBLIC_URL and FRONTEND_URL', t => {
  const config = configOf({ FRONTEND_URL: 'https://app.example.com/start' })
  t.is(relyingPartyId(config), 'id.example.com')
  t.deepEqual(passkeyOrigins(config), ['https://id.example.com', 'https://app.example.com'])
  t.deepEqual(passkeyOrigins(configOf({ FRONTEND_URL: 'https://id.example.com/app' })), [
    'https://id.example.com',
  ])
})

test('WEBAUTHN_ORIGINS → these origins alone, also of an Android app', t => {
  const app = `android:apk-key-hash:${'b'.repeat(43)}`
  const config = configOf({ WEBAUTHN_ORIGINS: `https://app.example.com:444, ${app}` })
  t.deepEqual(passkeyOrigins(config), ['https://app.example.com:444', app])
})

const errors = {
  other: 'WEBAUTHN_RP_ID must be the host of PUBLIC_URL or of one of WEBAUTHN_ORIGINS, or a domain above it',
  dot: 'WEBAUTHN_RP_ID must be localhost or have at least one dot, such as example.com',
}

for (const [name, env, expected] of [
  ['the host of PUBLIC_URL', { WEBAUTHN_RP_ID: 'id.example.com' }, []],
  ['a domain above PUBLIC_URL', { WEBAUTHN_RP_ID: 'example.com' }, []],
  [
    'a domain above an origin',
    { WEBAUTHN_RP_ID: 'shop.test', WEBAUTHN_ORIGINS: 'https://www.shop.test' },
    [],
  ],
  ['localhost', { WEBAUTHN_RP_ID: 'localhost', PUBLIC_URL: 'http://localhost:8000' }, []],
  ['another domain', { WEBAUTHN_RP_ID: 'example.org' }, [errors.other]],
  ['a domain below', { WEBAUTHN_RP_ID: 'a.id.example.com' }, [errors.other]],
  ['a text that the host ends with', { WEBAUTHN_RP_ID: 'ample.com' }, [errors.other]],
  ['a top-level domain', { WEBAUTHN_RP_ID: 'com' }, [errors.dot]],
  ['localhost, while the pages are elsewhere', { WEBAUTHN_RP_ID: 'localhost' }, [errors.other]],
] as const)
  test(`WEBAUTHN_RP_ID is ${name} → ${expected.length === 0 ? 'accepted' : 'an error at the start'}`, t => {
    t.deepEqual(errorsOf(env), [...expected])
  })

test('http origins in production → an error; the origin of an Android app → accepted', t => {
  const production = { NODE_ENV: 'production', APP_SECRET: 'kq0Y1dR5mT0gk4dQGJ8v0nHnq7p1Tj3b1m0m6r7yQ3c=' }
  const app = `android:apk-key-hash:${'b'.repeat(43)}`
  t.deepEqual(errorsOf({ ...production, WEBAUTHN_ORIGINS: app }), [])
  t.deepEqual(errorsOf({ ...production, WEBAUTHN_ORIGINS: 'http://app.example.com' }), [
    'WEBAUTHN_ORIGINS must begin with https:// if NODE_ENV is production',
  ])
})

test('the host of PUBLIC_URL is an IP address → no passkeys, unless WEBAUTHN_RP_ID names a domain', t => {
  t.false(hasPasskeys(configOf({ PUBLIC_URL: 'http://127.0.0.1:8000' })))
  t.false(hasPasskeys(configOf({ PUBLIC_URL: 'http://[::1]:8000' })))
  t.true(hasPasskeys(configOf({ PUBLIC_URL: 'http://localhost:8000' })))
  const env = { PUBLIC_URL: 'http://10.0.0.1', WEBAUTHN_RP_ID: 'example.com' }
  t.true(hasPasskeys(configOf({ ...env, WEBAUTHN_ORIGINS: 'https://app.example.com' })))
})
