import { Readable } from 'node:stream'
import test from 'ava'
import { readAvaOutput } from '../../ava-output.ts'

// The test runner: what it reads from the output of AVA.

const read = async (lines: string[]) => {
  const printed: string[] = []
  const passed: string[] = []
  const output = Readable.from(`${lines.join('\n')}\n`)
  const { failures, ...counts } = await readAvaOutput(output, {
    say: line => printed.push(line),
    passed: file => passed.push(file),
  })
  return { counts, failures, printed, passed }
}

test('AVA output with passing tests → counts them and reports their files', async t => {
  const { counts, printed, passed } = await read([
    '',
    '  ✔ login › timing › one (1.2s)',
    '  ✔ login › timing › two',
    '  - [skip] login › limits › later',
    '  ─',
    '',
    '  2 tests passed',
    '  1 test skipped',
  ])
  t.deepEqual(counts, { passed: 2, failed: 0, skipped: 1 })
  t.deepEqual(passed, ['login › timing', 'login › timing'])
  t.deepEqual(printed, [])
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
  test(`AVA output with ${name} → counted as failed, and all details are printed`, async t => {
    const { counts, printed } = await read(['  ✔ b › fine', ...lines])
    t.deepEqual(counts, { passed: 1, failed, skipped: 0 })
    for (const line of lines.filter(line => /\w/.test(line))) t.true(printed.includes(line), line)
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
test('AVA adds a message to the title of a failed test → its details are still found', async t => {
  const { failures } = await read([
    '  ✘ [fail]: a › right Rejected promise returned by test',
    '  ✘ [fail]: a › late Rejected promise returned by test',
    '  ─',
    '',
    '  a › right',
    '',
    '  Difference (- actual, + expected):',
    '',
    '  a › late',
    '',
    '  Error { message: "Timed out after 20000 ms waiting for: email 1" }',
    '  2 tests failed',
  ])
  t.deepEqual(
    failures.map(({ cause }) => cause),
    ['assertion', 'timeout'],
  )
})

for (const [cause, text] of [
  ['assertion', ['  Difference (- actual, + expected):']],
  ['timeout', ['  Error { message: "Timed out after 20000 ms waiting for: email 1" }']],
  ['environment', ['  AggregateError { code: "ECONNREFUSED" }']],
  ['environment', ['  Error { message: "register answered 503: {}" }']],
  ['crash', ['  Error: Unexpected process.exit()']],
] as const)
  test(`AVA failure that shows ${text[0]?.trim().slice(0, 50)} → cause ${cause}`, async t => {
    const { counts, failures } = await read(detail([...text]))
    t.is(counts.failed, 2)
    t.deepEqual(failures, [
      { name: 'a › wrong', cause },
      { name: 'b › other', cause: 'assertion' },
    ])
  })
