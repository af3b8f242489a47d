import { userView } from '../../features/users/view.ts'
import * as field from '../../platform/base/fields.ts'
import { command, done, operator, refused } from './command.ts'

export const resetFactorsCommand = command({
  name: 'users reset-factors',
  summary: 'Remove every second factor of a user who has lost them',
  description:
    'Ends the sessions of the user, who gets an email. From then on the password is enough to sign in.',
  arguments: { email: { schema: field.email, help: 'the email address of the account' } },
  options: {},
  needs: 'everything',
  run: async (deps, { arguments: { email } }) => {
    const { findUser, findUserByEmail } = await import('../../features/users/store.ts')
    const user = await findUserByEmail(deps.reads, email)
    if (!user) return refused('NOT_FOUND', `${email} has no account.`)
    const { resetFactors } = await import('../../features/admin/reset-factors.ts')
    const problem = await resetFactors(deps, { userId: user.id, ...operator })
    if (problem) return refused(problem.code, `${email} has no account.`)
    const after = (await findUser(deps.reads, user.id)) ?? user
    const state = user.factor_types.length > 0 ? 'has no second factor now.' : 'has no second factor already.'
    return done(userView(after), `${email} ${state}`)
  },
})
