import test, { type ExecutionContext } from 'ava'
import { type EmailKind, emailKinds } from '../../../src/base/emails.ts'
import { escapeHtml } from '../../../src/base/fill.ts'
import { anAccount, anEmail, password, tokenOf } from '../../fixtures.ts'
import type { CaughtEmail } from '../../mail-sink.ts'
import { openWorld, type World } from '../../world.ts'
import { openShop } from '../purchases/shop.ts'

// A name is what a stranger typed, a device what a thief's client calls itself. Every kind of mail is made here by
// living through what causes it, once by an honest user and once by a hostile one, and the two are laid side by side:
// what a person or a client is called adds no header, no recipient, no element, no link and no line. Of a client no word
// is shown but the name of its program, since a thief would speak through our mail.

const world = await openShop({ worker: true })
const discreet = await openWorld({ worker: true, env: { REGISTRATION_PRIVACY: 'true' } })
test.after.always(async () => {
  await world[Symbol.asyncDispose]()
  await discreet[Symbol.asyncDispose]()
})

type Words = { name: string; agent: string }
type Life = { mails: Map<EmailKind, CaughtEmail>; addresses: string[] }

const next = 'a wholly new 7 phrase'
const must = (what: string, { status, text }: { status: number; text: string }) => {
  if (status >= 400) throw new Error(`${what} answered ${status}: ${text}`)
}

/** Lives through everything that mails somebody. `rename` gives a name that no request could. */
const live = async ({ name, agent }: Words, rename?: string): Promise<Life> => {
  const { client, mails: sink } = world
  const mails = new Map<EmailKind, CaughtEmail>()
  const headers = { 'user-agent': agent }
  const account = await anAccount(client, rename === undefined ? { full_name: name } : {})
  const [email, moved] = [account.email, anEmail()]
  if (rename !== undefined)
    await world.sql('UPDATE users SET full_name = $2 WHERE id = $1', [account.userId, rename])
  let [here, there] = [0, 0]
  const came = async (kind: EmailKind, at = email) =>
    mails.set(kind, await sink.to(at, at === email ? ++here : ++there))
  const linkOf = (kind: EmailKind) => tokenOf(mails.get(kind)?.link ?? '')

  await came('verify_email')
  must('verify', await client.post('verify-email', { token: linkOf('verify_email') }))
  await came('welcome')
  must('forgot', await client.post('forgot-password', { email }))
  await came('reset_password')
  const reset = { token: linkOf('reset_password'), new_password: next }
  must('reset', await client.post('reset-password', reset, { headers }))
  await came('password_changed')
  const login = await client.post('login', { email, password: next }, { headers })
  must('login', login)
  await came('new_device')
  const first: string = login.body.refresh_token
  const second = await client.post('refresh', { refresh_token: first })
  must('refresh', second)
  must('refresh', await client.post('refresh', { refresh_token: second.body.refresh_token }))
  await client.post('refresh', { refresh_token: first }, { headers })
  await came('session_reuse')
  const { body } = await client.post('login', { email, password: next }, { headers })
  const me = { token: body.access_token, headers }
  must('export', await client.get('me/export', me))
  await came('account_exported')
  must('change', await client.post('change-email', { current_password: next, new_email: moved }, me))
  await came('email_change', moved)
  must('confirm', await client.post('confirm-email', { token: linkOf('email_change') }, { headers }))
  await came('email_changed')
  must('delete', await client.send('DELETE', 'me', { ...me, body: { password: next } }))
  await came('account_deleted', moved)
  must('undo', await client.post('undo-email-change', { token: linkOf('email_changed') }, { headers }))
  await came('email_change_undone', moved)
  // The reset that an undo sends.
  await sink.to(email, ++here)

  // Nothing is known of who made this account.
  const invited = await anAccount(client, { full_name: rename === undefined ? name : 'Ana' })
  await sink.to(invited.email)
  await world.sql('DELETE FROM audit_events WHERE user_id = $1', [invited.userId])
  if (rename !== undefined)
    await world.sql('UPDATE users SET full_name = $2 WHERE id = $1', [invited.userId, rename])
  must('resend', await client.post('resend-verification', { email: invited.email }))
  mails.set('verify_invited', await sink.to(invited.email, 2))

  const purchase = await world.aPurchase(rename === undefined ? { name } : {})
  const guest = purchase.email
  if (rename !== undefined)
    await world.sql('UPDATE purchases SET full_name = $2 WHERE id = $1', [purchase.id, rename])
  must('pay', await world.tell('payment_intent.succeeded', purchase))
  await sink.to(guest, 2)
  // Both are owed at once, and come in any order.
  for (const caught of await sink.sentTo(guest))
    mails.set(caught.link.includes('token=') ? 'welcome_guest' : 'purchase_confirmation', caught)

  // A guest pays with the address of somebody who is signed in.
  const signedIn = await anAccount(client, { full_name: 'Somebody else' })
  const other = await world.aPurchase({ email: signedIn.email, name: rename === undefined ? name : 'Ana' })
  must('pay', await world.tell('payment_intent.succeeded', other))
  mails.set('purchase_claim', await sink.to(signedIn.email, 1, '/reset-password?'))
  return { mails, addresses: [email, moved, guest] }
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
const withoutToken = (text: string) => text.replaceAll(/lkp_[\w-]+/g, 'lkp_')
const partsOf = ({ mail: { text = '', html = '' } }: CaughtEmail) => ({ text, html })

/** A mail with hostile words and one with honest ones are the same but for those words. */
const alike = (t: ExecutionContext, kind: EmailKind, hostile: CaughtEmail, honest: CaughtEmail) => {
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

const shows = (t: ExecutionContext, kind: EmailKind, caught: CaughtEmail, words: string) => {
  const { text, html } = partsOf(caught)
  t.true(text.includes(words), `${kind} text`)
  t.true(html.includes(escapeHtml(words)), `${kind} html`)
}

/** These greet nobody: the name could be that of a stranger. */
const isNameless = (kind: EmailKind): boolean => kind === 'purchase_claim'

const withDevice: readonly EmailKind[] = [
  ...(['password_changed', 'new_device', 'account_exported'] as const),
  ...(['session_reuse', 'email_change_undone'] as const),
]
const decent = { name: 'Ana', agent: 'Decent/1' }
const honestLife = live(decent)

test.serial('an honest life makes every kind of mail but that of a second registration', async t => {
  const { mails } = await honestLife
  t.deepEqual(
    [...mails.keys(), 'account_exists'].sort(),
    [...emailKinds].sort(),
    'a new kind of mail belongs into `live`',
  )
  for (const [kind, caught] of mails) if (!isNameless(kind)) shows(t, kind, caught, decent.name)
  t.true(mails.get('purchase_claim')?.mail.text?.startsWith('Hello,\n'))
  for (const kind of withDevice) shows(t, kind, mails.get(kind) as CaughtEmail, 'Decent')
  t.is(new Set([...mails.values()].map(({ mail }) => mail.subject)).size, mails.size)
})

const shown = [
  '<script>alert(1)</script><img src=x onerror=alert(1)>',
  `"'><a href=evil>click</a><!--`,
  '</mj-text><mj-include path="/etc/passwd" /><mj-raw><b>',
  ']]><mj-button href="evil">&lt;b&gt;&#60;i&#62;</mj-button>',
  '{{link}} {{code}} {{greeting}} $& $1 $$ %s',
  '=?utf-8?B?QmNjOiBldmls?= Bcc: evil, <evil@evil>',
]
for (const words of shown)
  test.serial(`a name arrives as text and a device not at all, in mails of every kind: ${words}`, async t => {
    const { mails, addresses } = await live({ name: words, agent: words })
    const honest = (await honestLife).mails
    for (const [kind, caught] of mails) {
      alike(t, kind, caught, honest.get(kind) as CaughtEmail)
      if (!isNameless(kind)) shows(t, kind, caught, words)
    }
    for (const kind of withDevice) {
      const { text } = partsOf(mails.get(kind) as CaughtEmail)
      t.is(text.split(words).length, 2, `${kind}: the name alone`)
      shows(t, kind, mails.get(kind) as CaughtEmail, 'Unknown')
    }
    const sent = (await world.mails.all()).filter(({ to }) => to.some(address => addresses.includes(address)))
    t.is(sent.length, mails.size - 1, 'and in no other')
  })

const hidden = ['Locked, see https://evil.example/x', 'www.evil.example', 'evil 1 415 555 0199']
for (const words of hidden)
  test.serial(
    `what a mail program would make a link of is left out, in mails of every kind: ${words}`,
    async t => {
      const { mails } = await live({ name: words, agent: words })
      const honest = (await honestLife).mails
      for (const [kind, caught] of mails) {
        alike(t, kind, caught, honest.get(kind) as CaughtEmail)
        const { text, html } = partsOf(caught)
        // A token may hold any four letters.
        const said = [caught.raw.replaceAll('=\r\n', ''), text, html].map(withoutToken).join()
        t.notRegex(said, /evil/i, kind)
        t.true(text.startsWith('Hello,\n'), kind)
      }
      for (const kind of withDevice) shows(t, kind, mails.get(kind) as CaughtEmail, 'Unknown')
    },
  )

test.serial(
  'line breaks in a name, which no request can bring, begin neither a header nor a line',
  async t => {
    const name = 'Ana\r\nBcc: evil@evil\r\n\r\n--b\r\n.\r\nQUIT\r\nRCPT TO:<evil@evil>'
    const { mails } = await live(decent, name)
    const honest = (await honestLife).mails
    for (const [kind, caught] of mails) {
      alike(t, kind, caught, honest.get(kind) as CaughtEmail)
      // The first had left before.
      if (kind !== 'verify_email' && !isNameless(kind))
        shows(t, kind, caught, 'Ana Bcc: evil@evil --b . QUIT RCPT TO:<evil@evil>')
    }
  },
)

test.serial('nor do those in a device', async t => {
  const device = 'Fox\r\nBcc: evil@evil\r\n\r\n<b>\r\n.\r\nQUIT\r\n\u2028\u0001\u202EX'
  const honest = (await honestLife).mails
  for (const kind of withDevice) {
    const { email, userId } = await anAccount(world.client, { full_name: 'Ana' })
    await world.mails.to(email)
    const data = { time: new Date().toISOString(), ip: '127.0.0.1\r\nBcc: evil@evil', device }
    const owed = { kind, recipient: email, userId, locale: 'en', data }
    await world.queueEmail(owed)
    const caught = await world.mails.to(email, 2)
    alike(t, kind, caught, honest.get(kind) as CaughtEmail)
    t.notRegex(caught.mail.text ?? '', /Fox|QUIT/)
    shows(t, kind, caught, '127.0.0.1 Bcc: evil@evil')
  }
})

test.serial(
  'a second registration under a hostile name tells the owner in their own, and in one mail',
  async t => {
    const told = async (mine: string, theirs: string): Promise<CaughtEmail> => {
      const email = anEmail()
      const register = (full_name: string) =>
        discreet.client.post(
          'register',
          { email, password, full_name },
          { headers: { 'user-agent': theirs } },
        )
      must('register', await register(mine))
      await discreet.mails.to(email)
      await discreet.sql('UPDATE users SET email_verified = true WHERE email = $1', [email])
      must('register', await register(theirs))
      const caught = await discreet.mails.to(email, 2)
      t.is(await caughtFor(discreet, email), 2)
      return caught
    }
    const honest = await told('Ana', 'Ana')
    for (const words of [...shown, ...hidden]) {
      const stranger = await told('Ana', words)
      alike(t, 'account_exists', stranger, honest)
      t.is(withoutToken(stranger.mail.text ?? ''), withoutToken(honest.mail.text ?? ''))
      const own = await told(words, 'Ana')
      alike(t, 'account_exists', own, honest)
      if (shown.includes(words)) shows(t, 'account_exists', own, words)
      else t.true(own.mail.text?.startsWith('Hello,\n'))
    }
  },
)

const caughtFor = async ({ mails }: World, email: string) => (await mails.sentTo(email)).length

test.serial('an address that reads like syntax is one recipient, of old and of new', async t => {
  for (const local of ["o'brien&{{code}}", '$&$1=?utf-8?q?x?=', '{{link}}%s`x`|', '--boundary/*']) {
    const [email, moved] = [anEmail(), anEmail()].map(each => `${local}${each}`) as [string, string]
    const account = await anAccount(world.client, { email })
    const verify = await world.mails.to(email)
    must('verify', await world.client.post('verify-email', { token: tokenOf(verify.link) }))
    await world.mails.to(email, 2)
    const asked = { current_password: password, new_email: moved }
    must('change', await world.client.post('change-email', asked, { token: account.access }))
    const change = await world.mails.to(moved)
    must('confirm', await world.client.post('confirm-email', { token: tokenOf(change.link) }))
    const changed = await world.mails.to(email, 3)
    const honest = (await honestLife).mails
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
