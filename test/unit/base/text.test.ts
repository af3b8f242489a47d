import { readdirSync } from 'node:fs'
import { toJsonSchema } from '@valibot/to-json-schema'
import anyTest from 'ava'
import * as v from 'valibot'
import * as fields from '../../../src/base/fields.ts'
import { direction, locales, pickLocale, templates } from '../../../src/base/locales.ts'

// Names, phones and languages as people type them.

const test = anyTest.serial

{
  const { canonicalEmail: _canonicalEmail, ...schemas } = fields
  const { address, code, fullName, httpsUrl, languageTag, opaqueToken, password, phone, uuid } = schemas

  function parse(schema: v.GenericSchema<string, string>, value: unknown): string | null {
    const result = v.safeParse(schema, value)
    return result.success ? result.output : null
  }

  for (const [name, schema] of Object.entries(schemas)) {
    test(`${name}: nothing but a well-formed text is taken, and no fault tells what came in`, t => {
      for (const value of [1, true, null, undefined, {}, ['a@example.com'], [['x']], { length: 1 }])
        t.is(parse(schema, value), null)
      for (const text of ['canary\uD800', '\uDFFFcanary', '']) {
        const result = v.safeParse(schema, text)
        t.false(result.success)
        t.false(JSON.stringify(result.issues).includes('canary'))
        t.deepEqual(
          result.issues?.map(issue => issue.input),
          [undefined],
        )
      }
    })

    test(`${name}: is described for the API document`, t => {
      const described = toJsonSchema(schema, { target: 'draft-2020-12', ignoreActions: ['raw_transform'] })
      t.is(described.type, 'string')
      t.truthy(described.description)
      t.is(Object.keys(described).includes('errors'), false)
    })

    if (name !== 'password') {
      test(`${name}: a NUL is refused`, t => {
        for (const text of ['ann\0', '\0', 'a@example.com\0', '123456\0', 'en\0', 'https://example.com/\0'])
          t.is(parse(schema, text), null)
      })
    }
  }

  test('a password is taken as it is: spaces, case, NUL, NFD', t => {
    for (const text of [' a ', 'A', 'abc\0d', 'e\u0301', '\t', '\u202E']) t.is(parse(password, text), text)
  })

  test('a password may have 256 code points of any kind, not one more', t => {
    t.is(parse(password, '😀'.repeat(256)), '😀'.repeat(256))
    t.is(parse(password, '😀'.repeat(257)), null)
    t.is(parse(password, 'a'.repeat(256)), 'a'.repeat(256))
    t.is(parse(password, 'a'.repeat(257)), null)
    t.is(parse(password, 'a'.repeat(1_000_000)), null)
  })

  test('a name and an address are trimmed and composed, and nothing else is done to them', t => {
    t.is(parse(fullName, '  Zoe\u0308 O’Brien-Smith Jr. '), 'Zo\u00EB O’Brien-Smith Jr.')
    t.is(parse(fullName, 'محمد'), 'محمد')
    t.is(parse(address, ' 1 Main St, Springfield '), '1 Main St, Springfield')
    t.is(parse(fullName, '<a href="https://evil.example">'), '<a href="https://evil.example">')
  })

  test('a name or address that hides, reverses or breaks the line is refused', t => {
    const hostile = [
      '\r\nBcc: x',
      'a\nb',
      'a\tb',
      '\u202Egpj.exe',
      'a\u2066b',
      'a\u2069b',
      'a\u2028b',
      'a\x7Fb',
      'a\x9Bb',
    ]
    for (const text of hostile)
      for (const schema of [fullName, address]) t.is(parse(schema, `Ann ${text} Lee`), null)
    for (const text of ['', ' ', '\u00A0']) t.is(parse(fullName, text), null)
  })

  test('the length of a name and an address counts code points', t => {
    t.is(parse(fullName, '𝒜'.repeat(200)), '𝒜'.repeat(200))
    t.is(parse(fullName, '𝒜'.repeat(201)), null)
    t.is(parse(address, 'a'.repeat(500)), 'a'.repeat(500))
    t.is(parse(address, 'a'.repeat(501)), null)
  })

  test('a phone number with + becomes E.164, one without stays as written', t => {
    const taken: Record<string, string> = {
      '+44 20 7946 0958': '+442079460958',
      ' +1 (415) 555-2671 ': '+14155552671',
      '+1.415.555.2671': '+14155552671',
      '+45 32 12 34 56': '+4532123456',
      '+49 (0)30 123456': '+4930123456',
      '020 7946 0958': '020 7946 0958',
      '(415) 555-2671': '(415) 555-2671',
    }
    for (const [text, form] of Object.entries(taken)) t.is(parse(phone, text), form)
    for (const form of Object.values(taken)) t.is(parse(phone, form), form)
  })

  test('what is no phone number is refused', t => {
    const hostile = [
      ...[
        '555-2671',
        '+1234567',
        '+1 415 555 267',
        '+1234567890123456',
        '+0123456789',
        '++14155552671',
        '1+4155552671',
        '+',
        '----------',
      ],
      ...[
        '4155552671 ext 5',
        '٤١٥٥٥٥٢٦٧١',
        '４１５５５５２６７１',
        '4155552671;x',
        '415\n5552671',
        `4${' '.repeat(30)}155552671`,
      ],
    ]
    for (const text of hostile) t.is(parse(phone, text), null)
  })

  test('a language tag is brought to the form of BCP 47', t => {
    const taken = { en: 'en', 'EN-us': 'en-US', 'zh-hant-tw': 'zh-Hant-TW', iw: 'he' }
    for (const [text, form] of Object.entries(taken)) t.is(parse(languageTag, text), form)
    for (const text of [
      '',
      'e',
      'en_US',
      '../en',
      'en/..',
      'englishlanguage',
      ' en',
      'en ',
      '*',
      `en-${'a'.repeat(40)}`,
    ])
      t.is(parse(languageTag, text), null)
  })

  test('a picture has an https address and nothing else', t => {
    t.is(parse(httpsUrl, 'HTTPS://Example.com/a b?c#d'), 'https://example.com/a%20b?c#d')
    const hostile = [
      ...[
        'http://example.com/',
        'javascript:alert(1)',
        'data:image/png;base64,AA',
        '//example.com/',
        '/a',
        'example.com',
      ],
      ...['https://user:pass@example.com/', 'https://user@example.com/', 'https://', 'https://exa mple.com/'],
      ...[
        'java\nscript:alert(1)',
        'https://example.com/\r\nx',
        'ht\ttps://example.com',
        'https://example.com/\u202E',
      ],
      `https://example.com/${'a'.repeat(2048)}`,
      `https://example.com/${'é'.repeat(1000)}`,
    ]
    for (const text of hostile) t.is(parse(httpsUrl, text), null)
  })

  test('a UUID has its one form in lower case', t => {
    const form = '0199a8f0-1c2d-7abc-8def-0123456789ab'
    t.is(parse(uuid, form.toUpperCase()), form)
    for (const text of [
      form.slice(1),
      `${form}0`,
      `{${form}}`,
      form.replaceAll('-', ''),
      `${form}\n`,
      form.replace('a', 'g'),
    ])
      t.is(parse(uuid, text), null)
  })

  test('a token is taken as it is, a code is six digits', t => {
    t.is(parse(opaqueToken, 'lkr_AZaz09-_'), 'lkr_AZaz09-_')
    for (const text of ['a'.repeat(4096), 'a=', 'a b', 'a\n', 'é', 'a.b', '%61'])
      t.is(parse(opaqueToken, text), text)
    for (const text of ['', 'a'.repeat(4097)]) t.is(parse(opaqueToken, text), null)
    t.is(parse(code, '012345'), '012345')
    for (const text of [
      '12345',
      '1234567',
      '12345a',
      ' 123456',
      '123456\n',
      '١٢٣٤٥٦',
      '１２３４５６',
      '-12345',
    ])
      t.is(parse(code, text), null)
  })
}

{
  test('the languages are the folders of words', t => {
    const folders = readdirSync(templates, { withFileTypes: true }).filter(entry => entry.isDirectory())
    t.deepEqual([...locales].sort(), folders.map(({ name }) => name).sort())
    t.true(locales.includes('en'))
  })

  const picks: [preferred: string | null | undefined, header: string | null | undefined, expected: string][] =
    [
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
}
