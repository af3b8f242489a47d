import { Readable } from 'node:stream'
import test from 'ava'
import { readAvaOutput } from '../../ava-output.ts'

const read = async (lines: string[]) => {
  const said: string[] = []
  const passed: string[] = []
  const output = Readable.from(`${lines.join('\n')}\n`)
  const { failures, ...tally } = await readAvaOutput(output, {
    say: line => said.push(line),
    passed: file => passed.push(file),
  })
  return { tally, failures, said, passed }
}

test('tests that pass → only their file is handed on, for each', async t => {
  const { tally, said, passed } = await read([
    '',
    '  ✔ login › timing › one (1.2s)',
    '  ✔ login › timing › two',
    '  - [skip] login › limits › later',
    '  ─',
    '',
    '  2 tests passed',
    '  1 test skipped',
  ])
  t.deepEqual(tally, { passed: 2, failed: 0, skipped: 1 })
  t.deepEqual(passed, ['login › timing', 'login › timing'])
  t.deepEqual(said, [])
})

const failures: Record<string, { lines: string[]; failed: number }> = {
  'a test that fails': {
    lines: ['  ✘ [fail]: login › one', '  ─', '', '  login › one', '  Difference:', '', '  1 test failed'],
    failed: 1,
  },
  'a file that crashes': {
    lines: [
      '  Uncaught exception in test/a.test.ts',
      '  ✘ test/a.test.ts exited with a non-zero exit code: 1',
      '  1 uncaught exception',
    ],
    failed: 1,
  },
  'a file without tests': {
    lines: ['  ✘ No tests found in test/a.test.ts, make sure to import "ava"'],
    failed: 1,
  },
  'tests that hang': {
    lines: [
      '  ✘ Timed out while running tests',
      '  2 tests were pending in test/a.test.ts',
      '  ◌ a › one',
      '  ◌ a › two',
      '  2 tests remained pending after a timeout',
    ],
    failed: 2,
  },
}

for (const [name, { lines, failed }] of Object.entries(failures)) {
  test(`${name} counts as failed, and all that AVA says of it is said`, async t => {
    const { tally, said } = await read(['  ✔ b › fine', ...lines])
    t.deepEqual(tally, { passed: 1, failed, skipped: 0 })
    for (const line of lines.filter(line => /\w/.test(line))) t.true(said.includes(line), line)
  })
}

const detail = (text: string[]) => [
  '  ✘ [fail]: a › wrong (1.2s)',
  '  ✘ [fail]: b › other',
  '  ─',
  '',
  '  a › wrong',
  '',
  ...text,
  '',
  '  b › other',
  '',
  '  Value is not truthy:',
  '  2 tests failed',
]
for (const [cause, text] of [
  ['assertion', ['  Difference (- actual, + expected):']],
  ['time-out', ['  Error { message: "Timed out after 20000 ms waiting for: email 1" }']],
  ['environment', ['  AggregateError { code: "ECONNREFUSED" }']],
  ['environment', ['  Error { message: "register answered 503: {}" }']],
] as const)
  test(`a failure that shows ${text[0]?.trim().slice(0, 50)} → told as ${cause}`, async t => {
    const { tally, failures } = await read(detail([...text]))
    t.is(tally.failed, 2)
    t.deepEqual(failures, [
      { name: 'a › wrong', cause },
      { name: 'b › other', cause: 'assertion' },
    ])
  })
