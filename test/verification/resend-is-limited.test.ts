import test from 'ava'
import { anAccount, anEmail } from '../make.ts'
import { openWorld, until } from '../world.ts'

const world = await openWorld({ worker: true, env: { RATE_LIMITS: 'register=1000/1h,mail_ip=1000/1h' } })
const other = await world.instance()
test.after.always(() => world[Symbol.asyncDispose]())

const flood = async (email: string) => {
  const replies = await Promise.all(
    Array.from({ length: 20 }, (_, i) =>
      (i % 2 ? world : other).client.post('resend-verification', {
        email: i % 3 ? email : email.toUpperCase(),
      }),
    ),
  )
  return replies
}

test('twenty requests at two instances make three mails at most, whoever has the address', async t => {
  const { email } = await anAccount(world.client)
  await world.mails.to(email)
  const unknown = anEmail()
  for (const address of [email, unknown]) {
    const replies = await flood(address)
    t.deepEqual(replies.map(({ status }) => status).sort(), [...Array(3).fill(202), ...Array(17).fill(429)])
    const refused = replies.find(({ status }) => status === 429)
    t.is(refused?.body.code, 'RATE_LIMIT_EXCEEDED')
    const wait = Number(refused?.headers.get('retry-after'))
    t.true(wait > 3500 && wait <= 3600)
  }
  await until('every mail to be settled', async () => {
    const queued = await world.sql(`SELECT 1 FROM emails WHERE status = 'queued'`)
    return queued.length === 0
  })
  const { length } = world.mails.caught.filter(({ to }) => to.includes(email))
  t.true(length >= 2 && length <= 4, `${length}: one of the registration, and what the newest left of three`)
  t.is(world.mails.caught.filter(({ to }) => to.includes(unknown)).length, 0)
})

test('one recipient’s limit is not another’s, and junk in the body does not evade it', async t => {
  const [email, neighbour] = [anEmail(), anEmail()]
  for (let i = 0; i < 3; i++) await world.client.post('resend-verification', { email })
  t.is((await world.client.post('resend-verification', { email: ` ${email} ` })).status, 429)
  t.is((await world.client.post('resend-verification', { email: neighbour })).status, 202)
})
