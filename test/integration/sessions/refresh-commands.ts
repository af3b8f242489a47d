import fc from 'fast-check'
import * as act from './refresh-acts.ts'
import { keepClear, lives, type Model, minute, type Real, type Session } from './refresh-model.ts'

// What happens to sessions on a long day, in any order.

type May = (session: Session) => boolean
type Step = fc.AsyncCommand<Model, Real>

const pick: fc.Arbitrary<act.Pick> = fc.record({ session: fc.nat(99), by: fc.nat(1), access: fc.nat(99) })

// Mostly a session that lives: what has ended has little more to tell.
const pickFrom = ({ sessions, clock }: Model, may: May, which: number): Session | undefined => {
  const all = sessions.filter(may)
  const living = all.filter(session => lives(session, clock()))
  const some = living.length > 0 && which % 5 > 0 ? living : all
  return some.length > 0 ? act.of(some, which) : undefined
}

const command = (name: string, does: act.Act, may: May = () => true): fc.Arbitrary<Step> =>
  pick.map(given => ({
    check: model => pickFrom(model, may, given.session) !== undefined,
    run: async (model, real) => {
      const now = await keepClear(model, real)
      const session = pickFrom(model, may, given.session)
      if (session) await does(given, { model, real, now, session })
    },
    toString: () => `${name}(session ${given.session}, instance ${given.by}, access ${given.access})`,
  }))

const timePasses: fc.Arbitrary<Step> = fc
  .constantFrom(1000, 4000, 8000, 12_000, 12_000, minute, 2 * minute, 4 * minute, 8 * minute, 11 * minute)
  .map(step => ({
    check: () => true,
    run: async (_model, { clock, travel }) => {
      await travel(clock.shift + step)
    },
    toString: () => `timePasses(${step / 1000} s)`,
  }))

const hasParent = ({ chain }: Session) => chain.length > 1
const hasGrandparent = ({ chain }: Session) => chain.length > 2

const newest = act.presenting(() => 0)
const parent = act.presenting(() => 1)
const ancestor = act.presenting(({ chain }, { access }) => 2 + (access % (chain.length - 2)))

const times = (count: number, step: fc.Arbitrary<Step>) => Array.from({ length: count }, () => step)

/** What goes on all day comes often, what ends a session seldom. */
export const commands: fc.Arbitrary<Step>[] = [
  ...times(12, command('newest', newest)),
  ...times(8, command('parent', parent, hasParent)),
  ...times(10, timePasses),
  ...times(5, command('useAccess', act.useAccess)),
  ...times(4, command('login', act.login)),
  ...times(3, command('twoAtOnce', act.twoAtOnce)),
  ...times(1, command('ancestor', ancestor, hasGrandparent)),
  ...times(3, command('ancestorTwice', act.ancestorTwice, hasGrandparent)),
  ...times(2, command('parentBeside', act.parentBeside, hasParent)),
  command('logout', act.logout),
  command('revoke', act.revoke),
  command('logoutAll', act.logoutAll),
  command('changePassword', act.changePassword),
  command('resetPassword', act.resetPassword),
]
