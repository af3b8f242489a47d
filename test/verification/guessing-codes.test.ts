import type { KeyObject } from 'node:crypto'
import test from 'ava'
import { v7 as uuid } from 'uuid'
import { mailSecrets } from '../../src/crypto/proof.ts'
import { deliver } from '../../src/mail/deliver.ts'
import { openTransport } from '../../src/mail/transport.ts'
import type { Reply } from '../client.ts'
import { anAccount, anEmail, tokenOf } from '../make.ts'
import { openWorld } from '../world.ts'

// A code has a million values: five guesses and no more, however they come.

const world = await openWorld({ worker: true })
const other = await world.instance()
test.after.always(() => world[Symbol.asyncDispose]())

const aMailed = async () => {
  const account = await anAccount(world.client)
  const { link, code } = await world.mails.to(account.email)
  return { ...account, token: tokenOf(link), code }
}
const wrongCodes = (code: string, count: number) =>
  Array.from({ length: count }, (_, i) => String((Number(code) + 1 + i) % 1_000_000).padStart(6, '0'))
const guess = (email: string, code: string, at = world) => at.client.post('verify-email', { email, code })
const attemptsAt = (userId: string) =>
  world.deps.redis.hget(world.deps.keys.proof(userId, 'verify_email'), 'attempts')

test('after four wrong guesses the right code is still good', async t => {
  const { email, code } = await aMailed()
  for (const wrong of wrongCodes(code, 4)) t.is((await guess(email, wrong)).status, 401)
  t.is((await guess(email, code)).status, 200)
})

test('after five wrong guesses the right code is refused, and the link goes on working', async t => {
  const { email, code, token } = await aMailed()
  for (const wrong of wrongCodes(code, 5)) t.is((await guess(email, wrong)).status, 401)
  const refused = await guess(email, code)
  t.is(refused.status, 401)
  t.is(refused.body.code, 'INVALID_TOKEN')
  t.is((await world.client.post('verify-email', { token })).status, 200)
})

test('fifty guesses at once at two instances are all counted', async t => {
  const { email, userId, code, token } = await aMailed()
  const replies = await Promise.all(
    wrongCodes(code, 50).map((wrong, i) => guess(email, wrong, i % 2 ? world : { ...world, ...other })),
  )
  t.true(replies.every(({ status }) => status === 401))
  t.is(await attemptsAt(userId), '50', 'each was counted')
  t.is((await guess(email, code)).status, 401)
  t.is((await world.client.post('verify-email', { token })).status, 200)
})

test('wrong tokens cost no guesses, so a stranger cannot close a code by them', async t => {
  const { email, userId, code, token } = await aMailed()
  const wrong = `lkp_${Buffer.from(token.slice(4), 'base64url').fill(7, 16).toString('base64url')}`
  for (let i = 0; i < 6; i++) t.is((await world.client.post('verify-email', { token: wrong })).status, 401)
  t.is(await attemptsAt(userId), '0')
  t.is((await guess(email, code)).status, 200)
})

test('the code of one mail is worth nothing at another address', async t => {
  const [mine, yours] = [await aMailed(), await aMailed()]
  t.is((await guess(yours.email, mine.code)).status, 401)
  t.is((await guess(mine.email, mine.code)).status, 200)
})

/** All of a reply but what names the request. */
const bytesOf = ({ status, headers, text, body }: Reply) => {
  const own = new Set(['date', 'x-request-id'])
  const kept = [...headers].filter(([name]) => !own.has(name))
  return { status, kept, text: text.replace(body.request_id, '') }
}

test('an address that nobody has is answered like a wrong code, byte for byte', async t => {
  const { email, code } = await aMailed()
  const [wrong = ''] = wrongCodes(code, 1)
  const known = bytesOf(await guess(email, wrong))
  t.is(known.status, 401)
  t.deepEqual(bytesOf(await guess(anEmail(), wrong)), known)

  await guess(email, code)
  t.deepEqual(bytesOf(await guess(email, code)), known, 'and so is one that is verified already')
})

/** An id whose mail will carry such a code. */
const idOfCode = (begins: string, secret: KeyObject): string => {
  for (let tries = 0; tries < 100_000; tries++) {
    const made = uuid()
    if (mailSecrets(secret, 'verify_email', made).code.startsWith(begins)) return made
  }
  throw new Error(`no code begins with ${begins}`)
}

for (const zeros of ['0', '00', '000'])
  test(`a code that begins with ${zeros} is mailed and taken whole`, async t => {
    const { email, userId } = await aMailed()
    const emailId = idOfCode(zeros, world.deps.secrets.mail)
    await world.sql(
      `INSERT INTO emails (id, kind, recipient, user_id, locale, sweep_after)
       VALUES ($1, 'verify_email', $2, $3, 'en', now() + interval '1 hour')`,
      [emailId, email, userId],
    )
    using transport = openTransport(world.mails.url)
    t.is(await deliver({ ...world.deps, transport }, emailId), 'sent')
    const { code } = await world.mails.to(email, 2)
    t.regex(code, new RegExp(`^${zeros}`))
    t.is(code.length, 6)
    t.is((await world.client.post('verify-email', { email, code: String(Number(code)) })).status, 400)
    t.is((await guess(email, code)).status, 200)
  })

for (const code of [
  123456,
  '12345',
  '1234567',
  '12345６',
  ' 123456',
  '123456\n',
  ['123456'],
  { $gt: '' },
  null,
])
  test(`what is no code is refused at the door: ${JSON.stringify(code)}`, async t => {
    const reply = await world.client.post('verify-email', { email: anEmail(), code })
    t.is(reply.status, 400)
    t.is(reply.body.code, 'VALIDATION_ERROR')
  })
