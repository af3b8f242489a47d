import { Readable } from 'node:stream'
import test from 'ava'
import { readAvaOutput } from '../ava-output.ts'

const read = async (lines: string[]) => {
  const said: string[] = []
  const tally = await readAvaOutput(Readable.from(`${lines.join('\n')}\n`), line => said.push(line))
  return { tally, said }
}

test('a run where all is well is told in a line a file', async t => {
  const { tally, said } = await read([
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
  t.deepEqual(said, ['✔ login › timing: 2 passed'])
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
