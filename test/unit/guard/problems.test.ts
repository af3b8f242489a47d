import test from 'ava'
import { problems } from '../../../packages/guard/src/problems.ts'
import { problems as served } from '../../../src/platform/catalog/problems.ts'

// A client must not see whether Latchkey refuses its request, or a service behind the guard.

test('problem of the guard → the same status, title and texts as in the catalogue of Latchkey', t => {
  const all: Record<string, { status: number; title: string; details?: object }> = served
  for (const [code, problem] of Object.entries(problems)) {
    const same = all[code]
    if (!same) {
      t.fail(`${code} is not in the catalogue`)
      continue
    }
    t.deepEqual(
      { status: problem.status as number, title: problem.title as string },
      { status: same.status, title: same.title },
    )
    const details = 'details' in problem ? problem.details : {}
    t.deepEqual({ ...same.details, ...details }, { ...same.details }, code)
  }
})
