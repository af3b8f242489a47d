import test, { type ExecutionContext } from 'ava'
import { emails as allEmails } from '../../../src/modules.ts'
import { escapeHtml } from '../../../src/platform/theme/template.ts'
import { anAccount, anEmail, password, tokenOf, withoutToken } from '../../fixtures.ts'
import type { CaughtEmail } from '../../mail-sink.ts'
import { until } from '../../until.ts'
import { openWorld, type World } from '../../world.ts'
import { openShop } from '../purchases/shop.ts'

// An attacker chooses the name in a registration and the user agent of a client. This test sends every kind
// of email once for a normal user and once for a hostile one, and compares the two. Names and user agents
// must add no header, recipient, element, link or line.

const world = await openShop({ worker: true })
const privateWorld = await openWorld({ worker: true, env: { REGISTRATION_PRIVACY: 'true' } })
test.after.always(async () => {
  await world[Symbol.asyncDispose]()
  await privateWorld[Symbol.asyncDispose]()
})

type Words = { name: string; agent: string; factor?: string }
/** `flowEmails` is the number of emails to `addresses`. */
type Emails = { mails: Map<string, CaughtEmail>; addresses: string[]; flowEmails: number }

const next = 'a wholly new 7 phrase'
const assertOk = (what: string, { status, text }: { status: number; text: string }) => {
  if (status >= 400) throw new Error(`${what} answered ${status}: ${text}`)
}

/** Runs every flow that sends an email. `rename` stores a name that no request could set. */
const emailsOfAllFlows = async (
  { name, agent, factor = 'Phone' }: Words,
  rename?: string,
): Promise<Emails> => {
  const { client, mails: sink } = world
  const mails = new Map<string, CaughtEmail>()
  const headers = { 'user-agent': agent }
  const account = await anAccount(client, rename === undefined ? { full_name: name } : {})
  const [email, moved] = [account.email, anEmail()]
  if (rename !== undefined)
    await world.sql('UPDATE users SET full_name = $2 WHERE id = $1', [account.userId, rename])
  let [toOld, toNew] = [0, 0]
  const receive = async (kind: string, at = email) =>
    mails.set(kind, await sink.to(at, at === email ? ++toOld : ++toNew))
  const linkOf = (kind: string) => tokenOf(mails.get(kind)?.link ?? '')

  await receive('verify_email')
  const verifySubject = mails.get('verify_email')?.mail.subject
  assertOk('verify', await client.post('verify-email', { token: linkOf('verify_email') }))
  await receive('welcome')
  assertOk('forgot', await client.post('forgot-password', { email }))
  await receive('reset_password')
  const reset = { token: linkOf('reset_password'), new_password: next }
  assertOk('reset', await client.post('reset-password', reset, { headers }))
  await receive('password_changed')
  const login = await client.post('login', { email, password: next }, { headers })
  assertOk('login', login)
  await receive('new_device')
  const first: string = login.body.refresh_token
  const second = await client.post('refresh', { refresh_token: first })
  assertOk('refresh', second)
  assertOk('refresh', await client.post('refresh', { refresh_token: second.body.refresh_token }))
  await client.post('refresh', { refresh_token: first }, { headers })
  await receive('session_reuse')
  const { body } = await client.post('login', { email, password: next }, { headers })
  const me = { token: body.access_token, headers }
  assertOk('export', await client.get('me/export', me))
  await receive('account_exported')
  assertOk('change', await client.post('change-email', { current_password: next, new_email: moved }, me))
  await receive('email_change', moved)
  assertOk('confirm', await client.post('confirm-email', { token: linkOf('email_change') }, { headers }))
  await receive('email_changed')
  assertOk('delete', await client.send('DELETE', 'me', { ...me, body: { password: next } }))
  await receive('account_deleted', moved)
  assertOk('undo', await client.post('undo-email-change', { token: linkOf('email_changed') }, { headers }))
  await receive('email_change_undone', moved)
  // Skips the reset email that an undo sends.
  await sink.to(email, ++toOld)

  // An account without a record of who created it.
  const invited = await anAccount(client, { full_name: rename === undefined ? name : 'Ana' })
  await sink.to(invited.email)
  await world.sql('DELETE FROM audit_events WHERE user_id = $1', [invited.userId])
  if (rename !== undefined)
    await world.sql('UPDATE users SET full_name = $2 WHERE id = $1', [invited.userId, rename])
  assertOk('resend', await client.post('resend-verification', { email: invited.email }))
  mails.set('verify_invited', await sink.to(invited.email, 2))

  const purchase = await world.aPurchase(rename === undefined ? { name } : {})
  const guest = purchase.email
  if (rename !== undefined)
    await world.sql('UPDATE purchases SET full_name = $2 WHERE id = $1', [purchase.id, rename])
  assertOk('pay', await world.sendEvent('payment_intent.succeeded', purchase))
  await sink.to(guest, 2)
  // Both emails are queued at once, and arrive in any order.
  for (const caught of await sink.sentTo(guest))
    mails.set(caught.link.includes('token=') ? 'welcome_guest' : 'purchase_confirmation', caught)

  // A guest pays with the email of a user who is signed in.
  const signedIn = await anAccount(client, { full_name: 'Another user' })
  const other = await world.aPurchase({ email: signedIn.email, name: rename === undefined ? name : 'Ana' })
  assertOk('pay', await world.sendEvent('payment_intent.succeeded', other))
  mails.set('purchase_claim', await sink.to(signedIn.email, 1, '/reset-password?'))

  // Two went to other addresses, and the reset email of an undo came on top.
  const flowEmails = mails.size - 1

  // An email without a flow above is queued as its own flow would queue it.
  for (const { kind, data, sample } of allEmails.filter(each => !mails.has(each.kind))) {
    if (kind === 'account_exists') continue
    const reader = await anAccount(client, rename === undefined ? { full_name: name } : {})
    if (rename !== undefined)
      await world.sql('UPDATE users SET full_name = $2 WHERE id = $1', [reader.userId, rename])
    const values = Object.fromEntries(
      data.map(each => [each, { device: agent, factor }[each] ?? sample[each] ?? '']),
    )
    const { email: recipient, userId } = reader
    await world.queueEmail({ kind, recipient, userId, locale: 'en', data: values })
    const isThis = ({ mail }: CaughtEmail) => mail.subject !== verifySubject
    mails.set(
      kind,
      await until(`the email ${kind}`, async () => (await sink.sentTo(reader.email)).find(isThis)),
    )
  }
  return { mails, addresses: [email, moved, guest], flowEmails }
}

const headersOf = (raw: string): string[] =>
  (raw.split('\r\n\r\n')[0] ?? '')
    .replaceAll(/\r\n[ \t]+/g, ' ')
    .split('\r\n')
    .map(line => line.slice(0, line.indexOf(':')).toLowerCase())
    .sort()
const elementsOf = (html: string) => html.match(/<[!/]?[a-z-]+/gi)
const linksOf = (part: string) =>
  part.match(/(?:https?:)?\/\/[^\s"'<>]+|\b(?:mailto|tel|javascript):[^\s"'<>]+/gi)?.map(withoutToken)
const partsOf = ({ mail: { text = '', html = '' } }: CaughtEmail) => ({ text, html })

/** A hostile email and an honest one must be identical except for the hostile words. */
const isSameExceptWords = (t: ExecutionContext, kind: string, hostile: CaughtEmail, honest: CaughtEmail) => {
  const [theirs, ours] = [partsOf(hostile), partsOf(honest)]
  t.is(hostile.to.length, 1, kind)
  t.deepEqual(
    [...(hostile.mail.to ?? []), ...(hostile.mail.cc ?? []), ...(hostile.mail.bcc ?? [])].map(
      ({ address }) => address,
    ),
    hostile.to,
    kind,
  )
  t.deepEqual(headersOf(hostile.raw), headersOf(honest.raw), kind)
  t.is(hostile.mail.subject, honest.mail.subject, kind)
  t.deepEqual(hostile.mail.from, honest.mail.from, kind)
  t.is(hostile.mail.attachments.length, 0, kind)
  t.deepEqual(elementsOf(theirs.html), elementsOf(ours.html), kind)
  for (const part of ['text', 'html'] as const) {
    t.deepEqual(linksOf(theirs[part]), linksOf(ours[part]), `${kind} ${part}`)
    t.is(theirs[part].split('\n').length, ours[part].split('\n').length, `${kind} ${part}`)
    t.notRegex(theirs[part], /root:/, kind)
  }
  t.notRegex(hostile.raw, /[^\0-\x7f]/, kind)
  t.false(/[^\r]\n|\r[^\n]/.test(hostile.raw), `${kind}: no bare CR or LF`)
  t.true(
    hostile.raw.split('\r\n').every(line => line.length <= 998),
    kind,
  )
}

const shows = (t: ExecutionContext, kind: string, caught: CaughtEmail, words: string) => {
  const { text, html } = partsOf(caught)
  t.true(text.includes(words), `${kind} text`)
  t.true(html.includes(escapeHtml(words)), `${kind} html`)
}

/** These emails greet without a name, because an attacker could have chosen it. */
const greetsWithoutName = (kind: string): boolean => kind === 'purchase_claim'

const withDevice: readonly string[] = [
  ...(['password_changed', 'new_device', 'account_exported'] as const),
  ...(['session_reuse', 'email_change_undone'] as const),
  ...(['factor_added', 'factor_removed', 'recovery_code_used'] as const),
]
const honestWords = { name: 'Ana', agent: 'Decent/1' }
const honestEmails = emailsOfAllFlows(honestWords)

test.serial('honest user → every kind of email is sent, except account_exists', async t => {
  const { mails } = await honestEmails
  t.deepEqual(
    [...mails.keys(), 'account_exists'].sort(),
    allEmails.map(({ kind }) => kind).sort(),
    'add an email with a condition or a token to `emailsOfAllFlows`',
  )
  for (const [kind, caught] of mails) if (!greetsWithoutName(kind)) shows(t, kind, caught, honestWords.name)
  t.true(mails.get('purchase_claim')?.mail.text?.startsWith('Hello,\n'))
  for (const kind of withDevice) shows(t, kind, mails.get(kind) as CaughtEmail, 'Decent')
  t.is(new Set([...mails.values()].map(({ mail }) => mail.subject)).size, mails.size)
})

const shownAsText = [
  '<script>alert(1)</script><img src=x onerror=alert(1)>',
  `"'><a href=evil>click</a><!--`,
  '</mj-text><mj-include path="/etc/passwd" /><mj-raw><b>',
  ']]><mj-button href="evil">&lt;b&gt;&#60;i&#62;</mj-button>',
  '{{link}} {{code}} {{greeting}} $& $1 $$ %s',
  '=?utf-8?B?QmNjOiBldmls?= Bcc: evil, <evil@evil>',
]
for (const words of shownAsText)
  test.serial(`hostile name and user agent → name as plain text, user agent omitted: ${words}`, async t => {
    const { mails, addresses, flowEmails } = await emailsOfAllFlows({ name: words, agent: words })
    const honest = (await honestEmails).mails
    for (const [kind, caught] of mails) {
      isSameExceptWords(t, kind, caught, honest.get(kind) as CaughtEmail)
      if (!greetsWithoutName(kind)) shows(t, kind, caught, words)
    }
    for (const kind of withDevice) {
      const { text } = partsOf(mails.get(kind) as CaughtEmail)
      t.is(text.split(words).length, 2, `${kind}: only the name`)
      shows(t, kind, mails.get(kind) as CaughtEmail, 'Unknown')
    }
    const sent = (await world.mails.all()).filter(({ to }) => to.some(address => addresses.includes(address)))
    t.is(sent.length, flowEmails, 'no other email was sent')
  })

const leftOut = ['Locked, see https://evil.example/x', 'www.evil.example', 'evil 1 415 555 0199']
for (const words of leftOut)
  test.serial(
    `name or user agent that email programs would link → left out of every email: ${words}`,
    async t => {
      const { mails } = await emailsOfAllFlows({ name: words, agent: words, factor: words })
      const honest = (await honestEmails).mails
      for (const [kind, caught] of mails) {
        isSameExceptWords(t, kind, caught, honest.get(kind) as CaughtEmail)
        const { text, html } = partsOf(caught)
        const content = [caught.raw.replaceAll('=\r\n', ''), text, html].map(withoutToken).join()
        t.notRegex(content, /evil/i, kind)
        t.true(text.startsWith('Hello,\n'), kind)
      }
      for (const kind of withDevice) shows(t, kind, mails.get(kind) as CaughtEmail, 'Unknown')
    },
  )

test.serial('line breaks in a stored name → no extra header or line in any email', async t => {
  const name = 'Ana\r\nBcc: evil@evil\r\n\r\n--b\r\n.\r\nQUIT\r\nRCPT TO:<evil@evil>'
  const { mails } = await emailsOfAllFlows(honestWords, name)
  const honest = (await honestEmails).mails
  for (const [kind, caught] of mails) {
    isSameExceptWords(t, kind, caught, honest.get(kind) as CaughtEmail)
    // The verification email was sent before the rename.
    if (kind !== 'verify_email' && !greetsWithoutName(kind))
      shows(t, kind, caught, 'Ana Bcc: evil@evil --b . QUIT RCPT TO:<evil@evil>')
  }
})

test.serial(
  'line breaks in a stored device or IP address → no extra header or line in any email',
  async t => {
    const device = 'Fox\r\nBcc: evil@evil\r\n\r\n<b>\r\n.\r\nQUIT\r\n\u2028\u0001\u202EX'
    const honest = (await honestEmails).mails
    for (const kind of withDevice) {
      const { email, userId } = await anAccount(world.client, { full_name: 'Ana' })
      await world.mails.to(email)
      const data = { time: new Date().toISOString(), ip: '127.0.0.1\r\nBcc: evil@evil', device }
      const queued = { kind, recipient: email, userId, locale: 'en', data }
      await world.queueEmail(queued)
      const caught = await world.mails.to(email, 2)
      isSameExceptWords(t, kind, caught, honest.get(kind) as CaughtEmail)
      t.notRegex(withoutToken(caught.mail.text ?? ''), /Fox|QUIT/)
      shows(t, kind, caught, '127.0.0.1 Bcc: evil@evil')
    }
  },
)

test.serial(
  'second registration with a hostile name → the owner gets one email with their own name',
  async t => {
    const secondRegistration = async (mine: string, theirs: string): Promise<CaughtEmail> => {
      const email = anEmail()
      const register = (full_name: string) =>
        privateWorld.client.post(
          'register',
          { email, password, full_name },
          { headers: { 'user-agent': theirs } },
        )
      assertOk('register', await register(mine))
      await privateWorld.mails.to(email)
      await privateWorld.sql('UPDATE users SET email_verified = true WHERE email = $1', [email])
      assertOk('register', await register(theirs))
      const caught = await privateWorld.mails.to(email, 2)
      t.is(await caughtFor(privateWorld, email), 2)
      return caught
    }
    const honest = await secondRegistration('Ana', 'Ana')
    for (const words of [...shownAsText, ...leftOut]) {
      const hostile = await secondRegistration('Ana', words)
      isSameExceptWords(t, 'account_exists', hostile, honest)
      t.is(withoutToken(hostile.mail.text ?? ''), withoutToken(honest.mail.text ?? ''))
      const own = await secondRegistration(words, 'Ana')
      isSameExceptWords(t, 'account_exists', own, honest)
      if (shownAsText.includes(words)) shows(t, 'account_exists', own, words)
      else t.true(own.mail.text?.startsWith('Hello,\n'))
    }
  },
)

const caughtFor = async ({ mails }: World, email: string) => (await mails.sentTo(email)).length

test.serial('email addresses that contain template or header syntax → exactly one recipient', async t => {
  for (const local of ["o'brien&{{code}}", '$&$1=?utf-8?q?x?=', '{{link}}%s`x`|', '--boundary/*']) {
    const [email, moved] = [anEmail(), anEmail()].map(each => `${local}${each}`) as [string, string]
    const account = await anAccount(world.client, { email })
    const verify = await world.mails.to(email)
    assertOk('verify', await world.client.post('verify-email', { token: tokenOf(verify.link) }))
    await world.mails.to(email, 2)
    const asked = { current_password: password, new_email: moved }
    assertOk('change', await world.client.post('change-email', asked, { token: account.access }))
    const change = await world.mails.to(moved)
    assertOk('confirm', await world.client.post('confirm-email', { token: tokenOf(change.link) }))
    const changed = await world.mails.to(email, 3)
    const honest = (await honestEmails).mails
    for (const [kind, caught, address] of [
      ['email_change', change, moved],
      ['email_changed', changed, email],
    ] as const) {
      t.deepEqual(caught.to, [address])
      t.deepEqual(headersOf(caught.raw), headersOf((honest.get(kind) as CaughtEmail).raw))
      t.deepEqual(
        caught.mail.to?.map(each => each.address),
        [address],
      )
      t.deepEqual(
        elementsOf(caught.mail.html ?? ''),
        elementsOf((honest.get(kind) as CaughtEmail).mail.html ?? ''),
      )
    }
    const hint = `${local.slice(0, 1)}••@example.com`
    t.true(changed.mail.text?.replaceAll('\u200B', '').includes(hint))
  }
})
