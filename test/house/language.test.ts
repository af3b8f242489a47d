import test from 'ava'
import { bannedWords, languageFaults, longComments, poorTitles, sentencesOf, titlesOf } from './language.ts'
import { sources } from './source.ts'

const faultsIn = (text: string): string[] =>
  bannedWords('a.ts', text).map(({ fault }) => fault.split('"')[1] ?? '')

test('a banned word in prose, camelCase or snake_case → it is found', t => {
  t.deepEqual(faultsIn('// Nobody is asked'), ['Nobody'])
  t.deepEqual(faultsIn('const oweMail = 1'), ['owe'])
  t.deepEqual(faultsIn(`key('owed_mail')`), ['owed'])
  t.deepEqual(faultsIn('there is none'), ['is none'])
})

test('a public name that holds a banned word → it is allowed', t => {
  t.deepEqual(faultsIn('emails.proof_used_at'), [])
})

test('a paragraph of four sentences in a comment → it is found, a list is not', t => {
  const four = 'One is here. Two is here. Three is here. Four is here.'
  t.is(longComments('a.ts', `// ${four}\nconst a = 1`).length, 1)
  t.is(longComments('a.ts', `/**\n * ${four.slice(0, 25)}\n *\n * ${four.slice(26)}\n */`).length, 0)
  t.is(longComments('a.ts', `// - ${four}`).length, 0)
})

test('abbreviations, figures and code in a paragraph → they end no sentence', t => {
  t.is(sentencesOf('Waits 1.5 s, e.g. for `a. B`. Then it ends.'), 2)
})

test('test titles in any quotes → all are read', t => {
  const code = ["test('one is here now', t", 'test.serial(`two is here now`, t', 'anyTest("three", t'].join(
    '\n',
  )
  t.deepEqual(
    titlesOf(code).map(({ text }) => text),
    ['one is here now', 'two is here now', 'three'],
  )
  t.is(poorTitles('a.test.ts', code).length, 1)
})

const written = sources(
  ...[
    'src/**/*.{ts,lua}',
    'packages/*/{src,examples}/**/*.{ts,js}',
    'packages/*/*.md',
    'migrations/*.ts',
    'test/**/*.ts',
    'bin/*.cjs',
    'bench/*.{ts,md}',
    'bench/{compare,flame,peers}/*.ts',
  ],
  ...['templates/*.{mjml,txt}', 'templates/en/*.json', 'docs/**/*.md', '*.md', '.github/**/*.{md,yml}'],
  ...['.env.example', 'Dockerfile', 'docker-compose.yml'],
).filter(({ path }) => !/^test\/house\/(?:words|language|language\.test)\.ts$/.test(path))

test('code, comments, test titles, docs and messages use plain words and short paragraphs', t => {
  t.true(written.length > 600)
  const found = written.flatMap(({ path, text }) => languageFaults(path, text))
  t.deepEqual(
    found.map(({ path, line, fault }) => `${path}:${line} ${fault}`),
    [],
  )
})
