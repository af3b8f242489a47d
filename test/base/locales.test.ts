import { readdirSync } from 'node:fs'
import test from 'ava'
import { direction, locales, pickLocale, templates } from '../../src/base/locales.ts'

test('the languages are the folders of words', t => {
  const folders = readdirSync(templates, { withFileTypes: true }).filter(entry => entry.isDirectory())
  t.deepEqual([...locales].sort(), folders.map(({ name }) => name).sort())
  t.true(locales.includes('en'))
})

const picks: [preferred: string | null | undefined, header: string | null | undefined, expected: string][] = [
  ['es', 'ar', 'es'],
  ['ES', null, 'es'],
  ['es-419', null, 'es'],
  ['es_MX', null, 'es'],
  ['ar-Arab-EG', null, 'ar'],
  ['tlh', 'es', 'es'],
  ['', 'es', 'es'],
  [null, 'es-MX,es;q=0.9,en;q=0.8', 'es'],
  [null, 'fr, en;q=0.5, ar;q=0.9', 'ar'],
  [undefined, 'en;q=0.2 , ES ; Q=0.7', 'es'],
  [null, 'ar;q=0, es;q=0.001', 'es'],
  [null, 'es;q=0', 'en'],
  [null, 'es, ar', 'es'],
  [null, '*', 'en'],
  [null, 'fr', 'en'],
  [null, null, 'en'],
  [undefined, undefined, 'en'],
]
for (const [preferred, header, expected] of picks)
  test(`preferring ${preferred}, accepting ${header}: ${expected}`, t => {
    t.is(pickLocale(preferred, header), expected)
  })

const hostile = [
  '../../etc/passwd',
  '__proto__',
  'constructor',
  'e',
  '-',
  '-es',
  'es\0',
  'es\r\nX: y',
  '<es>',
  ';;;;,,,,====',
  'es;q=2',
  'es;q=NaN',
  'es;q=-1',
  'es;q=1e9',
  'ünïcode',
]
for (const text of hostile)
  test(`nonsense is no language and no fault: ${JSON.stringify(text)}`, t => {
    t.is(pickLocale(text, text), 'en')
  })

test('megabytes of nonsense cost nothing', t => {
  const floods = ['a', '-', ',', ';', ';q=', 'a-', 'es,', ' '].map(piece => piece.repeat(1_000_000))
  // What others do on this machine may hold up one try, and not each.
  const tries = Array.from({ length: 5 }, () => {
    const start = performance.now()
    for (const flood of floods) t.is(pickLocale(flood, flood), 'en')
    return performance.now() - start
  })
  t.true(Math.min(...tries) < 100)
})

test('directions', t => {
  t.is(direction('ar'), 'rtl')
  t.is(direction('en'), 'ltr')
  t.is(direction('nonsense'), 'ltr')
})
