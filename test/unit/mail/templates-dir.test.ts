import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import anyTest from 'ava'
import { emails as allEmails } from '../../../src/modules.ts'
import type { EmailDefinition } from '../../../src/platform/catalog/email-definition.ts'
import { emails } from '../../../src/platform/catalog/emails.ts'
import { templateFolderErrors } from '../../../src/platform/mail/check-templates.ts'
import { render } from '../../../src/platform/mail/render.ts'
import { ownTemplates } from '../../../src/platform/theme/templates.ts'
import { programEnv } from '../../spawn.ts'
import { plainTheme, themeOf } from '../../theme.ts'

// TEMPLATES_DIR: own templates, words and languages of the operator, and the errors in them.

const test = anyTest.serial

const root = mkdtempSync(join(tmpdir(), 'latchkey-templates-'))
anyTest.after.always(() => rmSync(root, { recursive: true }))
let folderCount = 0

/** Creates a folder with these files. */
const folderWith = (files: Record<string, string>): string => {
  const folder = join(root, String(++folderCount))
  mkdirSync(folder)
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
  return folder
}

const rendered = (folder: string, locale: string, kind: 'welcome' | 'verify_email' = 'welcome') =>
  render<EmailDefinition>(
    themeOf({ TEMPLATES_DIR: folder, BRAND_NAME: 'Acme' }),
    emails[kind],
    locale,
    emails[kind].sample,
  )

const body = '<mj-text>{{greeting}} {{t.title}}</mj-text><mj-button href="{{link}}">{{t.button}}</mj-button>'

test('own word in TEMPLATES_DIR → replaces ours, and all other words stay', async t => {
  const folder = folderWith({ 'es/welcome.json': '{"title": "Hola de {{brand}}"}' })
  const own = await rendered(folder, 'es')
  const ours = await render(themeOf({ BRAND_NAME: 'Acme' }), emails.welcome, 'es', emails.welcome.sample)
  t.true(own.html.includes('Hola de <bdi>Acme</bdi>'))
  t.is(own.subject, ours.subject)
  t.is(own.text, ours.text)
  t.deepEqual(
    await rendered(folder, 'en'),
    await render(themeOf({ BRAND_NAME: 'Acme' }), emails.welcome, 'en', emails.welcome.sample),
  )
})

test('own template of one email → replaces ours in every language, and other emails stay', async t => {
  const folder = folderWith({
    'welcome.mjml': `<mj-text>Own part</mj-text>${body}`,
    'welcome.txt': '{{greeting}}\r\n\r\nOwn text: {{link}}\r\n',
  })
  for (const locale of ['en', 'es', 'ar']) {
    const { html, text } = await rendered(folder, locale)
    t.true(html.includes('Own part'))
    t.regex(text, /\n\nOwn text: https:\S+\n\n[^\n]+\n\n-- \n/)
    t.notRegex(text, /\r/)
  }
  const other = await rendered(folder, 'en', 'verify_email')
  t.notRegex(other.html, /Own part/)
})

test('own layout → replaces ours in every email', async t => {
  const layout = `<mjml><mj-head><mj-title>{{t.title}}</mj-title></mj-head><mj-body><mj-section><mj-column>
    <mj-text>Top of {{brand}}</mj-text>{{content}}<mj-text>{{t.footer}}</mj-text></mj-column></mj-section></mj-body></mjml>`
  const folder = folderWith({ 'layout.mjml': layout, 'layout.txt': 'Top of {{brand}}\n\n{{content}}\n' })
  const theme = themeOf({ TEMPLATES_DIR: folder, BRAND_NAME: 'Acme' })
  for (const email of allEmails) {
    const { kind, sample } = email
    const { html, text } = await render(theme, email, 'en', sample)
    t.true(html.includes('Top of Acme'), kind)
    t.true(text.startsWith('Top of Acme\n\n'), kind)
  }
})

test('own template with a new word → the word is taken from the folder', async t => {
  const folder = folderWith({
    'welcome.mjml': `<mj-text>{{t.offer}}</mj-text>${body}`,
    ...Object.fromEntries(
      ['en', 'es', 'ar'].map(tag => [`${tag}/welcome.json`, `{"offer": "Offer ${tag}"}`]),
    ),
  })
  t.deepEqual(await errorsOf(folder), [])
  for (const tag of ['en', 'es', 'ar']) t.true((await rendered(folder, tag)).html.includes(`Offer ${tag}`))
})

test('new folder of words → a new language for every email', async t => {
  const folder = folderWith({})
  cpSync(join(ownTemplates, 'en'), join(folder, 'fr'), { recursive: true })
  writeFileSync(
    join(folder, 'fr/verify_email.json'),
    JSON.stringify({ ...plainTheme.templates.words('en', 'verify_email'), title: 'Confirmez' }),
  )
  t.deepEqual(await errorsOf(folder), [])
  const theme = themeOf({ TEMPLATES_DIR: folder })
  t.deepEqual(theme.templates.locales.tags, ['ar', 'en', 'es', 'fr'])
  const { html } = await render(theme, emails.verify_email, 'fr-CA', emails.verify_email.sample)
  t.true(html.includes('<html lang="fr" dir="ltr"'))
  t.true(html.includes('Confirmez'))
  for (const email of allEmails) t.true((await render(theme, email, 'fr', email.sample)).html.length > 0)
})

test('regional language → needs only the words that differ', async t => {
  const folder = folderWith({ 'es-MX/welcome.json': '{"button": "Ándale"}' })
  t.deepEqual(await errorsOf(folder), [])
  const mexican = await rendered(folder, 'es-MX')
  t.true(mexican.html.includes('Ándale'))
  t.is(mexican.subject, (await rendered(folder, 'es')).subject)
  t.false((await rendered(folder, 'es')).html.includes('Ándale'))
})

test('folder as Kubernetes mounts it, with unrelated files → accepted', async t => {
  const folder = folderWith({
    '..2031_01/es/welcome.json': '{"title": "Hola"}',
    'README.md': 'x',
    '.git/config': 'x',
  })
  symlinkSync(join(folder, '..2031_01/es'), join(folder, 'es'))
  t.deepEqual(await errorsOf(folder), [])
  t.true((await rendered(folder, 'es')).html.includes('Hola'))
})

/** The errors of a folder that the API and the worker report when they start. */
const errorsOf = async (folder: string): Promise<string[]> => {
  const errors = await templateFolderErrors({ brand: plainTheme.brand, TEMPLATES_DIR: folder }, allEmails)
  return errors.map(error => error.replace(/^TEMPLATES_DIR: /, ''))
}

const broken: [what: string, files: Record<string, string>, fault: RegExp][] = [
  [
    'a misspelt template',
    { 'welcom.mjml': body },
    /^welcom\.mjml: there is no template .* Did you mean welcome\.mjml\?$/,
  ],
  [
    'a misspelt file of words',
    { 'es/welcom.json': '{}' },
    /^es\/welcom\.json: there are no words .* welcome\.json\?$/,
  ],
  [
    'words outside the folder of a language',
    { 'welcome.json': '{}' },
    /^welcome\.json: words belong in the folder .* en\/welcome\.json$/,
  ],
  [
    'a folder not named after a language',
    { 'es_MX/welcome.json': '{}' },
    /^es_MX: a folder of words is named after its language/,
  ],
  [
    'words that are not JSON',
    { 'es/welcome.json': '{"title": "Hola",}' },
    /^es\/welcome\.json: is not JSON \(line 1 column \d+\)$/,
  ],
  [
    'words that are a list',
    { 'es/welcome.json': '["Hola"]' },
    /^es\/welcome\.json: must be an object of words$/,
  ],
  [
    'a word that is a number',
    { 'es/welcome.json': '{"title": 3}' },
    /^es\/welcome\.json: "title" must be a text/,
  ],
  [
    'an empty word',
    { 'es/welcome.json': '{"title": " "}' },
    /^es\/welcome\.json: "title" must be a text that is not empty$/,
  ],
  [
    'a misspelt word',
    { 'es/welcome.json': '{"titel": "Hola"}' },
    /^es\/welcome\.json: there is no word "titel"\. Did you mean title\?$/,
  ],
  [
    'a word with an unknown placeholder',
    { 'es/welcome.json': '{"title": "{{naem}}"}' },
    /^es\/welcome\.json: "title": \{\{naem\}\} cannot/,
  ],
  [
    'a page word with a placeholder of another page',
    { 'es/pages.json': '{"taken_title": "{{min}}"}' },
    /^es\/pages\.json: "taken_title": \{\{min\}\} cannot/,
  ],
  [
    'a language that lacks words',
    { 'fr/welcome.json': '{"title": "Bienvenue"}' },
    /^fr\/layout\.json: these words are missing: support$/,
  ],
  [
    'a template with an unknown placeholder',
    { 'welcome.txt': '{{code}}' },
    /^welcome\.txt: \{\{code\}\}: only \{\{name\}\}, \{\{link\}\}/,
  ],
  [
    'a template with a word that no language has',
    { 'welcome.mjml': `${body}<mj-text>{{t.offer}}</mj-text>` },
    /^ar\/welcome\.json: these words are missing: offer$/,
  ],
  [
    'a verification without link and code',
    { 'verify_email.txt': '{{greeting}}' },
    /^verify_email\.txt: \{\{link\}\} or \{\{code\}\} is missing$/,
  ],
  [
    'a layout without content',
    { 'layout.txt': '{{signature}}' },
    /^layout\.txt: \{\{content\}\} is missing$/,
  ],
  [
    'an element that is not closed',
    { 'welcome.mjml': `<mj-text>x</mj-text>\n<mj-text>y\n${body}` },
    /^welcome\.mjml: line 2: <mj-text> is not closed$/,
  ],
  [
    'an element that is closed twice',
    { 'welcome.mjml': `${body}\n</mj-column>` },
    /^welcome\.mjml: line 2: <\/mj-column> closes no/,
  ],
  [
    'an unknown MJML element',
    { 'welcome.mjml': `${body}\n<mj-txt>x</mj-txt>` },
    /^welcome\.mjml: line 2: <mj-txt> Element/,
  ],
  [
    'an unknown MJML attribute',
    { 'welcome.mjml': `${body}\n\n<mj-text colour="red">x</mj-text>` },
    /^welcome\.mjml: line 3: <mj-text> Attribute colour/,
  ],
  [
    'text where MJML drops it',
    { 'welcome.mjml': '{{link}}' },
    /^welcome\.mjml: \{\{link\}\} must stand inside an element such as <mj-text>$/,
  ],
  [
    'a layout with a wrong color',
    {
      'layout.mjml':
        '<mjml><mj-body>\n<mj-section background-color="rot!"><mj-column>{{content}}</mj-column></mj-section></mj-body></mjml>',
    },
    /^layout\.mjml: line 2: <mj-section> Attribute background-color/,
  ],
]
for (const [what, files, fault] of broken)
  test(`${what} in TEMPLATES_DIR → an error that names the file, and the line if there is one`, async t => {
    const [first = '', ...more] = await errorsOf(folderWith(files))
    t.regex(first, fault)
    t.notRegex([first, ...more].join('\n'), /node_modules|undefined|\bat /)
  })

const starts: [name: string, more: Record<string, string>][] = [
  ['worker', {}],
  ['api', {}],
  ['api', { API_PROCESSES: '2' }],
]
for (const [name, more] of starts)
  test(`broken template → ${name} exits with 78 and one message, with ${JSON.stringify(more)}`, async t => {
    const folder = folderWith({
      'welcome.mjml': `${body}\n<mj-txt>x</mj-txt>`,
      'es/welcome.json': '{"title": "Hola"}',
    })
    const env = {
      ...programEnv,
      NODE_ENV: 'test',
      DATABASE_URL: 'postgres://user@127.0.0.1:1/none',
      REDIS_URL: 'redis://127.0.0.1:1',
      SMTP_URL: 'smtp://127.0.0.1:1',
      APP_SECRET: 'Xv9-of-tests-alone-0123456789-abcdef',
    }
    const script = fileURLToPath(new URL(`../../../src/${name}.ts`, import.meta.url))
    const started = promisify(execFile)(process.execPath, [script], {
      env: { ...env, ...more, TEMPLATES_DIR: folder },
    })
    const { code, stdout, stderr } = await t.throwsAsync<Error & Record<string, unknown>>(started)
    t.is(code, 78)
    t.is(stdout, '')
    t.is(
      stderr,
      "Latchkey cannot start. Correct the configuration:\n  TEMPLATES_DIR: welcome.mjml: line 2: <mj-txt> Element mj-txt doesn't exist or is not registered\n",
    )
  })

for (const folder of ['/nowhere/at/all', '/etc/hostname', 'a\0b'])
  test(`TEMPLATES_DIR=${JSON.stringify(folder)} → an error at start, and commands without emails still run`, async t => {
    t.deepEqual(await errorsOf(folder), ['TEMPLATES_DIR must be a folder that can be read'])
    t.deepEqual(themeOf({ TEMPLATES_DIR: folder }).templates.locales.tags, ['ar', 'en', 'es'])
  })

test('several errors in TEMPLATES_DIR → all reported at once', async t => {
  const errors = await errorsOf(
    folderWith({ 'es/welcome.json': '{', 'ar/welcome.json': '[]', 'en/pages.json': '{"x": "y"}' }),
  )
  t.deepEqual(
    errors.map(error => error.split(':')[0]),
    ['ar/welcome.json', 'en/pages.json', 'es/welcome.json'],
  )
})

test('unreadable file in TEMPLATES_DIR → the error names it', async t => {
  const folder = folderWith({})
  mkdirSync(join(folder, 'welcome.mjml'))
  t.regex((await errorsOf(folder))[0] ?? '', /^welcome\.mjml: cannot be read$/)
})

test('own template folder as TEMPLATES_DIR → no error, so the check knows all our files', async t => {
  t.true(readdirSync(ownTemplates).length > 20)
  t.deepEqual(await errorsOf(ownTemplates), [])
})
