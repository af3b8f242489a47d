import { randomBytes } from 'node:crypto'
import test from 'ava'
import { anApi } from '../../chaos/processes.ts'
import { type Breakpoint, openWireBreakpoint } from '../../chaos/wire-breakpoint.ts'
import { allEffects, effectsOf, noEffects } from '../../integration/purchases/payment-effects.ts'
import type { Purchase } from '../../integration/purchases/shop.ts'
import { kill } from '../../spawn.ts'
import { openLocalShop } from './local-shop.ts'

// A process is killed at the exact moment at which it sends a command to Postgres: before Postgres gets the command, or
// before the process gets the answer. The gateway gets no reply and sends the event again.

const shop = await openLocalShop()
test.after.always(() => shop[Symbol.asyncDispose]())

/** Sends an event to a process that is killed at the breakpoint. Throws if the process answers anyway. */
const sendToKilledProcess = async (breakpoint: Breakpoint, purchase: Purchase, id: string): Promise<void> => {
  const { DATABASE_URL } = shop.config
  await using postgres = await openWireBreakpoint(DATABASE_URL, '5432')
  const { child, client } = await anApi(shop, { DATABASE_URL: postgres.through(DATABASE_URL) })
  const hit = new Promise<string>(resolve => {
    postgres.set(breakpoint, () => {
      child.kill('SIGKILL')
      resolve('killed')
    })
  })
  const reply = shop.sendEvent('payment_intent.succeeded', purchase, { id, client }).then(
    ({ status }) => `answered ${status}`,
    () => 'cut off',
  )
  const outcome = await Promise.race([hit, reply])
  if (outcome !== 'killed') throw new Error(`the process was not killed: ${outcome}`)
  await kill(child)
  if ((await reply) !== 'cut off') throw new Error(`it was killed too late: ${await reply}`)
}

const effects = effectsOf(shop)

const moments: [string, Breakpoint, typeof allEffects][] = [
  ['after its id was stored', { bytes: 'INSERT INTO "webhook_events"', answered: true }, noEffects],
  ['after the site was sold', { bytes: 'UPDATE sites', answered: true }, noEffects],
  ['before the commit', { bytes: 'COMMIT', answered: false }, noEffects],
  ['after the commit and before the reply', { bytes: 'COMMIT', answered: true }, allEffects],
]

for (const [moment, breakpoint, expected] of moments)
  test.serial(
    `an API is killed while it handles an event, ${moment} → all or nothing is stored, a retry works`,
    async t => {
      const purchase = await shop.aPurchase()
      const id = `msg_${randomBytes(12).toString('hex')}`
      await sendToKilledProcess(breakpoint, purchase, id)
      t.deepEqual(await effects(purchase, id), expected)
      const before = await shop.rowOf(purchase.id)

      t.is((await shop.sendEvent('payment_intent.succeeded', purchase, { id })).status, 204)
      t.deepEqual(await effects(purchase, id), allEffects)
      if (expected === allEffects) t.deepEqual(await shop.rowOf(purchase.id), before)
    },
  )
