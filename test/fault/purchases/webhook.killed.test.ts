import { randomBytes } from 'node:crypto'
import test from 'ava'
import { allEffects, effectsOf, noEffects } from '../../integration/purchases/payment-effects.ts'
import type { Purchase } from '../../integration/purchases/shop.ts'
import { kill } from '../../spawn.ts'
import { anApi } from '../processes.ts'
import { type Mark, openTrap } from '../trap.ts'
import { openLocalShop } from './local-shop.ts'

// The process that takes an event is killed at the very moment at which it says something to Postgres: before Postgres
// hears it, or after it has done it and before that is heard. The gateway has no answer, and sends the event again.

const shop = await openLocalShop()
test.after.always(() => shop[Symbol.asyncDispose]())

/** Sends an event to a process that is killed at the mark; throws where it answers all the same. */
const tellTheDying = async (mark: Mark, purchase: Purchase, id: string): Promise<void> => {
  const { DATABASE_URL } = shop.config
  await using postgres = await openTrap(DATABASE_URL, '5432')
  const { child, client } = await anApi(shop, { DATABASE_URL: postgres.through(DATABASE_URL) })
  const sprung = new Promise<string>(resolve => {
    postgres.set(mark, () => {
      child.kill('SIGKILL')
      resolve('killed')
    })
  })
  const reply = shop.sendEvent('payment_intent.succeeded', purchase, { id, client }).then(
    ({ status }) => `answered ${status}`,
    () => 'cut off',
  )
  const outcome = await Promise.race([sprung, reply])
  if (outcome !== 'killed') throw new Error(`the process was not killed: ${outcome}`)
  await kill(child)
  if ((await reply) !== 'cut off') throw new Error(`it was killed too late: ${await reply}`)
}

const left = effectsOf(shop)

const moments: [string, Mark, typeof allEffects][] = [
  ['when its id is written', { bytes: 'INSERT INTO "webhook_events"', answered: true }, noEffects],
  ['when the site is sold', { bytes: 'UPDATE sites', answered: true }, noEffects],
  ['before it commits', { bytes: 'COMMIT', answered: false }, noEffects],
  ['when it has committed and not answered', { bytes: 'COMMIT', answered: true }, allEffects],
]

for (const [moment, mark, expected] of moments)
  test.serial(`killed ${moment}: all of it is there or nothing, and the event may come again`, async t => {
    const purchase = await shop.aPurchase()
    const id = `msg_${randomBytes(12).toString('hex')}`
    await tellTheDying(mark, purchase, id)
    t.deepEqual(await left(purchase, id), expected)
    const before = await shop.rowOf(purchase.id)

    t.is((await shop.sendEvent('payment_intent.succeeded', purchase, { id })).status, 204)
    t.deepEqual(await left(purchase, id), allEffects)
    if (expected === allEffects) t.deepEqual(await shop.rowOf(purchase.id), before)
  })
