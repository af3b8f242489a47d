import test from 'ava'
import { anAccount } from '../make.ts'
import { openWorld } from '../world.ts'

const world = await openWorld()
test.after.always(() => world[Symbol.asyncDispose]())

const minute = 60_000

test.serial(
  'an access token is good for a quarter of an hour, and what it meets then says what to do',
  async t => {
    const { access, refresh } = await anAccount(world.client)
    const me = (token: string) => world.client.get('me', { token })
    world.clock.shift += 15 * minute - 5000
    t.is((await me(access)).status, 200)

    world.clock.shift += 30_000
    const { status, body, headers } = await me(access)
    t.is(status, 401)
    t.is(body.code, 'TOKEN_EXPIRED')
    t.is(headers.get('www-authenticate'), 'Bearer realm="latchkey", error="invalid_token"')
    t.is(
      (await world.client.patch('me', { full_name: 'Late' }, { token: access })).body.code,
      'TOKEN_EXPIRED',
    )
    t.is((await world.client.post('logout-all', undefined, { token: access })).body.code, 'TOKEN_EXPIRED')

    const renewed = await world.client.post('refresh', { refresh_token: refresh })
    t.is(renewed.status, 200)
    t.is((await me(renewed.body.access_token)).status, 200)
    t.is((await me(access)).body.code, 'TOKEN_EXPIRED')
  },
)

test.serial('a token from the future is not valid; clocks may differ by five seconds', async t => {
  world.clock.shift += 4000
  const soon = await anAccount(world.client)
  world.clock.shift -= 4000
  t.is((await world.client.get('me', { token: soon.access })).status, 200)

  world.clock.shift += minute
  const late = await anAccount(world.client)
  world.clock.shift -= minute
  t.is((await world.client.get('me', { token: late.access })).body.code, 'INVALID_TOKEN')
})

test.serial('an expired token with a spoilt signature is not valid rather than expired', async t => {
  const { access } = await anAccount(world.client)
  world.clock.shift += 16 * minute
  const spoilt = `${access.slice(0, 30)}${access[30] === 'A' ? 'B' : 'A'}${access.slice(31)}`
  t.is((await world.client.get('me', { token: spoilt })).body.code, 'INVALID_TOKEN')
})
