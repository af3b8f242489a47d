import { domainToASCII, domainToUnicode } from 'node:url'
import anyTest from 'ava'
import fc from 'fast-check'
import * as v from 'valibot'
import { canonicalDomain } from '../../../src/platform/base/address-parts.ts'
import { canonicalEmail, email } from '../../../src/platform/base/fields.ts'
import { validate } from '../../../src/platform/http/validate.ts'
import { processorTime } from '../../processor-time.ts'

// Email addresses: which are accepted, and their canonical form.

const test = anyTest.serial

{
  const canonical: Record<string, string> = {
    'ann@example.com': 'ann@example.com',
    '  Ann.Lee+News@EXAMPLE.Com ': 'ann.lee+news@example.com',
    '\u200Ba@example.com\u200B': 'a@example.com',
    '\u202Aa@example.com\u202C': 'a@example.com',
    '\u2068a@example.com\u2069': 'a@example.com',
    '\u200Ea@bücher.example\u200F': 'a@xn--bcher-kva.example',
    "o'brien!#$%&*/=?^_`{|}~-@mail.example.co.uk": "o'brien!#$%&*/=?^_`{|}~-@mail.example.co.uk",
    'ann@bücher.example': 'ann@xn--bcher-kva.example',
    'ann@BU\u0308CHER.example': 'ann@xn--bcher-kva.example',
    'ann@XN--BCHER-KVA.example': 'ann@xn--bcher-kva.example',
    'ann@例え.テスト': 'ann@xn--r8jz45g.xn--zckzah',
    'ann@faß.de': 'ann@xn--fa-hia.de',
    [`${'a'.repeat(64)}@example.com`]: `${'a'.repeat(64)}@example.com`,
    [`a@${'b'.repeat(63)}.example`]: `a@${'b'.repeat(63)}.example`,
  }

  for (const [text, form] of Object.entries(canonical)) {
    test(`canonical form of an email: ${encodeURI(text)}`, t => {
      t.is(canonicalEmail(text), form)
      t.is(canonicalEmail(form), form)
      t.is(v.parse(email, text), form)
    })
  }

  const refused: Record<string, string> = {
    'a dotless i that resembles i': 'mıke@example.com',
    'a Kelvin sign that lower-cases to k': 'mi\u212Ae@example.com',
    'a Kelvin sign in the domain': 'mike@\u212Aelvin.com',
    'a long s that upper-cases to S': 'mi\u017Fe@example.com',
    'a Cyrillic а in the local part': 'm\u0430rk@example.com',
    'a full-width at sign': 'a＠example.com',
    'a full-width at sign beside an ASCII one': 'a＠evil.com@example.com',
    'a full-width full stop': 'a@example．com',
    'an ideographic full stop': 'a@example。com',
    'full-width letters in the domain': 'a@ｅxample.com',
    'a letter-like number': 'a@ⅷ.com',
    'a ligature': 'a@ﬁrm.com',
    'an invisible hyphen': 'a@exam\u00ADple.com',
    'a zero-width joiner': 'a@exam\u200Dple.com',
    'a variation selector': 'a@example\uFE0F.com',
    'a zero-width space within': 'a\u200B@example.com',
    'a bidirectional mark within': 'a@\u200Eexample.com',
    'a joiner at the end': 'a@example.com\u200D',
    'a percent-encoded letter': 'a@ex%61mple.com',
    'a path': 'a@evil.com/example.com',
    'a backslash': 'a@evil.com\\example.com',
    'a query': 'a@evil.com?example.com',
    'a fragment': 'a@evil.com#example.com',
    'a port': 'a@example.com:25',
    'two recipients by comma': 'a@example.com,b@evil.com',
    'two recipients by comma and space': 'a@example.com, b@evil.com',
    'two recipients by semicolon': 'a@example.com;b@evil.com',
    'two recipients by space': 'a@example.com b@evil.com',
    'a quoted recipient': '"a@evil x"@good.com',
    'a quoted local part': '"a"@example.com',
    'a display name in front': 'Ann <a@example.com>',
    'angle brackets': '<a@example.com>',
    'a comment': 'a(comment)@example.com',
    'a comment in the domain': 'a@(comment)example.com',
    'a second at sign': 'a@b@example.com',
    'a source route': '@evil.com:a@example.com',
    'a percent route on the domain': 'a@evil.com%example.com',
    'a header after the address': 'a@example.com\r\nBcc: b@evil.com',
    'a line break inside': 'a@exam\nple.com',
    'a tab inside': 'a@exam\tple.com',
    'a NUL': 'a@example.com\0',
    'a NUL inside': 'a\0@example.com',
    'an escape character': '\x1Ba@example.com',
    'a next-line character': 'a@example.com\x85',
    'a line break at the end': 'a@example.com\n',
    'a carriage return at the end': 'a@example.com\r',
    'a trailing dot': 'a@example.com.',
    'a leading dot in the domain': 'a@.example.com',
    'an empty label': 'a@example..com',
    'a leading dot': '.a@example.com',
    'a dot before the at sign': 'a.@example.com',
    'two dots': 'a..b@example.com',
    'a domain of one label': 'root@localhost',
    'an address literal': 'a@[192.0.2.1]',
    'an IPv6 literal': 'a@[IPv6:2001:db8::1]',
    'a bare IPv4 address': 'a@192.0.2.1',
    'a hexadecimal IPv4 address': 'a@0x7f.1',
    'a numeric top level': 'a@example.123',
    'an underscore in the domain': 'a@exa_mple.com',
    'a hyphen first': 'a@-example.com',
    'a hyphen last': 'a@example-.com',
    'a broken A-label': 'a@xn--a.com',
    'an A-label spelt a second way': 'a@xn---h3u.com',
    'an A-label for plain letters': 'a@xn--abc-.com',
    'a label of 64': `a@${'b'.repeat(64)}.com`,
    'a local part of 65': `${'a'.repeat(65)}@example.com`,
    '255 characters': `${'a'.repeat(64)}@${'b'.repeat(60)}.${'c'.repeat(60)}.${'d'.repeat(60)}.example`,
    'no local part': '@example.com',
    'no domain': 'a@',
    'no at sign': 'example.com',
    'an emoji': '😀@example.com',
    'a lone surrogate': 'a@exam\uD800ple.com',
    'no characters': '',
    'only spaces': '   ',
  }

  for (const [name, text] of Object.entries(refused)) {
    test(`email address with ${name} → refused`, t => {
      t.is(canonicalEmail(text), null)
      t.false(v.is(email, text))
    })
  }

  test('email of 254 characters → accepted, of 255 → refused', t => {
    const text = `${'a'.repeat(64)}@${'b'.repeat(60)}.${'c'.repeat(60)}.${'d'.repeat(60)}.exampl`
    t.is(text.length, 254)
    t.is(canonicalEmail(text), text)
    t.is(canonicalEmail(`${text}e`), null)
  })

  test('email that is not a string → refused', t => {
    const values = [
      ['a@example.com'],
      ['a@example.com', 'b@evil.com'],
      { 0: 'a@example.com' },
      1,
      true,
      null,
      undefined,
    ]
    for (const value of values) t.false(v.is(email, value))
  })

  test('email domain with a Cyrillic letter → another domain in its A-label form', t => {
    t.is(canonicalEmail('a@\u0430pple.com'), 'a@xn--pple-43d.com')
    t.not(canonicalEmail('a@\u0430pple.com'), canonicalEmail('a@apple.com'))
  })

  test('any UTF-16 unit at any place in an email → refused or a plain ASCII address', t => {
    const shape = /^[a-z0-9!#$%&'*+/=?^_`{|}~.-]+@[a-z0-9.-]+\.[a-z0-9-]+$/
    const unseen = /[\p{White_Space}\p{Cf}]/u
    for (let point = 0; point < 0x10000; point++) {
      const char = String.fromCharCode(point)
      for (const text of [`a${char}b@example.com`, `a@ex${char}ample.com`, `a@example.com${char}`]) {
        const form = canonicalEmail(text)
        if (form === null) continue
        if (!shape.test(form) || canonicalEmail(form) !== form) t.fail(`U+${point.toString(16)}`)
        // No character outside ASCII may produce the address of a user with a plain ASCII domain.
        if (point > 0x7f && !form.includes('xn--') && form !== 'a@example.com')
          t.fail(`U+${point.toString(16)}`)
        if (point > 0x7f && form === 'a@example.com' && !unseen.test(char)) t.fail(`U+${point.toString(16)}`)
      }
    }
    t.pass()
  })

  test('hostile emails of 50 KB → each is refused within 2 ms', t => {
    const hostile = [
      'a'.repeat(50_000),
      `${'a.'.repeat(25_000)}@example.com`,
      `a@${'a.'.repeat(25_000)}`,
      `a@${'é.'.repeat(25_000)}com`,
      '@'.repeat(50_000),
      ' '.repeat(50_000),
      `${' '.repeat(25_000)}a@example.com${' '.repeat(25_000)}`,
      `"${'\\'.repeat(50_000)}`,
      `${'('.repeat(25_000)}${')'.repeat(25_000)}a@example.com`,
      'a@b'.repeat(16_000),
    ]
    const tries = Array.from({ length: 5 }, () =>
      processorTime(() => {
        for (const text of hostile) for (let times = 0; times < 20; times++) t.false(v.is(email, text))
      }),
    )
    t.true(Math.min(...tries) < 200, String(tries))
  })
}

{
  const plainLetters = 'abcdefghijklmnopqrstuvwxyz0123456789'
  const foreignLetters =
    'äçéîñōşüýžÿάίόαβγδεζηθικλμνξοπρσςτυφχψωабвгдеёжийклмнопрстцшщыьэюяіїєաբգაბგאבגابتकखग中文例え日本語한국'
  const from = (letters: string) => fc.constantFrom(...letters)

  const word = (letters: string, longest: number) =>
    fc.string({ unit: from(letters), minLength: 1, maxLength: longest })
  const localPart = fc.array(word(`${plainLetters}!#$%&'*+/=?^_\`{|}~-`, 12), { minLength: 1, maxLength: 4 })
  const label = fc.oneof(
    word(plainLetters, 12),
    word(plainLetters + foreignLetters, 8),
    word(foreignLetters, 6),
  )
  const domain = fc
    .tuple(fc.array(label, { minLength: 1, maxLength: 3 }), fc.constantFrom('com', 'example', 'рф', 'ελ'))
    .map(([labels, top]) => [...labels, top].join('.'))
  const anAddress = fc.tuple(localPart, domain).map(([local, host]) => `${local.join('.')}@${host}`)

  // Every 16-bit unit, including lone surrogates. Most parser errors come from the signs of the second list.
  const anyUnit = fc.oneof(
    fc.nat(0xffff).map(code => String.fromCharCode(code)),
    fc.constantFrom(...'@@@..,;:<>()[]"\\ \r\n\t\0%-+_/?#', '\u2028', '\u200B', '＠', '．', '\u0308', 'xn--'),
    from(plainLetters),
  )
  const anyText = fc.string({ unit: anyUnit, maxLength: 40 })
  const mutated = fc
    .tuple(anAddress, fc.nat(60), fc.nat(2), anyText)
    .map(([text, at, cut, insert]) => text.slice(0, at) + insert + text.slice(at + cut))
  const long = fc
    .tuple(word(plainLetters, 4), fc.integer({ min: 60, max: 140 }), domain)
    .map(([part, times, host]) => `${part.repeat(16)}@${`${part}.`.repeat(times)}${host}`)
  const anyInput = fc.oneof(anyText, mutated, mutated, long, anAddress)

  // Some letters share their upper case with others (ς and σ) or become longer (ß). These keep their case
  // here.
  const otherCase = (text: string, odd: boolean[]) =>
    [...text]
      .map((char, i) =>
        odd[i % odd.length] && char.toUpperCase().toLowerCase() === char ? char.toUpperCase() : char,
      )
      .join('')
  const spaces = fc.constantFrom('', ' ', '  ', '\u00A0', '\u3000', '\uFEFF', '\u200E', '\u202C')

  test('generated input → every accepted email is one ASCII recipient in canonical form', t => {
    const shape = /^[a-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]+$/
    fc.assert(
      fc.property(anyInput, text => {
        const form = canonicalEmail(text)
        if (form === null) return true
        return (
          form.length <= 254 &&
          shape.test(form) &&
          canonicalEmail(form) === form &&
          v.parse(email, form) === form
        )
      }),
      { numRuns: 20_000 },
    )
    t.pass()
  })

  type Spelling = { text: string; odd: boolean[]; form: string; before: string; after: string }
  const spelling: fc.Arbitrary<Spelling> = fc.record({
    text: anAddress,
    odd: fc.array(fc.boolean(), { minLength: 1, maxLength: 9 }),
    form: fc.constantFrom('NFC', 'NFD'),
    before: spaces,
    after: spaces,
  })

  test('other case, composition, spaces or domain spelling → the same canonical email', t => {
    let accepted = 0
    const holds = ({ text, odd, form, before, after }: Spelling) => {
      const one = canonicalEmail(text)
      if (one === null) return
      accepted++
      const at = one.indexOf('@')
      const inUnicode = `${one.slice(0, at)}@${domainToUnicode(one.slice(at + 1))}`
      for (const same of [
        one,
        inUnicode,
        otherCase(text, odd),
        otherCase(inUnicode, odd),
        otherCase(one, odd),
      ])
        if (canonicalEmail(before + same.normalize(form) + after) !== one)
          throw new Error(`${same} is not ${one}`)
    }
    fc.assert(fc.property(spelling, holds), { numRuns: 5000 })
    t.true(accepted > 1000, `${accepted} addresses were compared`)
  })

  // Characters that resemble an ASCII sign, or become one by folding, composition or a change of case.
  const lookAlikes = new Map<string, string[]>(
    Object.entries({
      i: ['ı', 'İ', 'і', 'Ꭵ'],
      k: ['\u212A', 'к'],
      s: ['ſ', 'ѕ'],
      a: ['а', 'α'],
      o: ['о', 'ο', 'օ'],
    }),
  )
  for (let point = 0x80; point < 0x20000; point++) {
    if (point >= 0xd800 && point < 0xe000) continue
    const char = String.fromCodePoint(point)
    for (const folded of [
      char.normalize('NFKC').toLowerCase(),
      char.toLowerCase(),
      char.toUpperCase().toLowerCase(),
    ])
      if (/^[!-~]$/.test(folded)) lookAlikes.set(folded, [...(lookAlikes.get(folded) ?? []), char])
  }

  test('look-alike letter in an email → refused, or an internationalized domain of its own', t => {
    t.true((lookAlikes.get('@')?.includes('＠') && lookAlikes.get('k')?.includes('\u212A')) ?? false)
    const plain = fc
      .tuple(word('abiklmos', 6), word('abiklmos1', 6))
      .map(([local, host]) => `${local}.kiss@${host}.silk.com`)
    const spoofed = fc.tuple(plain, fc.nat(100), fc.nat(500))
    const holds = ([text, place, which]: [string, number, number]) => {
      const at = place % text.length
      const choices = lookAlikes.get(text.charAt(at)) ?? []
      fc.pre(choices.length > 0)
      const spoofedEmail = text.slice(0, at) + choices[which % choices.length] + text.slice(at + 1)
      const form = canonicalEmail(spoofedEmail)
      return (
        form === null || (at > text.indexOf('@') && form.includes('xn--') && form !== canonicalEmail(text))
      )
    }
    fc.assert(fc.property(spoofed, holds), { numRuns: 20_000 })
  })

  test('look-alike of the at sign in an email → refused', t => {
    for (const at of lookAlikes.get('@') ?? [])
      for (const text of [`a${at}example.com`, `a${at}evil.com@example.com`, `a@example.com${at}evil.com`])
        t.is(canonicalEmail(text), null, text)
  })

  test('refused email → the error names the rule and never contains the value', t => {
    const body = v.strictObject({ email })
    const inText = fc.tuple(anyInput, fc.constantFrom('canary ', ' canary', '@canary@', 'canary\0'))
    const inValue = fc.oneof(
      inText.map(([text, canary]): unknown => canary + text),
      fc
        .anything({ values: [fc.constant('canary')], maxDepth: 2 })
        .filter(value => typeof value !== 'string'),
    )
    const holds = (value: unknown) => {
      const refused = validate(body, { email: value })
      if ('value' in refused) return canonicalEmail(String(value)) !== null
      const [error, ...more] = refused.extra.errors ?? []
      const byRule =
        error?.path === 'email' && error.rule === (typeof value === 'string' ? 'email' : 'string')
      const missing = value === undefined && error?.rule === 'missing'
      return (byRule || missing) && more.length === 0 && !/canary/i.test(JSON.stringify(refused))
    }
    fc.assert(fc.property(inValue, holds), { numRuns: 5000 })
    const issues = (text: string) => JSON.stringify(v.safeParse(email, text).issues ?? [])
    fc.assert(fc.property(inText, ([text, canary]) => !issues(canary + text).includes('canary')))
    t.pass()
  })

  test('generated hostile emails of 50 KB → each is refused within 50 ms', t => {
    const unit = fc.oneof(
      anyText,
      mutated,
      fc.constantFrom('a', 'a.', 'é.', 'xn--', '@', '\\', '(', '"', ' ', '-.', '\u0308'),
    )
    const ends = fc.tuple(
      fc.constantFrom('', 'a@', '@', ' '),
      fc.constantFrom('', '@example.com', '.com', ' ', '\0'),
    )
    const hostile = fc.tuple(unit, ends).map(([part, [before, after]]) => {
      const filling = (part || 'a').repeat(Math.ceil(50_000 / (part.length || 1))).slice(0, 50_000)
      return before + filling + after
    })
    // Garbage collection may delay one attempt, but not all three.
    const once = (text: string) => processorTime(() => void v.safeParse(email, text))
    const slow = (text: string) => once(text) > 50 && once(text) > 50 && once(text) > 50
    fc.assert(
      fc.property(hostile, text => !slow(text)),
      { numRuns: 2000 },
    )
    // The greatest length that is parsed completely.
    const longest = hostile.map(text => text.slice(0, 512))
    fc.assert(
      fc.property(longest, text => !slow(text)),
      { numRuns: 2000 },
    )
    t.pass()
  })
}

test('random labels of letters, digits and hyphens → the domain is that of the URL standard, or refused', t => {
  const label = fc.string({ unit: fc.constantFrom(...'aZxXn09-'), minLength: 1, maxLength: 5 })
  const check = (labels: string[]) => {
    const domain = canonicalDomain(labels.join('.'))
    return domain === null || domain === domainToASCII(labels.join('.'))
  }
  t.notThrows(() => fc.assert(fc.property(fc.array(label, { minLength: 1, maxLength: 3 }), check)))
})
