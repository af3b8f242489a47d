import test from 'ava'
import { openWorld } from '../world.ts'
import { aForgetful, another, press } from './forgetful.ts'

const world = await openWorld({ worker: true })
const other = await world.instance()
test.after.always(() => world[Symbol.asyncDispose]())

const hour = 3_600_000

test.serial('a reset link and its code live for an hour after they were asked for', async t => {
  t.teardown(() => {
    world.clock.shift = 0
  })
  const early = await aForgetful(world)
  const late = await aForgetful(world)
  const { token, code, path } = late.reset
  const { email, password } = late

  world.clock.shift = hour - 60_000
  const { status, body } = await world.client.post('verify-reset-token', { token })
  t.is(status, 200)
  const left = Date.parse(body.expires_at) - Date.now() - world.clock.shift
  t.true(left > 0 && left <= 60_000, 'a minute at most is left')
  const inTime = { token: early.reset.token, new_password: another }
  t.is((await world.client.post('reset-password', inTime)).status, 204)

  world.clock.shift = hour + 1000
  for (const { client } of [world, other])
    for (const presented of [{ token }, { email, code }]) {
      t.is((await client.post('verify-reset-token', presented)).status, 401)
      const reply = await client.post('reset-password', { ...presented, new_password: another })
      t.is(reply.status, 401)
      t.is(reply.body.code, 'INVALID_TOKEN')
    }
  const page = (await world.client.get(path)).text
  t.is((await press(world.client, { path, page }, { new_password: another })).status, 401)
  t.is((await world.client.post('login', { email, password })).status, 200)
})
