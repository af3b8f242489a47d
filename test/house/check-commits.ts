import { spawnSync } from 'node:child_process'
import { subjectErrors } from './commit-subject.ts'

// `npm run check` runs this: it checks the subjects of the newest commits. Outside a Git checkout it checks nothing.

const newest = 20

const { status, stdout } = spawnSync('git', ['log', `-${newest}`, '--no-merges', '--format=%s'], {
  encoding: 'utf8',
})
const errors = status === 0 ? stdout.split('\n').filter(Boolean).flatMap(subjectErrors) : []
for (const error of errors) process.stderr.write(`${error}\n`)
if (errors.length > 0) process.exitCode = 1
