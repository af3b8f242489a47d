import { setTimeout as sleep } from 'node:timers/promises'
import { refresh, signIn } from '../test/chaos/account-actions.ts'
import { askRedis } from '../test/chaos/ask-store.ts'
import type { System } from '../test/chaos/faults.ts'
import type { OpenLoop } from '../test/chaos/open-loop.ts'
import type { Run } from './soak-invariants.ts'

/** Empties Redis. No session may be left, every user can sign in again, and emails are sent. */
export const flush = async (system: System, { rig, accounts }: OpenLoop): Promise<Run['flushed']> => {
  const before = accounts.flatMap(({ session }) => (session ? [session] : []))
  await askRedis(system.redis.url, redis => redis.flushall())
  let lost = 0
  for (const { refresh } of before) {
    const request = { path: 'refresh', body: { refresh_token: refresh }, route: 'refresh (after FLUSHALL)' }
    const reply = await rig.request({ ...request, actor: 'honest' })
    if (reply?.status === 401) lost++
  }
  const account = accounts.find(each => each.maybePassword === null && each.resets === 0)
  if (!account) throw new Error('there is no account left to sign in to')
  await signIn({ rig, account })
  const signedIn = account.session !== null
  await refresh({ rig, account })
  const { arrived } = system.mail
  const emailsBefore = arrived.size
  await rig.request({ path: 'forgot-password', body: { email: account.email }, actor: 'honest' })
  for (let left = 300; left > 0 && arrived.size === emailsBefore; left--) await sleep(100)
  return { sessions: before.length, lost, signedIn, mailed: arrived.size > emailsBefore }
}
