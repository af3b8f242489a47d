import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import test from 'ava'
import { nextToken, readRefreshToken, secretHash } from '../../../src/features/sessions/refresh-token.ts'
import { rotateSession } from '../../../src/features/sessions/rotation-store.ts'
import { anAccount } from '../../fixtures.ts'
import { openLocalWorld } from '../../local-world.ts'
import { openProxiedInstance } from '../../proxied-instance.ts'
import { monitorRedis } from '../../redis-monitor.ts'
import { until } from '../../until.ts'

const world = await openLocalWorld({ singleRedis: true })
const proxied = await openProxiedInstance(world)
const digest = createHash('sha1')
  .update(await readFile(new URL('../../../src/features/sessions/rotate.lua', import.meta.url)))
  .digest('hex')
test.after.always(async () => {
  await proxied[Symbol.asyncDispose]()
  await world[Symbol.asyncDispose]()
})

const { client, deps, sql } = world
const rotationOf = (text: string) => {
  const token = readRefreshToken(deps.secrets, text)
  if (!token) throw new Error('not a refresh token')
  const { userId, sessionId, secret } = token
  const { current } = deps.secrets
  return {
    ...{ userId, sessionId, idle: deps.config.REFRESH_TOKEN_TTL },
    ...{ presented: secretHash(secret), presentedSecretId: current.id },
    ...{ next: secretHash(nextToken(token, current).secret), nextSecretId: current.id },
  }
}

test.serial('the rotation script runs twice with the same arguments → the token is rotated once', async t => {
  const account = await anAccount(client)
  const rotation = rotationOf(account.refresh)
  const first = await rotateSession(deps, rotation)
  const stored = await deps.redis.hgetall(deps.keys.session(account.userId, account.sessionId))
  const second = await rotateSession(deps, rotation)
  t.is(first.outcome, 'rotated')
  t.is(second.outcome, 'repeated')
  t.is(second.epoch, first.epoch)
  t.is(second.authTime, first.authTime)
  t.true(second.expiresIn > 0 && second.expiresIn <= first.expiresIn)
  t.deepEqual(await deps.redis.hgetall(deps.keys.session(account.userId, account.sessionId)), stored)
  t.is(stored.current, rotation.next)
})

test.serial(
  'the connection breaks before the reply → the driver resends the script, the session continues',
  async t => {
    await using watch = await monitorRedis(world)
    const account = await anAccount(client)
    await watch.seen()
    const lost = proxied.redis.loseReplyTo(account.sessionId)
    const reply = await proxied.client.post('refresh', { refresh_token: account.refresh })
    await lost
    t.is(reply.status, 200)

    const rotations = (await watch.seen()).filter(
      ([name, sha]) => name?.toLowerCase() === 'evalsha' && sha === digest,
    )
    t.is(rotations.length, 2, 'the script ran twice')
    t.deepEqual(rotations[1], rotations[0])

    t.is(
      (await client.post('refresh', { refresh_token: account.refresh })).body.refresh_token,
      reply.body.refresh_token,
    )
    t.is((await client.get('me', { token: reply.body.access_token })).status, 200)
    t.is((await client.post('refresh', { refresh_token: reply.body.refresh_token })).status, 200)
    t.is(
      (
        await sql(`SELECT 1 FROM audit_events WHERE user_id = $1 AND type = 'session.reused'`, [
          account.userId,
        ])
      ).length,
      0,
    )
  },
)

test.serial(
  'an outage delays a refresh until the client has refreshed elsewhere → the session continues',
  async t => {
    await using watch = await monitorRedis(world)
    const account = await anAccount(client)
    proxied.redis.pause()
    t.is((await proxied.client.post('refresh', { refresh_token: account.refresh })).status, 503)
    const second = (await client.post('refresh', { refresh_token: account.refresh })).body
    const third = (await client.post('refresh', { refresh_token: second.refresh_token })).body
    await watch.seen()
    proxied.redis.heal()
    await until('Redis to run the delayed script', async () =>
      (await watch.seen()).some(([, sha, ...rest]) => sha === digest && rest.includes(account.sessionId)),
    )
    t.is((await client.get('me', { token: third.access_token })).status, 200)
    t.is((await client.post('refresh', { refresh_token: third.refresh_token })).status, 200)
    t.is(
      (
        await sql(`SELECT 1 FROM audit_events WHERE user_id = $1 AND type = 'session.reused'`, [
          account.userId,
        ])
      ).length,
      0,
    )
  },
)

test.serial(
  'the connection breaks before the reply to a session command → no session is lost or left',
  async t => {
    const account = await anAccount(client)
    const { email, password, sessionId, userId } = account

    let lost = proxied.redis.loseReplyTo(sessionId)
    const asked = await proxied.client.get('me', { token: account.access })
    await lost
    t.is(asked.status, 200)

    lost = proxied.redis.loseReplyTo(userId)
    const loggedIn = await proxied.client.post('login', { email, password })
    await lost
    t.is(loggedIn.status, 200)
    t.is((await client.post('refresh', { refresh_token: loggedIn.body.refresh_token })).status, 200)

    lost = proxied.redis.loseReplyTo(sessionId)
    const ended = await proxied.client.post('logout', { refresh_token: account.refresh })
    await lost
    t.true(ended.status === 204 || ended.status === 503, `logout answered ${ended.status}`)
    t.is((await client.get('me', { token: account.access })).body.code, 'SESSION_REVOKED')

    lost = proxied.redis.loseReplyTo(userId)
    const endedAll = await proxied.client.post('logout-all', undefined, { token: loggedIn.body.access_token })
    await lost
    t.is(endedAll.status, 204)
    t.is((await client.get('me', { token: loggedIn.body.access_token })).body.code, 'SESSION_REVOKED')
  },
)

test.serial('Redis loses its scripts → refresh, login and logout-all still work', async t => {
  const account = await anAccount(client)
  await deps.redis.script('FLUSH')
  const refreshed = await client.post('refresh', { refresh_token: account.refresh })
  t.is(refreshed.status, 200)
  await deps.redis.script('FLUSH')
  const { email, password } = account
  const loggedIn = await client.post('login', { email, password })
  t.is(loggedIn.status, 200)
  await deps.redis.script('FLUSH')
  t.is((await client.post('logout-all', undefined, { token: loggedIn.body.access_token })).status, 204)
  t.is((await client.get('me', { token: refreshed.body.access_token })).status, 401)
})
