import test from 'ava'
import fc from 'fast-check'
import { domainOf, parseMailbox } from '../../../src/platform/base/mailbox.ts'

// One mailbox as in `MAIL_FROM`: how it is parsed, and what is refused.

const accepted: Record<string, [name: string, address: string]> = {
  'no-reply@example.com': ['', 'no-reply@example.com'],
  '  No-Reply@EXAMPLE.com ': ['', 'No-Reply@example.com'],
  '<no-reply@example.com>': ['', 'no-reply@example.com'],
  '"" <no-reply@example.com>': ['', 'no-reply@example.com'],
  'Acme <no-reply@localhost>': ['Acme', 'no-reply@localhost'],
  'Acme<no-reply@example.com>': ['Acme', 'no-reply@example.com'],
  'Acme Inc. <no-reply@example.com>': ['Acme Inc.', 'no-reply@example.com'],
  '"Acme, Inc." <no-reply@example.com>': ['Acme, Inc.', 'no-reply@example.com'],
  '"Acme: Help" <no-reply@example.com>': ['Acme: Help', 'no-reply@example.com'],
  '"The \\"best\\" \\\\ shop" <no-reply@example.com>': ['The "best" \\ shop', 'no-reply@example.com'],
  '"a <b@c.d>" <no-reply@example.com>': ['a <b@c.d>', 'no-reply@example.com'],
  '"Acme" Support <no-reply@example.com>': ['Acme Support', 'no-reply@example.com'],
  'Acme, Inc. <no-reply@example.com>': ['Acme, Inc.', 'no-reply@example.com'],
  'Acme (Support) <no-reply@example.com>': ['Acme (Support)', 'no-reply@example.com'],
  'Acme; Team <no-reply@example.com>': ['Acme; Team', 'no-reply@example.com'],
  "O'Brien & Söhne <no-reply@example.com>": ["O'Brien & Söhne", 'no-reply@example.com'],
  'Mo\u0308bel 🪑 <no-reply@example.com>': ['Möbel 🪑', 'no-reply@example.com'],
  'متجر <no-reply@example.com>': ['متجر', 'no-reply@example.com'],
  '=?UTF-8?Q?M=C3=B6bel=2C_?= =?utf-8?B?R21iSA==?= <no-reply@example.com>': [
    'Möbel, GmbH',
    'no-reply@example.com',
  ],
  '=?iso-8859-1?q?M=F6bel?= <no-reply@example.com>': ['Möbel', 'no-reply@example.com'],
  '"=?UTF-8?Q?M=C3=B6bel?=" <no-reply@example.com>': ['=?UTF-8?Q?M=C3=B6bel?=', 'no-reply@example.com'],
  'no-reply@example.com (Acme Support)': ['Acme Support', 'no-reply@example.com'],
  'Acme <no-reply@bücher.example>': ['Acme', 'no-reply@xn--bcher-kva.example'],
  'Acme <no-reply@[192.0.2.1]>': ['Acme', 'no-reply@[192.0.2.1]'],
  'Acme <no-reply@[IPv6:2001:db8::1]>': ['Acme', 'no-reply@[IPv6:2001:db8::1]'],
}
for (const [text, [name, address]] of Object.entries(accepted))
  test(`mailbox parsed into name and address: ${text}`, t => {
    t.deepEqual(parseMailbox(text), { name, address })
  })

const refused: Record<string, string> = {
  'no address': 'Acme',
  'only a quoted name': '"Acme <no-reply@example.com>"',
  'an address without a domain': 'Acme <no-reply>',
  'an empty address': 'Acme <>',
  'two addresses': 'a@example.com, b@example.com',
  'two mailboxes': 'Ann <a@example.com>, Bob <b@example.com>',
  'a list in the name': 'a@example.com, Bob <b@example.com>',
  'a group': 'Team: Ann <a@example.com>;',
  'an open group': 'Team: Ann <a@example.com>',
  'an empty group': 'undisclosed-recipients:;',
  'text behind the address': 'Acme <no-reply@example.com> Support',
  'a comment behind the address': 'Acme <no-reply@example.com> (Support)',
  'a comment in the address': 'Acme <no-reply(hidden)@example.com>',
  'two angle brackets': 'Acme <<no-reply@example.com>>',
  'an open quote': '"Acme <no-reply@example.com>',
  'an escape outside quotes': 'Ac\\me <no-reply@example.com>',
  'a line break in the name': 'Acme\r\nBcc: x@example.com <no-reply@example.com>',
  'a line feed behind the address': 'no-reply@example.com\n',
  'an escaped line break': '"Acme\\\r\nBcc: x" <no-reply@example.com>',
  'a line separator': 'Acme\u2028 <no-reply@example.com>',
  'a null character': 'Acme\0 <no-reply@example.com>',
  'a right-to-left override': 'Acme \u202Egro.live <no-reply@example.com>',
  'half a surrogate pair': 'Acme \uD83D <no-reply@example.com>',
  'a space in the address': 'Acme <no reply@example.com>',
  'a comma in the address': 'Acme <no-reply@example.com,evil.example>',
  'two at signs': 'Acme <a@b@example.com>',
  'a quoted local part': 'Acme <"no reply"@example.com>',
  'a local part beyond ASCII': 'Acme <jörg@example.com>',
  'a dot at the end of the local part': 'Acme <no-reply.@example.com>',
  'a bare IP address as the domain': 'Acme <no-reply@192.0.2.1>',
  'a wrong address literal': 'Acme <no-reply@[300.0.0.1]>',
  'a source route': 'Acme <@relay.example:no-reply@example.com>',
  'an encoded-word in an unknown charset': '=?klingon?Q?x?= <no-reply@example.com>',
  'a long text': `${'a'.repeat(512)} <no-reply@example.com>`,
}
for (const [what, text] of Object.entries(refused))
  test(`mailbox with ${what} → refused`, t => {
    t.is(parseMailbox(text), null)
  })

test('any quoted display name → parsed unchanged', t => {
  const name = fc
    .string({ unit: 'grapheme', maxLength: 60 })
    .map(text => text.trim().normalize('NFC'))
    .filter(text => !/[\p{Cc}\p{Zl}\p{Zp}]/u.test(text))
  fc.assert(
    fc.property(name, text => {
      const quoted = `"${text.replace(/["\\]/g, '\\$&')}" <no-reply@example.com>`
      t.deepEqual(parseMailbox(quoted), { name: text, address: 'no-reply@example.com' })
    }),
  )
})

test('random text as a mailbox → no exception, and no address with white space or a second @', t => {
  const texts = fc.oneof(
    fc.string({ unit: fc.constantFrom(...'ab.@<>()",;:\\[]= ?') }),
    fc.string({ unit: 'binary' }),
  )
  fc.assert(
    fc.property(texts, text => {
      const address = parseMailbox(text)?.address
      if (address !== undefined) t.regex(address, /^[^\s<>@(),;"]+@[^\s<>@(),;"]+$/)
    }),
  )
  t.pass()
})

test('domainOf a mailbox → the part after its last @', t => {
  t.is(domainOf({ name: 'a@b', address: "o'brien@mail.example.com" }), 'mail.example.com')
})
