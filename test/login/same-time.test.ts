import test from 'ava'
import bcrypt from 'bcrypt'
import { strangers } from '../../src/attempts/rules.ts'
import { anAccount, anEmail, password } from '../make.ts'
import { openWorld } from '../world.ts'

// An answer that comes sooner tells as much as one in other words. At this cost a bcrypt takes most of a request, so
// that one which is left out, or done twice, shows above the noise.

// At least; and at most, on a machine that is busy: whatever else it does only adds to the shortest.
const rounds = [8, 60] as const
const env = { BCRYPT_COST: '8', RATE_LIMITS: 'login=100000/15m,register=1000/15m' }
const world = await openWorld({ env })
const { client, deps, sql } = world
test.after.always(() => world[Symbol.asyncDispose]())

const wrong = 'wrong horse 9'
const inState = async (assignment: string | null): Promise<string> => {
  const { email, userId } = await anAccount(client)
  if (assignment) await sql(`UPDATE users SET ${assignment} WHERE id = $1`, [userId])
  // The device that registered is known: strangers are who it is about.
  await deps.redis.del(deps.keys.seen(userId))
  return email
}

test('a login that is refused takes as long for nobody’s address as for any account, whatever its state', async t => {
  const old = await bcrypt.hash(password, 6)
  const tried: Record<string, [email: string, password: string]> = {
    'an address that nobody has': [anEmail(), wrong],
    'a wrong password': [await inState(null), wrong],
    'an account that is deactivated': [await inState('is_active = false'), wrong],
    'an account without a password': [await inState('password_hash = NULL'), wrong],
    'a hash of a lower cost': [await inState(`password_hash = '${old}'`), wrong],
    'a password that is closed, and right': [await inState('failed_logins = 100'), password],
  }
  const shortest = new Map(Object.keys(tried).map(what => [what, Number.POSITIVE_INFINITY]))
  const ask = async () => {
    for (const [what, [email, given]] of Object.entries(tried)) {
      await deps.redis.del(deps.keys.attempts(strangers(email).of))
      const began = performance.now()
      const { status } = await client.post('login', { email, password: given })
      shortest.set(what, Math.min(shortest.get(what) ?? 0, performance.now() - began))
      t.is(status, 401, what)
    }
  }
  const areAlike = () => Math.max(...shortest.values()) < 1.7 * Math.min(...shortest.values())
  const [least, most] = rounds
  for (let i = 0; i < most && (i < least || !areAlike()); i++) await ask()
  t.true(areAlike(), JSON.stringify([...shortest]))
})
