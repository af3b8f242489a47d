import anyTest from 'ava'
import * as oauth from 'openid-client'
import { onFreePort } from '../../../src/platform/base/free-port.ts'
import { anAccount, withOtherEnd } from '../../fixtures.ts'
import { openWorld } from '../../world.ts'
import { aClient } from './a-client.ts'

// A client library of others, without code of ours: it finds the routes by the metadata and uses them.

const test = anyTest.serial

// A real issuer on a real port: the library compares the issuer of the metadata with the address that it asked.
const world = await onFreePort(undefined, port =>
  openWorld({ env: { PORT: String(port), PUBLIC_URL: `http://127.0.0.1:${port}` } }),
)
const machine = await aClient(world, 'introspect', 'revoke', 'orders:read')
anyTest.after.always(() => world[Symbol.asyncDispose]())

const { client } = world
const issuer = new URL(world.env.PUBLIC_URL ?? '')

// The errors of the library hold a reply, which the test runner cannot copy.
const plain = async <T>(asked: Promise<T>): Promise<T> => {
  try {
    return await asked
  } catch (error) {
    const { error: code, status, cause } = error as oauth.ResponseBodyError
    throw new Error(`${(error as Error).message}: ${code} ${status} ${JSON.stringify(cause)}`)
  }
}

const ways = {
  'HTTP Basic': oauth.ClientSecretBasic,
  'the form': oauth.ClientSecretPost,
}

for (const [way, authentication] of Object.entries(ways)) {
  const discover = (secret = machine.secret) =>
    plain(
      oauth.discovery(issuer, machine.id, undefined, authentication(secret), {
        algorithm: 'oauth2',
        execute: [oauth.allowInsecureRequests],
      }),
    )

  test(`openid-client with the secret in ${way} → finds the routes, gets a token and checks tokens`, async t => {
    const configuration = await discover()
    t.is(configuration.serverMetadata().issuer, issuer.href.replace(/\/$/, ''))
    const granted = await plain(oauth.clientCredentialsGrant(configuration, { scope: 'orders:read' }))
    t.is(granted.token_type, 'bearer')
    t.is(granted.expires_in, 900)
    t.like(await plain(oauth.tokenIntrospection(configuration, granted.access_token)), {
      active: true,
      client_id: machine.id,
      scope: 'orders:read',
    })

    const { access, refresh, userId, sessionId } = await anAccount(client)
    t.like(await plain(oauth.tokenIntrospection(configuration, access)), {
      active: true,
      sub: userId,
      sid: sessionId,
    })
    t.like(
      await plain(oauth.tokenIntrospection(configuration, refresh, { token_type_hint: 'refresh_token' })),
      {
        active: true,
        sub: userId,
      },
    )
    t.deepEqual({ ...(await plain(oauth.tokenIntrospection(configuration, 'unknown'))) }, { active: false })
  })

  test(`openid-client with the secret in ${way} → revokes a session`, async t => {
    const configuration = await discover()
    const { access, refresh } = await anAccount(client)
    await plain(oauth.tokenRevocation(configuration, refresh))
    await plain(oauth.tokenRevocation(configuration, refresh))
    t.deepEqual({ ...(await plain(oauth.tokenIntrospection(configuration, access))) }, { active: false })
    t.is((await client.get('me', { token: access })).status, 401)
    const { access_token } = await plain(oauth.clientCredentialsGrant(configuration))
    await t.throwsAsync(plain(oauth.tokenRevocation(configuration, access_token)), {
      message: /unsupported_token_type 400/,
    })
  })

  test(`openid-client with a wrong secret in ${way} → the library reads the challenge of the 401`, async t => {
    const configuration = await discover(withOtherEnd(machine.secret))
    await t.throwsAsync(plain(oauth.tokenIntrospection(configuration, 'unknown')), {
      message: /challenge.* 401 .*"scheme":"basic"/,
    })
  })
}
