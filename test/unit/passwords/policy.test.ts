import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import anyTest from 'ava'
import { type PasswordKind, passwordPolicy } from '../../../src/platform/base/password-policy.ts'

// The password policy: which new passwords are refused.

const test = anyTest.serial

{
  const owner = { email: 'ann.lee1@example.com', fullName: 'Ann Lee 2000' }
  const check = passwordPolicy({ minLength: 8, require: ['letter', 'digit'] })
  const rule = (password: string) => check(password, owner)?.rule ?? null
  const anything = passwordPolicy({ minLength: 8, require: [] })

  test('passphrase with spaces, any script or common words inside → accepted', t => {
    const good = [
      ...[
        'correct horse 7',
        'password1 and dragon',
        ' 8 spaces around ',
        'пароль из слов 5',
        '密码密码密码密码5',
        '٧ كلمات سر طويلة',
      ],
      ...['monkey123456789x', `x1${'😀'.repeat(254)}`, `a1${'\u0301'.repeat(10)}`],
    ]
    for (const password of good) t.is(rule(password), null, password)
  })

  test('minimum length → counts code points after NFC, not UTF-16 units', t => {
    t.is(rule('a1😀😀😀😀😀'), 'too_short')
    t.is(rule('a1😀😀😀😀😀😀'), null)
    t.is(rule(`${'e\u0301'.repeat(6)}1`), 'too_short')
    t.is(rule('zk7mqp4'), 'too_short')
    t.is(rule('zk7mqp4v'), null)
    t.is(rule(`a1${'😀'.repeat(255)}`), 'too_long')
    const long = passwordPolicy({ minLength: 15, require: [] })
    t.is(long('zk7 mqp4 vvx 2q', owner), null)
    t.is(long('zk7 mqp4 vvx 2', owner)?.rule, 'too_short')
  })

  test('password without a required kind of character → the error names the kind', t => {
    const kinds: Record<PasswordKind, [string, string]> = {
      letter: ['8462 9173 05', '8462 9173 z5'],
      digit: ['horse battery', 'horse battery4'],
      lower: ['HORSE BATTERY', 'HORSE BATTERy'],
      upper: ['horse battery', 'Horse battery'],
      symbol: ['horse battery', 'horse-battery'],
    }
    for (const [kind, [without, having]] of Object.entries(kinds) as [PasswordKind, [string, string]][]) {
      const policy = passwordPolicy({ minLength: 8, require: new Set([kind]) })
      t.is(policy(without, owner)?.rule, `needs_${kind}`)
      t.is(policy(having, owner), null)
    }
    const all = passwordPolicy({ minLength: 8, require: ['lower', 'upper', 'digit', 'symbol'] })
    t.is(all('Zk7-mqp4', owner), null)
  })

  test('common password in any case → refused', t => {
    for (const password of ['password1', 'Password1', 'PASSW0RD', 'qwerty123', '1q2w3e4r', 'abc12345'])
      t.is(rule(password), 'too_common', password)
    t.is(anything('qwertyuiop', owner)?.rule, 'too_common')
  })

  test('repeated or consecutive characters of any length → refused as common', t => {
    for (const password of [
      '123456789012345',
      '987654321098765432',
      'zzzzzzzzzzzzzzzzz',
      '00000000000',
      'abcdefghijklmnop',
    ])
      t.is(anything(password, owner)?.rule, 'too_common', password)
    for (const password of ['123456789012346', 'zzzzzzzzzzzzzzzzy', 'abcdefghijklmnoq'])
      t.is(anything(password, owner), null, password)
  })

  test('common passwords from all parts of the list → refused', t => {
    // A truncated list would lose the later samples.
    for (const password of ['trustno1', 'babygirl1', 'soccer12', 'mustang1'])
      t.is(rule(password), 'too_common', password)
  })

  test('password equal to the email, its local part or the name in any case → refused', t => {
    for (const password of ['ann.lee1@example.com', 'ANN.LEE1@example.com', 'Ann.Lee1'])
      t.is(rule(password), 'same_as_email')
    for (const password of ['Ann Lee 2000', 'annlee2000', 'ANN LEE 2000'])
      t.is(rule(password), 'same_as_name')
    t.is(rule('ann lee 2000 and more'), null)
    t.is(check('zk7mqp4v', { email: 'a@b.co', fullName: null }), null)
    t.is(check('zk7mqp4v', { email: 'a@b.co' }), null)
  })

  test('refused password → the message does not repeat it', t => {
    for (const password of ['canary1', 'canarycanary', `canary1${'x'.repeat(300)}`]) {
      const fault = check(password, owner)
      t.truthy(fault)
      t.false(fault?.message.includes('canary'))
    }
  })
}

test('common passwords that satisfy the other rules → more than 3000 are refused', t => {
  const path = fileURLToPath(import.meta.resolve('@zxcvbn-ts/language-common/src/passwords.json'))
  const list: string[] = JSON.parse(readFileSync(path, 'utf8'))
  const check = passwordPolicy({ minLength: 8, require: ['letter', 'digit'] })
  const owner = { email: 'ann@example.com' }
  const faults = list.map(password => check(password, owner)?.rule ?? 'taken')
  t.true(faults.filter(rule => rule === 'too_common').length > 3000)
  t.false(faults.includes('taken'))
})
