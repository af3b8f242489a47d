import { domainToUnicode } from 'node:url'
import test from 'ava'
import fc from 'fast-check'
import * as v from 'valibot'
import { canonicalEmail, email } from '../../src/base/fields.ts'
import { validate } from '../../src/http/validate.ts'

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

// Every 16-bit unit, so lone halves of a pair too; most of what goes wrong is made of these signs.
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
const whatever = fc.oneof(anyText, mutated, mutated, long, anAddress)

// Upper case of some letters is that of others too (ς and σ), or longer (ß): these have no other case here.
const otherCase = (text: string, odd: boolean[]) =>
  [...text]
    .map((char, i) =>
      odd[i % odd.length] && char.toUpperCase().toLowerCase() === char ? char.toUpperCase() : char,
    )
    .join('')
const spaces = fc.constantFrom('', ' ', '  ', '\u00A0', '\u3000', '\uFEFF')

test('what is accepted is one recipient in plain ASCII, and its own canonical form', t => {
  const shape = /^[a-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]+$/
  fc.assert(
    fc.property(whatever, text => {
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

test('case, composition, space and the spelling of the domain make no second account', t => {
  let accepted = 0
  const holds = ({ text, odd, form, before, after }: Spelling) => {
    const one = canonicalEmail(text)
    if (one === null) return
    accepted++
    const at = one.indexOf('@')
    const inWords = `${one.slice(0, at)}@${domainToUnicode(one.slice(at + 1))}`
    for (const same of [one, inWords, otherCase(text, odd), otherCase(inWords, odd), otherCase(one, odd)])
      if (canonicalEmail(before + same.normalize(form) + after) !== one)
        throw new Error(`${same} is not ${one}`)
  }
  fc.assert(fc.property(spelling, holds), { numRuns: 5000 })
  t.true(accepted > 1000, `${accepted} addresses were looked at`)
})

// What looks like an ASCII sign, or becomes one when it is folded, composed or changed in case.
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

test('a look-alike is refused, or is in a domain that no plain address is in', t => {
  t.true((lookAlikes.get('@')?.includes('＠') && lookAlikes.get('k')?.includes('\u212A')) ?? false)
  const plain = fc
    .tuple(word('abiklmos', 6), word('abiklmos1', 6))
    .map(([local, host]) => `${local}.kiss@${host}.silk.com`)
  const disguise = fc.tuple(plain, fc.nat(100), fc.nat(500))
  const holds = ([text, place, which]: [string, number, number]) => {
    const at = place % text.length
    const choices = lookAlikes.get(text.charAt(at)) ?? []
    fc.pre(choices.length > 0)
    const disguised = text.slice(0, at) + choices[which % choices.length] + text.slice(at + 1)
    const form = canonicalEmail(disguised)
    return form === null || (at > text.indexOf('@') && form.includes('xn--') && form !== canonicalEmail(text))
  }
  fc.assert(fc.property(disguise, holds), { numRuns: 20_000 })
})

test('every look-alike of the at sign is refused, also where it would be a second one', t => {
  for (const at of lookAlikes.get('@') ?? [])
    for (const text of [`a${at}example.com`, `a${at}evil.com@example.com`, `a@example.com${at}evil.com`])
      t.is(canonicalEmail(text), null, text)
})

test('what is refused is told by its rule and never quoted', t => {
  const body = v.strictObject({ email })
  const inText = fc.tuple(whatever, fc.constantFrom('canary ', ' canary', '@canary@', 'canary\0'))
  const inValue = fc.oneof(
    inText.map(([text, canary]): unknown => canary + text),
    fc.anything({ values: [fc.constant('canary')], maxDepth: 2 }).filter(value => typeof value !== 'string'),
  )
  const holds = (value: unknown) => {
    const refused = validate(body, { email: value })
    if ('value' in refused) return canonicalEmail(String(value)) !== null
    const [error, ...more] = refused.extra.errors ?? []
    const byRule = error?.path === 'email' && error.rule === (typeof value === 'string' ? 'email' : 'string')
    const missing = value === undefined && error?.rule === 'missing'
    return (byRule || missing) && more.length === 0 && !/canary/i.test(JSON.stringify(refused))
  }
  fc.assert(fc.property(inValue, holds), { numRuns: 5000 })
  const issues = (text: string) => JSON.stringify(v.safeParse(email, text).issues ?? [])
  fc.assert(fc.property(inText, ([text, canary]) => !issues(canary + text).includes('canary')))
  t.pass()
})

test('no 50 KB that somebody may think of hold the process up', t => {
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
  // What others do on this machine may hold up one try, and not each.
  const once = (text: string) => {
    const start = performance.now()
    v.safeParse(email, text)
    return performance.now() - start
  }
  const slow = (text: string) => once(text) > 50 && once(text) > 50 && once(text) > 50
  fc.assert(
    fc.property(hostile, text => !slow(text)),
    { numRuns: 2000 },
  )
  // As long as is looked at in earnest.
  const longest = hostile.map(text => text.slice(0, 512))
  fc.assert(
    fc.property(longest, text => !slow(text)),
    { numRuns: 2000 },
  )
  t.pass()
})
