import test from 'ava'
import { subjectErrors } from './commit-subject.ts'

const accepted = [
  'fix(accounts): count notices under a lock so that a fourth is never sent',
  'refactor!: move files into platform, features, shop and processes',
  'perf(http): process the body once',
  'docs: address the first reader',
]

for (const subject of accepted)
  test(`commit subject "${subject.slice(0, 40)}…" → accepted`, t => {
    t.deepEqual(subjectErrors(subject), [])
  })

const rejected: Record<string, RegExp> = {
  'count notices under a lock': /must begin with a type/,
  'chore: clean up': /must begin with a type/,
  'fix: counted notices': /imperative/,
  'fix: counts notices': /imperative/,
  'fix: counting notices': /imperative/,
  'fix: Count notices': /lower case/,
  'fix: count notices.': /full stop/,
  [`fix: count ${'x'.repeat(70)}`]: /81 characters/,
}

for (const [subject, error] of Object.entries(rejected))
  test(`commit subject "${subject.slice(0, 40)}" → rejected with a reason`, t => {
    t.is(subjectErrors(subject).length, 1)
    t.regex(subjectErrors(subject)[0] ?? '', error)
  })
