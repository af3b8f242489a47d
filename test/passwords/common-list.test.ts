import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { passwordPolicy } from '../../src/passwords/rules.ts'

test('of passwords that follow the rules more than three thousand are refused as common', t => {
  const path = fileURLToPath(import.meta.resolve('@zxcvbn-ts/language-common/src/passwords.json'))
  const list: string[] = JSON.parse(readFileSync(path, 'utf8'))
  const check = passwordPolicy({ minLength: 8, require: ['letter', 'digit'] })
  const owner = { email: 'ann@example.com' }
  const faults = list.map(password => check(password, owner)?.rule ?? 'taken')
  t.true(faults.filter(rule => rule === 'too_common').length > 3000)
  t.false(faults.includes('taken'))
})
