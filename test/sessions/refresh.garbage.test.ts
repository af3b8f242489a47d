import test from 'ava'
import { deriveSecrets } from '../../src/crypto/secrets.ts'
import { readRefreshToken, writeRefreshToken } from '../../src/sessions/rules.ts'
import { anAccount } from '../make.ts'
import { watchRedis } from '../redis-watch.ts'
import { openWorld } from '../world.ts'

const world = await openWorld()
const watch = await watchRedis(world)
const account = await anAccount(world.client)
const stranger = await anAccount(world.client)
test.after.always(async () => {
  await watch[Symbol.asyncDispose]()
  await world[Symbol.asyncDispose]()
})

const { client, deps } = world
const refresh = (token: unknown) => client.post('refresh', { refresh_token: token })
const bytesOf = (token: string): Buffer => Buffer.from(token.slice(4), 'base64url')
const tokenOf = (bytes: Uint8Array): string => `lkr_${Buffer.from(bytes).toString('base64url')}`
const genuine = bytesOf(account.refresh)
const changed = (at: number, bit: number): Buffer => {
  const bytes = Buffer.from(genuine)
  bytes[at] = (bytes[at] ?? 0) ^ bit
  return bytes
}
const ownSession = () => deps.redis.hgetall(deps.keys.session(account.userId, account.sessionId))

test.serial('a token with any one of its bytes changed is refused, and Redis is not asked', async t => {
  t.is(genuine.length, 80)
  const before = await ownSession()
  await watch.seen()
  for (let at = 0; at < genuine.length; at++)
    for (const bit of [1, 0x80]) {
      const { status, body } = await refresh(tokenOf(changed(at, bit)))
      t.is(status, 401, `byte ${at}`)
      t.is(body.code, 'INVALID_REFRESH_TOKEN')
    }
  t.deepEqual(await watch.seen(), [])
  t.deepEqual(await ownSession(), before)
})

test.serial('a text that is nearly the token is refused, and Redis is not asked', async t => {
  const token = account.refresh
  const base = token.slice(4)
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  // The last character carries two bits that decoders ignore.
  const last = alphabet.indexOf(token.at(-1) ?? '')
  const respelled = [1, 2, 3].map(bits => token.slice(0, -1) + alphabet[last ^ bits])
  for (const same of respelled) t.deepEqual(bytesOf(same), genuine)
  const texts = [
    base,
    `lkp_${base}`,
    `LKR_${base}`,
    `lkr-${base}`,
    `lkr_lkr_${base}`,
    `lkr_${base}A`,
    `lkr_${base}AAAA`,
    `lkr_A${base}`,
    `lkr_${base}${base}`,
    'lkr_',
    'lkr_A',
    ...[1, 2, 22, 50, 106].map(length => token.slice(0, -length)),
    ...respelled,
  ]
  await watch.seen()
  for (const text of texts) {
    const { status, body } = await refresh(text)
    t.is(status, 401, text)
    t.is(body.code, 'INVALID_REFRESH_TOKEN', text)
  }
  t.deepEqual(await watch.seen(), [])
})

test.serial('a text that no token is spelled like is refused the same, and Redis is not asked', async t => {
  const token = account.refresh
  const texts = [
    `${token}=`,
    `${token}==`,
    ` ${token}`,
    `${token}\n`,
    token.replace('_', '.'),
    'A'.repeat(513),
    account.access,
  ]
  await watch.seen()
  for (const text of texts) {
    const { status, body } = await refresh(text)
    t.is(status, 401, JSON.stringify(text))
    t.is(body.code, 'INVALID_REFRESH_TOKEN')
  }
  t.deepEqual(await watch.seen(), [])
})

test.serial('what is no text, or too long for one, is a fault of the request', async t => {
  const token = account.refresh
  await watch.seen()
  for (const text of ['', 'A'.repeat(4097), 1, null, true, [token], { refresh_token: token }]) {
    const { status, body } = await refresh(text)
    t.is(status, 400, JSON.stringify(text))
    t.is(body.code, 'VALIDATION_ERROR')
    t.false(JSON.stringify(body).includes(token), 'the reply does not repeat it')
  }
  t.is((await client.post('refresh', { refresh_token: token, user_id: stranger.userId })).status, 400)
  for (const none of [undefined, {}])
    t.is((await client.post('refresh', none)).body.code, 'INVALID_REFRESH_TOKEN', 'no cookie either')
  t.deepEqual(await watch.seen(), [])
})

test.serial('the ids of another user or session do not fit', async t => {
  const other = bytesOf(stranger.refresh)
  const mixed = [
    [other.subarray(0, 16), genuine.subarray(16)],
    [genuine.subarray(0, 16), other.subarray(16, 32), genuine.subarray(32)],
    [other.subarray(0, 32), genuine.subarray(32)],
    [genuine.subarray(0, 64), other.subarray(64)],
    [other.subarray(0, 64), genuine.subarray(64)],
    [genuine.subarray(0, 64), Buffer.alloc(16)],
  ]
  await watch.seen()
  for (const parts of mixed) t.is((await refresh(tokenOf(Buffer.concat(parts)))).status, 401)
  t.deepEqual(await watch.seen(), [])
})

test.serial('a token made under another secret is refused, and Redis is not asked', async t => {
  const parts = readRefreshToken(deps.secrets, account.refresh)
  if (!parts) throw new Error('the genuine token must be readable')
  t.is(writeRefreshToken(deps.secrets, parts), account.refresh)
  await watch.seen()
  t.is((await refresh(writeRefreshToken(deriveSecrets('x'.repeat(32)), parts))).status, 401)
  t.deepEqual(await watch.seen(), [])
})

test.serial('a genuine tag over a secret that was never issued is theft', async t => {
  const { userId, sessionId, refresh: issued } = await anAccount(client)
  const forged = writeRefreshToken(deps.secrets, { userId, sessionId, secret: Buffer.alloc(32, 7) })
  t.is((await refresh(forged)).status, 401)
  t.is((await refresh(issued)).status, 401)
})

test.serial('neither kind of token does the work of the other, and Redis is not asked', async t => {
  await watch.seen()
  t.is((await refresh(account.access)).status, 401)
  const asked = await client.get('me', { token: account.refresh })
  t.is(asked.status, 401)
  t.is(asked.body.code, 'INVALID_TOKEN')
  t.is((await client.post('logout-all', undefined, { token: account.refresh })).status, 401)
  t.deepEqual(await watch.seen(), [])
})

test.serial('after all of that the genuine token works', async t => {
  await watch.seen()
  t.is((await refresh(account.refresh)).status, 200)
  t.true((await watch.seen()).length > 0, 'the watch sees what Redis is asked')
  t.is((await refresh(stranger.refresh)).status, 200)
})
