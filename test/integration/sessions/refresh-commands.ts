import fc from 'fast-check'
import * as action from './refresh-actions.ts'
import { avoidBoundaries, isLive, type Model, minute, type Real, type Session } from './refresh-model.ts'

// The commands of the model test: actions on sessions, and time that passes.

type Filter = (session: Session) => boolean
type Step = fc.AsyncCommand<Model, Real>

const choice: fc.Arbitrary<action.Choice> = fc.record({
  session: fc.nat(99),
  by: fc.nat(1),
  access: fc.nat(99),
})

// Chooses a live session in four of five cases, because ended sessions allow few transitions.
const chooseSession = ({ sessions, clock }: Model, filter: Filter, which: number): Session | undefined => {
  const all = sessions.filter(filter)
  const live = all.filter(session => isLive(session, clock()))
  const candidates = live.length > 0 && which % 5 > 0 ? live : all
  return candidates.length > 0 ? action.nthNewest(candidates, which) : undefined
}

const command = (name: string, run: action.Action, filter: Filter = () => true): fc.Arbitrary<Step> =>
  choice.map(given => ({
    check: model => chooseSession(model, filter, given.session) !== undefined,
    run: async (model, real) => {
      const now = await avoidBoundaries(model, real)
      const session = chooseSession(model, filter, given.session)
      if (session) await run(given, { model, real, now, session })
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

const newest = action.refreshWith(() => 0)
const parent = action.refreshWith(() => 1)
const ancestor = action.refreshWith(({ chain }, { access }) => 2 + (access % (chain.length - 2)))

const times = (count: number, step: fc.Arbitrary<Step>) => Array.from({ length: count }, () => step)

/** Actions that clients do all day are frequent. Actions that end a session are rare. */
export const commands: fc.Arbitrary<Step>[] = [
  ...times(12, command('newest', newest)),
  ...times(8, command('parent', parent, hasParent)),
  ...times(10, timePasses),
  ...times(5, command('useAccess', action.useAccess)),
  ...times(4, command('login', action.login)),
  ...times(3, command('newestTwice', action.newestTwice)),
  ...times(1, command('ancestor', ancestor, hasGrandparent)),
  ...times(3, command('ancestorTwice', action.ancestorTwice, hasGrandparent)),
  ...times(2, command('parentAndNewest', action.parentAndNewest, hasParent)),
  command('logout', action.logout),
  command('revoke', action.revoke),
  command('logoutAll', action.logoutAll),
  command('changePassword', action.changePassword),
  command('resetPassword', action.resetPassword),
]
