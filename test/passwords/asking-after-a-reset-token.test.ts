import test from 'ava'
import type { Reply } from '../client.ts'
import { anEmail } from '../make.ts'
import { openWorld } from '../world.ts'
import { aForgetful, another, wrongCodes } from './forgetful.ts'

const world = await openWorld({ worker: true })
const other = await world.instance()
test.after.always(() => world[Symbol.asyncDispose]())

const check = (presented: object) => world.client.post('verify-reset-token', presented)
const hour = 3_600_000

test.serial('asking whether a token or a code would do says until when, and spends neither', async t => {
  const { email, reset } = await aForgetful(world)
  const [row] = await world.sql<{ created_at: Date }>(
    `SELECT created_at FROM emails WHERE recipient = $1 AND kind = 'reset_password'`,
    [email],
  )
  const { token, code } = reset
  for (const presented of [
    { token },
    { email: email.toUpperCase(), code },
    { token },
    { token },
    { token },
  ]) {
    const { status, body } = await check(presented)
    t.is(status, 200)
    t.deepEqual(Object.keys(body).sort(), ['expires_at', 'valid'])
    t.true(body.valid)
    t.true(Math.abs(Date.parse(body.expires_at) - (row?.created_at.getTime() ?? 0) - hour) < 2000)
  }
  t.is((await other.client.post('verify-reset-token', { token })).status, 200)
  t.is((await world.client.post('reset-password', { token, new_password: another })).status, 204)
  t.is((await check({ token })).status, 401)
  t.is((await check({ email, code })).status, 401)
})

test.serial(
  'asking by wrong codes costs the guesses of the reset itself, and leaves the link alone',
  async t => {
    const { email, reset } = await aForgetful(world)
    const { token, code } = reset
    for (const wrong of wrongCodes(code, 5)) t.is((await check({ email, code: wrong })).status, 401)
    t.is((await check({ email, code })).status, 401)
    t.is((await world.client.post('reset-password', { email, code, new_password: another })).status, 401)
    t.is((await check({ token })).status, 200)
    t.is((await world.client.post('reset-password', { token, new_password: another })).status, 204)
  },
)

test.serial('an account that was closed since the mail has no token that would do', async t => {
  const { userId, reset } = await aForgetful(world)
  const { token } = reset
  await world.sql('UPDATE users SET is_active = false WHERE id = $1', [userId])
  t.is((await check({ token })).status, 401)
  t.is((await world.client.post('reset-password', { token, new_password: another })).status, 401)
  await world.sql('UPDATE users SET is_active = true WHERE id = $1', [userId])
  t.is((await check({ token })).status, 200, 'and it was not spent')
})

const shown = ({ status, headers, text, body }: Reply) => ({
  status,
  text: text.replace(body.request_id, ''),
  headers: [...headers].filter(([name]) => name !== 'date' && name !== 'x-request-id'),
})

test.serial(
  'a wrong code, an address that nobody has and one that asked for nothing are answered alike',
  async t => {
    const { email, reset } = await aForgetful(world)
    const [wrong = ''] = wrongCodes(reset.code, 1)
    const known = shown(await check({ email, code: wrong }))
    t.is(known.status, 401)
    t.deepEqual(shown(await check({ email: anEmail(), code: wrong })), known)
    t.deepEqual(shown(await check({ token: `lkp_${'A'.repeat(64)}` })), known)
    const forgotten = await aForgetful(world)
    await world.deps.redis.del(world.deps.keys.proof(forgotten.userId, 'reset_password'))
    t.deepEqual(shown(await check({ email: forgotten.email, code: forgotten.reset.code })), known)
  },
)

for (const path of ['verify-reset-token', 'reset-password'])
  test.serial(`${path} takes a token, or an address and a code, and no mixture`, async t => {
    const { email, reset } = await aForgetful(world)
    const { token, code } = reset
    const rest = path === 'reset-password' ? { new_password: another } : {}
    const mixtures = [
      {},
      { email },
      { code },
      { token, code },
      { token, email },
      { token, email, code },
      { token: [token] },
      { token: { $ne: '' } },
      { token: null },
      { email: [email], code },
      { email, code: Number(code) },
      { email, code: [code] },
      { token, userId: 'x' },
    ]
    for (const mixture of mixtures) {
      const reply = await world.client.post(path, { ...mixture, ...rest })
      t.is(reply.status, 400)
      t.is(reply.body.code, 'VALIDATION_ERROR')
    }
    t.is((await check({ token })).status, 200)
  })
