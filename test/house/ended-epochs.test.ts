import test from 'ava'
import { sources } from './source.ts'

// Raising `session_epoch` ends sessions. A trigger records that, and the worker adds it to the feed of revocations some
// seconds later. To be there within a second, the process adds it itself.

const raises = /session_epoch \+ 1|'session_epoch', 1/

/** Functions that raise an epoch in the transaction of their caller, which calls `deleteSessions` after its commit. */
const withinTransaction: Readonly<Record<string, string>> = {
  'src/features/accounts/clear-unverified-password.ts': 'src/features/accounts/register.ts',
  'src/features/email-change/evict-unverified-account.ts': 'src/features/email-change/undo-email-change.ts',
}

test('a verb raises the epoch of a user → it adds the ended sessions to the feed after its commit', t => {
  const all = sources('src/**/*.ts')
  const raising = all.filter(({ code }) => raises.test(code)).map(({ path }) => path)
  t.true(raising.length > 8, 'the files are not where this test looks')
  const announces = (path: string) =>
    all.some(file => file.path === path && /(?:await|void) deleteSessions\(/.test(file.code))
  t.deepEqual(
    raising.map(path => withinTransaction[path] ?? path).filter(path => !announces(path)),
    [],
  )
})
