import test from 'ava'
import { openWorld } from '../world.ts'
import { aForgetful, another, askReset, wrongCodes } from './forgetful.ts'

// Six digits open an account: five guesses at a code, and twenty a day however many codes are asked for.

const world = await openWorld({ worker: true })
const other = await world.instance()
test.after.always(() => world[Symbol.asyncDispose]())

const guess = (email: string, code: string, at = world.client) =>
  at.post('reset-password', { email, code, new_password: another })

test.serial('after four wrong guesses the right code is still good', async t => {
  const { email, reset } = await aForgetful(world)
  for (const wrong of wrongCodes(reset.code, 4)) t.is((await guess(email, wrong)).status, 401)
  t.is((await guess(email, reset.code)).status, 204)
})

test.serial(
  'twenty guesses at once at two instances are counted together, and close the code but not the link',
  async t => {
    const { email, password, reset } = await aForgetful(world)
    const replies = await Promise.all(
      wrongCodes(reset.code, 20).map((wrong, i) => guess(email, wrong, (i % 2 ? world : other).client)),
    )
    t.true(replies.every(({ status }) => status === 401))
    t.is((await guess(email, reset.code)).status, 401)
    t.is((await world.client.post('login', { email, password })).status, 200)
    t.is(
      (await world.client.post('reset-password', { token: reset.token, new_password: another })).status,
      204,
    )
  },
)

test.serial('of a hundred right guesses that come too late none opens', async t => {
  const { email, password, reset } = await aForgetful(world)
  for (const wrong of wrongCodes(reset.code, 5)) await guess(email, wrong)
  const late = await Promise.all(Array.from({ length: 30 }, () => guess(email, reset.code)))
  t.true(late.every(({ status }) => status === 401))
  t.is((await world.client.post('login', { email, password })).status, 200)
})

test.serial(
  'new codes bring no new guesses without end: twenty a day, then the link alone works',
  async t => {
    const { email, userId, password, reset } = await aForgetful(world)
    let mailed = reset
    for (let round = 0; round < 4; round++) {
      if (round > 0) mailed = await askReset(world, email)
      for (const wrong of wrongCodes(mailed.code, 5)) t.is((await guess(email, wrong)).status, 401)
    }
    mailed = await askReset(world, email)
    t.is((await guess(email, mailed.code)).status, 401, 'the twenty-first guess, and the right one')
    t.is(
      (await world.client.post('verify-reset-token', { email, code: mailed.code })).status,
      401,
      'asking is a guess too',
    )
    t.is((await world.client.post('login', { email, password })).status, 200)

    const left = await world.deps.redis.pttl(world.deps.keys.guesses(userId, 'reset_password'))
    t.true(left > 86_400_000 - 60_000 && left <= 86_400_000, 'and tomorrow there are new ones')
    const { token } = mailed
    t.is((await world.client.post('reset-password', { token, new_password: another })).status, 204)
  },
)

test.serial('guesses at one account cost another none', async t => {
  const [mine, yours] = [await aForgetful(world), await aForgetful(world)]
  for (const wrong of wrongCodes(mine.reset.code, 5)) await guess(mine.email, wrong)
  t.is((await guess(mine.email, yours.reset.code)).status, 401)
  t.is((await guess(yours.email, yours.reset.code)).status, 204)
})
