import { pbkdf2Sync } from 'node:crypto'
import test from 'ava'
import type { Reply } from '../client.ts'
import { anEmail, password } from '../make.ts'
import { openWorld } from '../world.ts'

// Without the password or the mailbox, no route tells what there is to an address: whether an account has it, and
// in what state. Status, headers and body are compared to the byte.

const limits = 'login=1000/15m,register=1000/15m,mail=1000/1h,mail_ip=1000/1h,anonymous=1000/15m'
const modes = ['false', 'true']
const worlds = await Promise.all(
  modes.map(async required => ({
    required,
    world: await openWorld({
      env: { REGISTRATION_PRIVACY: 'on', REQUIRE_VERIFIED_EMAIL: required, RATE_LIMITS: limits },
    }),
  })),
)
test.after.always(() => Promise.all(worlds.map(({ world }) => world[Symbol.asyncDispose]())))

const salt = Buffer.from('sixteen byte salt')
const plain = (bytes: Buffer) => bytes.toString('base64').replace(/=+$/, '')
const foreign = `$pbkdf2-sha256$i=1000$${plain(salt)}$${plain(pbkdf2Sync(password, salt, 1000, 32, 'sha256'))}`

/** What becomes of the row of a registration; null for an address that nobody has. */
const states: [what: string, change: string | null][] = [
  ['unknown', null],
  ['unverified', 'email_verified = false'],
  ['verified', 'email_verified = true'],
  ['deactivated', 'email_verified = true, is_active = false'],
  ['deactivated and unverified', 'is_active = false'],
  ['waiting to be erased', `email_verified = true, erase_after = now() + interval '1 day'`],
  ['due to be erased', `email_verified = true, erase_after = now()`],
  ['without a password', 'email_verified = true, password_hash = NULL'],
  ['imported', `email_verified = true, password_hash = '${foreign}'`],
]

const wrong = 'wrong horse 9'
const code = '123456'
const asks: [path: string, status: number, body: (email: string) => Record<string, string>][] = [
  ['login', 401, email => ({ email, password: wrong })],
  ['login', 401, email => ({ email: email.toUpperCase(), password: wrong, token_transport: 'cookie' })],
  ['forgot-password', 202, email => ({ email })],
  ['resend-verification', 202, email => ({ email })],
  ['register', 202, email => ({ email, password: 'another horse 10' })],
  ['register', 400, email => ({ email, password: 'short1' })],
  ['verify-email', 401, email => ({ email, code })],
  ['verify-reset-token', 401, email => ({ email, code })],
  ['reset-password', 401, email => ({ email, code, new_password: 'another horse 10' })],
  ['reset-password', 401, email => ({ email, code, new_password: 'short1' })],
  ['confirm-email', 401, email => ({ email, code })],
]

/** All of a reply but what names it, and what counts. */
const shown = ({ status, headers, text, body }: Reply) => {
  const counting = new Set(['date', 'x-request-id', 'ratelimit'])
  const names = [...headers.keys()]
  const fixed = [...headers].filter(([name]) => !counting.has(name))
  const ids = body?.request_id === undefined || body.request_id === headers.get('x-request-id')
  return { status, names, fixed, ids, text: text.replace(body?.request_id, '') }
}

for (const { required, world } of worlds) {
  const inState = async (change: string | null): Promise<string> => {
    const email = anEmail()
    if (change === null) return email
    await world.client.post('register', { email, password })
    await world.sql(`UPDATE users SET ${change} WHERE email = $1`, [email])
    return email
  }

  for (const [i, [path, status, body]] of asks.entries())
    test(`${path} (${i}) tells no state from another, with REQUIRE_VERIFIED_EMAIL=${required}`, async t => {
      let first: ReturnType<typeof shown> | null = null
      for (const [what, change] of states) {
        const reply = shown(await world.client.post(path, body(await inState(change))))
        first ??= reply
        t.is(reply.status, status, what)
        t.true(reply.ids)
        t.deepEqual(reply, first, what)
      }
    })
}
