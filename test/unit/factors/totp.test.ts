import test from 'ava'
import { describeSeed, matchingStep, newSeed, stepAt } from '../../../src/features/factors/totp.ts'
import { totpOf } from '../../totp.ts'

// The seed of RFC 6238, appendix B, and its codes for SHA-1. They have eight digits there; an app shows the last six.
const seed = Buffer.from('12345678901234567890')
const vectors = [
  [59, '287082'],
  [1111111109, '081804'],
  [1111111111, '050471'],
  [1234567890, '005924'],
  [2000000000, '279037'],
  [20000000000, '353130'],
] as const

const about = { issuer: 'Latchkey', label: 'ada@example.com' }

test('the codes of RFC 6238 for SHA-1 → the step of their time', async t => {
  const { secret } = await describeSeed(seed, about)
  for (const [seconds, code] of vectors) {
    const time = seconds * 1000
    t.is(await matchingStep(seed, code, { time, lastStep: 0 }), stepAt(time), code)
    t.is(totpOf(secret, time), code)
  }
})

test('a code one step before or after → passes; two steps → refused', async t => {
  const time = 1_234_567_890_000
  for (const shift of [-30_000, 0, 30_000])
    t.is(await matchingStep(seed, '005924', { time: time + shift, lastStep: 0 }), stepAt(time), `${shift}`)
  for (const shift of [-60_000, 60_000])
    t.is(await matchingStep(seed, '005924', { time: time + shift, lastStep: 0 }), null, `${shift}`)
})

test('a code of the last accepted step or an earlier one → refused', async t => {
  const time = 1_234_567_890_000
  const at = (lastStep: number) => matchingStep(seed, '005924', { time, lastStep })
  t.is(await at(stepAt(time) - 1), stepAt(time))
  t.is(await at(stepAt(time)), null)
  t.is(await at(stepAt(time) + 1), null)
})

test('a code with spaces, hyphens or digits of another script → passes; other text → refused', async t => {
  const at = (code: string) => matchingStep(seed, code, { time: 1_234_567_890_000, lastStep: 0 })
  for (const code of ['005 924', ' 005-924\n', '٠٠٥٩٢٤']) t.not(await at(code), null, code)
  for (const code of ['', '5924', '0005924', '00592', '005924 '.repeat(20), '00592x', '+05924'])
    t.is(await at(code), null, code)
})

test('a seed → 160 random bits, in base32 and in the address of the QR code', async t => {
  t.is(newSeed().length, 20)
  t.notDeepEqual(newSeed(), newSeed())
  const { secret, uri } = await describeSeed(seed, about)
  t.is(secret, 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ')
  t.is(
    uri,
    `otpauth://totp/Latchkey:ada%40example.com?issuer=Latchkey&secret=${secret}&algorithm=SHA1&digits=6&period=30`,
  )
})

test('the QR code → an SVG of dark modules on white with an empty border, without a script', async t => {
  const { svg } = await describeSeed(seed, about)
  t.regex(
    svg,
    /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" viewBox="0 0 (\d+) \1"><rect fill="white" width="\d+" height="\d+"\/>/,
  )
  t.regex(svg, /<path fill="black" d="M40,40[^"]*"\/><\/svg>$/)
  t.notRegex(svg, /script|href|style|on\w+=/i)
})

test('a brand with a colon, markup or many wide characters → a valid address and QR code', async t => {
  const { uri, svg } = await describeSeed(seed, { issuer: 'My: <b>"Co"', label: about.label })
  t.true(uri.startsWith('otpauth://totp/My%20%20%3Cb%3E%22Co%22:ada%40example.com?'))
  t.notRegex(svg, /<b>|"Co"/)
  const longest = { issuer: '👩‍👩‍👧‍👦'.repeat(64), label: `${'!'.repeat(64)}@${'a'.repeat(180)}.example` }
  t.true((await describeSeed(seed, longest)).svg.endsWith('</svg>'))
})
