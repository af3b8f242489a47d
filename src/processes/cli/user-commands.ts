import type { Deps } from '../../deps.ts'
import type { UserChange } from '../../features/admin/update-user.ts'
import type { User } from '../../features/users/entity.ts'
import type { Role } from '../../features/users/types.ts'
import { userView } from '../../features/users/view.ts'
import * as field from '../../platform/base/fields.ts'
import { type Code, Problem } from '../../platform/catalog/problems.ts'
import { type Command, command, done, type Outcome, operator, refused } from './command.ts'
import { readPassword } from './read-password.ts'
import { resetFactorsCommand } from './reset-factors-command.ts'

const email = { schema: field.email, help: 'the email address of the account' }

const create = command({
  name: 'users create',
  summary: 'Create an account',
  description: 'Asks for the password, or reads it from a pipe.',
  arguments: { email },
  options: {
    name: { value: 'text', schema: field.fullName, help: 'the full name of the user' },
    admin: { help: 'make the user an administrator' },
    verified: { help: 'mark the address as verified: no verification email is sent' },
    invite: { help: 'set no password: an email lets the user choose one' },
  },
  needs: 'everything',
  run: async (deps, { arguments: { email }, options: { name, admin, verified, invite } }, io) => {
    const password = invite ? null : await readPassword(io)
    if (password !== null && typeof password !== 'string') return password
    const roles: Role[] = admin ? ['user', 'admin'] : ['user']
    const given = { email, fullName: name ?? null, password, roles, verified, ...operator }
    const { createUser } = await import('../../features/admin/create-user.ts')
    const made = await createUser(deps, given)
    if (made instanceof Problem) return refusal(made, email)
    const purpose = invite ? 'choose a password' : 'verify the address'
    const mail = made.emailId ? ` An email with a link to ${purpose} is queued.` : ''
    return done(userView(made.user), `${email} has an account now.${mail}`)
  },
})

const reasons: Readonly<Record<string, string>> = {
  FORBIDDEN: 'is the last administrator and must stay one.',
  EMAIL_NOT_VERIFIED: 'has not verified the address. Another person may have registered it.',
  USER_EXISTS: 'has an account already.',
  NOT_FOUND: 'has no account.',
} satisfies Partial<Record<Code, string>>

const refusal = ({ code, definition, extra }: Problem, email: string): Outcome => {
  if (reasons[code]) return refused(code, `${email} ${reasons[code]}`)
  const { errors } = extra
  const sentence = errors?.map(({ path, message }) => `${path}: ${message}`).join(' ') ?? definition.title
  return refused(code, sentence, { errors })
}

type Change = {
  verb: string
  summary: string
  description?: string
  /** The change for this user; null if there is nothing to change. */
  of: (user: User) => UserChange | null
  state: string
}

const changes: Change[] = [
  {
    verb: 'promote',
    summary: 'Make a user an administrator',
    description: 'The user has to sign in again.',
    of: ({ roles }) => (roles.includes('admin') ? null : { roles: [...roles, 'admin'] }),
    state: 'is an administrator',
  },
  {
    verb: 'demote',
    summary: 'Take the administrator role from a user',
    description: 'Ends the sessions of the user. The last administrator cannot be demoted.',
    of: ({ roles }) => (roles.includes('admin') ? { roles: roles.filter(role => role !== 'admin') } : null),
    state: 'is not an administrator',
  },
  {
    verb: 'deactivate',
    summary: 'Deactivate an account',
    description: 'Ends all its sessions at once. The last administrator cannot be deactivated.',
    of: ({ is_active }) => (is_active ? { is_active: false } : null),
    state: 'is deactivated',
  },
  {
    verb: 'activate',
    summary: 'Reactivate an account',
    of: ({ is_active }) => (is_active ? null : { is_active: true }),
    state: 'is active',
  },
]

const changeUser = ({ verb, state, of, ...texts }: Change): Command =>
  command({
    ...texts,
    name: `users ${verb}`,
    arguments: { email },
    options: {},
    needs: 'everything',
    run: async (deps, { arguments: { email } }) => {
      const { findUserByEmail } = await import('../../features/users/store.ts')
      const user = await findUserByEmail(deps.reads, email)
      if (!user) return refusal(new Problem('NOT_FOUND'), email)
      const change = of(user)
      if (!change) return done(userView(user), `${email} ${state} already.`)
      return apply(deps, user, change, state)
    },
  })

const apply = async (deps: Deps, user: User, change: UserChange, state: string): Promise<Outcome> => {
  const { updateUser } = await import('../../features/admin/update-user.ts')
  const updated = await updateUser(deps, { change, userId: user.id, ...operator })
  return updated instanceof Problem
    ? refusal(updated, user.email)
    : done(userView(updated), `${user.email} ${state} now.`)
}

export const userCommands: Command[] = [create, ...changes.map(changeUser), resetFactorsCommand]
