import { readdirSync } from 'node:fs'
import { toJsonSchema } from '@valibot/to-json-schema'
import anyTest from 'ava'
import * as v from 'valibot'
import { line, prose } from '../../../src/platform/base/field-shapes.ts'
import * as fields from '../../../src/platform/base/fields.ts'
import { direction } from '../../../src/platform/theme/locales.ts'
import { ownTemplates } from '../../../src/platform/theme/templates.ts'
import { processorTime } from '../../processor-time.ts'
import { plainTheme } from '../../theme.ts'

// Names, phone numbers, codes and languages as users type them.

const test = anyTest.serial

const { pick: pickLocale, tags: locales } = plainTheme.templates.locales

{
  const { canonicalEmail: _canonicalEmail, ...schemas } = fields
  const { address, code, fullName, httpsUrl, languageTag, mailedToken, opaqueToken, password, phone, uuid } =
    schemas

  function parse(schema: v.GenericSchema<string, string>, value: unknown): string | null {
    const result = v.safeParse(schema, value)
    return result.success ? result.output : null
  }

  for (const [name, schema] of Object.entries(schemas)) {
    test(`${name} that is not a well-formed string → refused, the error does not contain the value`, t => {
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

    test(`${name} → has a JSON schema with a description for the API document`, t => {
      const described = toJsonSchema(schema, { target: 'draft-2020-12', ignoreActions: ['raw_transform'] })
      t.is(described.type, 'string')
      t.truthy(described.description)
      t.is(Object.keys(described).includes('errors'), false)
    })

    if (name !== 'password') {
      test(`${name} with a NUL → refused`, t => {
        for (const text of ['ann\0', '\0', 'a@example.com\0', '123456\0', 'en\0', 'https://example.com/\0'])
          t.is(parse(schema, text), null)
      })
    }
  }

  test('password with spaces, capitals, NUL or NFD → accepted unchanged', t => {
    for (const text of [' a ', 'A', 'abc\0d', 'e\u0301', '\t', '\u202E']) t.is(parse(password, text), text)
  })

  test('password of 256 code points → accepted, of 257 → refused', t => {
    t.is(parse(password, '😀'.repeat(256)), '😀'.repeat(256))
    t.is(parse(password, '😀'.repeat(257)), null)
    t.is(parse(password, 'a'.repeat(256)), 'a'.repeat(256))
    t.is(parse(password, 'a'.repeat(257)), null)
    t.is(parse(password, 'a'.repeat(1_000_000)), null)
  })

  test('name or address → trimmed and normalized to NFC, otherwise unchanged', t => {
    t.is(parse(fullName, '  Zoe\u0308 O’Brien-Smith Jr. '), 'Zo\u00EB O’Brien-Smith Jr.')
    t.is(parse(fullName, 'محمد'), 'محمد')
    t.is(parse(address, ' 1 Main St, Springfield '), '1 Main St, Springfield')
    t.is(parse(fullName, '<a href="https://evil.example">'), '<a href="https://evil.example">')
  })

  test('name or address with line breaks, controls or direction overrides → refused', t => {
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

  test('length limits of name and address → count code points', t => {
    t.is(parse(fullName, '𝒜'.repeat(200)), '𝒜'.repeat(200))
    t.is(parse(fullName, '𝒜'.repeat(201)), null)
    t.is(parse(address, 'a'.repeat(500)), 'a'.repeat(500))
    t.is(parse(address, 'a'.repeat(501)), null)
  })

  test('phone number with + → stored as E.164, without + → stored as written', t => {
    const accepted: Record<string, string> = {
      '+44 20 7946 0958': '+442079460958',
      ' +1 (415) 555-2671 ': '+14155552671',
      '+1.415.555.2671': '+14155552671',
      '+45 32 12 34 56': '+4532123456',
      '+49 (0)30 123456': '+4930123456',
      '020 7946 0958': '020 7946 0958',
      '(415) 555-2671': '(415) 555-2671',
      // As address books, mail programs and keyboards for other scripts write them.
      '٤١٥٥٥٥٢٦٧١': '4155552671',
      '۰۲۰ ۷۹۴۶ ۰۹۵۸': '020 7946 0958',
      '４１５５５５２６７１': '4155552671',
      '０３－１２３４－５６７８': '03-1234-5678',
      '０３ー１２３４ー５６７８': '03-1234-5678',
      '＋１（４１５）５５５－２６７１': '+14155552671',
      '\u202A+44 20 7946 0958\u202C': '+442079460958',
      '\u2068+44\u00A020\u202F7946\u00A00958\u2069\n': '+442079460958',
      '+44\u200B20\u200E7946\u00AD0958': '+442079460958',
      '415\u2011555\u20132671': '415-555-2671',
    }
    for (const [text, form] of Object.entries(accepted)) t.is(parse(phone, text), form)
    for (const form of Object.values(accepted)) t.is(parse(phone, form), form)
  })

  test('invalid phone number → refused', t => {
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
        '4155552671\n4155552672',
        '①②③④⑤⑥⑦⑧⑨⓪',
        '⁴¹⁵⁵⁵⁵²⁶⁷¹',
        '4155552671;x',
        '415\n5552671',
        `4${' '.repeat(30)}155552671`,
      ],
    ]
    for (const text of hostile) t.is(parse(phone, text), null)
  })

  test('language tag → normalized as BCP 47, anything else is refused', t => {
    const accepted = {
      en: 'en',
      'EN-us': 'en-US',
      'zh-hant-tw': 'zh-Hant-TW',
      iw: 'he',
      es_GT: 'es-GT',
      zh_Hant_TW: 'zh-Hant-TW',
      ' en\n': 'en',
      '\u200Far': 'ar',
    }
    for (const [text, form] of Object.entries(accepted)) t.is(parse(languageTag, text), form)
    for (const text of [
      '',
      'e',
      '_',
      'en_',
      'en_US.UTF-8',
      '../en',
      'en/..',
      'englishlanguage',
      'e n',
      '*',
      `en-${'a'.repeat(40)}`,
    ])
      t.is(parse(languageTag, text), null)
  })

  test('picture URL → only https without credentials is accepted', t => {
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

  test('UUID → normalized to lower case, other spellings are refused', t => {
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

  test('refresh token of up to 4096 characters → accepted unchanged', t => {
    t.is(parse(opaqueToken, 'lkr_AZaz09-_'), 'lkr_AZaz09-_')
    for (const text of ['a'.repeat(4096), 'a=', 'a b', 'a\n', 'é', 'a.b', '%61'])
      t.is(parse(opaqueToken, text), text)
    for (const text of ['', 'a'.repeat(4097)]) t.is(parse(opaqueToken, text), null)
  })

  test('mailed token with line breaks, invisible signs or punctuation → cleaned without losing a letter', t => {
    const token = 'lkp_-AZaz09-_'
    t.is(parse(mailedToken, token), token)
    for (const text of [
      ` ${token}\n`,
      'lkp_-AZ\r\naz09-_',
      'lkp_-AZ\u00A0az\u200B09-_',
      `\u202A${token}\u202C`,
      `<${token}>`,
      `${token}.`,
      `"${token}",`,
      `(${token})`,
      'lkp%5F%2dAZaz09-%5f',
    ])
      t.is(parse(mailedToken, text), token, JSON.stringify(text))
    for (const text of ['lkp_AZ.az', 'lkp_AZ%az', 'lkp_AZ–az', 'é', '...', '%'])
      t.is(parse(mailedToken, text)?.includes(token), false, text)
    for (const text of ['', 'a'.repeat(4097)]) t.is(parse(mailedToken, text), null)
  })

  test('code of 6 or 8 digits in one script, grouped in any way → read as ASCII digits', t => {
    const of117810 = [
      '117810',
      '117 810',
      '117-810',
      ' 117810 ',
      '117810\n',
      '117\r\n810',
      '117\u00A0810',
      '117\u202F810',
      '117\u3000810',
      '117\u2011810',
      '117–810',
      '117—810',
      '117\u2212810',
      '1 1 7 8 1 0',
      '117\u200B810',
      '\u200F117810\u200E',
      '\u202A117810\u202C',
      '\u2067117810\u2069',
      '\uFEFF117810',
      '117\u00AD810',
      '117\u2060810',
      '117\uFE0F810',
      '１１７８１０',
      '１１７ー８１０',
      '١١٧٨١٠',
      '\u200F١١٧ ٨١٠',
      '۱۱۷۸۱۰',
      '११७८१०',
      '১১৭৮১০',
      '๑๑๗๘๑๐',
      '១១៧៨១០',
      '\u{1D7CF}\u{1D7CF}\u{1D7D5}\u{1D7D6}\u{1D7CF}\u{1D7CE}',
      '\u{1D7F7}\u{1D7F7}\u{1D7FD}\u{1D7FE}\u{1D7F7}\u{1D7F6}',
      '\u{1E951}\u{1E951}\u{1E957}\u{1E958}\u{1E951}\u{1E950}',
    ]
    for (const text of of117810) t.is(parse(code, text), '117810', JSON.stringify(text))
    t.is(parse(code, '012345'), '012345')
    for (const text of ['11781023', '1178 1023', '1178-1023', '١١٧٨ ١٠٢٣'])
      t.is(parse(code, text), '11781023')
    for (const text of [
      '12345',
      '1234567',
      '123456789',
      '12345a',
      '-12345',
      '12345-',
      '12.3456',
      '123,456',
      '+123456',
      '1e5000',
      '0x1234',
      'ⅧⅧⅧⅧⅧⅧ',
      '①②③④⑤⑥',
      '¹²³⁴⁵⁶',
      '一二三四五六',
      '123456'.repeat(2),
      `1${' '.repeat(60)}23456`,
      ' ',
      '\u200B',
    ])
      t.is(parse(code, text), null, text)
  })

  test('every decimal digit of Unicode in a code → its numeric value', t => {
    const digits = Array.from({ length: 0x20000 }, (_, point) => point)
      .filter(point => point < 0xd800 || point > 0xdfff)
      .map(point => String.fromCodePoint(point))
      .filter(char => /\p{Nd}/u.test(char))
    t.true(digits.length > 600 && digits.length % 10 === 0)
    // Within a script, the digits zero to nine are consecutive.
    for (const [i, char] of digits.entries())
      t.is(parse(code, char.repeat(6)), String(i % 10).repeat(6), char)
  })

  test('name or address with white space or invisible marks around it → trimmed', t => {
    for (const around of [
      ' ',
      '\n',
      '\u00A0',
      '\u200B',
      '\u200E',
      '\u202B',
      '\u2068',
      '\uFEFF',
      '\u00AD',
      '\x85',
    ]) {
      t.is(parse(fullName, `${around}Ann Lee${around}`), 'Ann Lee', JSON.stringify(around))
      t.is(parse(address, `${around}1 Main St${around}`), '1 Main St', JSON.stringify(around))
    }
  })

  // Characters that are drawn as nothing, and that `trim` does not remove.
  const invisible = [
    ...['\u00AD', '\u034F', '\u061C', '\u115F', '\u1160', '\u17B4', '\u17B5', '\u180B', '\u180E', '\u200B'],
    ...['\u200C', '\u200D', '\u200E', '\u200F', '\u2060', '\u2061', '\u2063', '\u2064', '\u206A', '\u2800'],
    ...['\u3164', '\uFE0F', '\uFEFF', '\uFFA0', '\uFFF9', '\uFFFC', '\u{1D159}', '\u{1D173}', '\u{E0020}'],
    ...['\u{E0001}', '\u{E0100}', '\u{E0041}\u{E007F}', '\u0301', '\u0301\u0308', '\u{16FE4}', '\uE000'],
    ...['\u0378', '\u{10FFFD}', '\u1680'],
  ]
  const pointsOf = (text: string) =>
    [...text].map(char => `U+${char.codePointAt(0)?.toString(16).toUpperCase()}`).join(' ')
  for (const text of invisible)
    test(`name or address of only ${pointsOf(text)} and spaces → refused`, t => {
      for (const field of [fullName, address, line(120, 'One line.'), prose(4000, 'Several lines.')])
        for (const whole of [text, text.repeat(20), ` ${text} ${text}\u00A0`, `\u200B${text}\u3164`])
          t.is(parse(field, whole), null, JSON.stringify(whole))
    })

  test('name with joiners or variation selectors between letters → kept', t => {
    const names = [
      'علی\u200Cرضا',
      'می\u200Cخواهم',
      'क्\u200Dष',
      '👩\u200D💻 Ann',
      'Ann ❤\uFE0F',
      'Ann 🏴\u{E0067}\u{E0062}\u{E0065}\u{E006E}\u{E0067}\u{E007F}',
      'O\u2019Neil',
      '\u{29E3D}野家',
      '明',
      'Ñ',
      '7',
      '—',
      '😀',
    ]
    for (const name of names) {
      t.is(parse(fullName, name), name.normalize('NFC'), name)
      t.is(parse(prose(4000, 'Several lines.'), name), name.normalize('NFC'), name)
    }
  })

  test('hostile pasted text of 16,000 characters → every field parses it within 100 ms', t => {
    const hostile = [' ', '\u200B', '\u0661', '-', '\u2800', ' a', '\u{1D7CE}', '\u0301', '%5F', 'a.'].map(
      piece => piece.repeat(16_000),
    )
    const tries = Array.from({ length: 5 }, () =>
      processorTime(() => {
        for (const text of hostile) for (const schema of Object.values(schemas)) v.safeParse(schema, text)
      }),
    )
    t.true(Math.min(...tries) < 100, String(tries))
  })
}

{
  test('available languages → the folders of templates/', t => {
    const folders = readdirSync(ownTemplates, { withFileTypes: true }).filter(entry => entry.isDirectory())
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
      [null, '\t es\t;\tq=0.5', 'es'],
      [null, '\u00A0es, ar', 'ar'],
      [null, '*', 'en'],
      [null, 'fr', 'en'],
      [null, null, 'en'],
      [undefined, undefined, 'en'],
    ]
  for (const [preferred, header, expected] of picks)
    test(`preferred language ${preferred}, Accept-Language ${header} → ${expected}`, t => {
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
    test(`invalid language → en without an exception: ${JSON.stringify(text)}`, t => {
      t.is(pickLocale(text, text), 'en')
    })

  test('language headers of several megabytes → en within 100 ms', t => {
    const floods = ['a', '-', ',', ';', ';q=', 'a-', 'es,', ' '].map(piece => piece.repeat(1_000_000))
    const tries = Array.from({ length: 5 }, () =>
      processorTime(() => {
        for (const flood of floods) t.is(pickLocale(flood, flood), 'en')
      }),
    )
    t.true(Math.min(...tries) < 100, String(tries))
  })

  test('text direction → rtl for Arabic, ltr for English and unknown languages', t => {
    t.is(direction('ar'), 'rtl')
    t.is(direction('en'), 'ltr')
    t.is(direction('nonsense'), 'ltr')
  })
}
