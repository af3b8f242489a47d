import { median } from '../statistics.ts'
import { type Contestant, names } from './contestant.ts'
import { compared, of, pressTable, ratioBudget } from './figures.ts'
import type { Lane } from './lane.ts'
import type { Pressed } from './press.ts'
import { cycling, rotating } from './requests.ts'
import { contestantOf, interleaved, type Run, type Section, warmUp } from './run.ts'

type Entry = { name: string; press: (warmUp: number) => Promise<Pressed> }

/** Renews sessions, each connection one of its own, and keeps the tokens that they end with for the next round. */
const renewing = (run: Run, one: Contestant): Entry['press'] | null => {
  const { words, running, renewals } = one
  const { refresh } = words
  if (!refresh) return null
  return async warmUp => {
    const lanes = rotating(
      refresh,
      renewals.map(session => session.refresh),
    )
    const { port, pids } = running
    const pressed = await run.load.press({ port, pids, lanes, warmUp, measure: run.measure })
    pressed.tokens.forEach((token, at) => {
      const session = renewals[at]
      if (session) session.refresh = token
    })
    return pressed
  }
}

/** A refresh token for the next one and a new access token. */
export const measureRefresh = async (run: Run): Promise<Section> => {
  const own = contestantOf(run, names.latchkey)
  const connections = own.renewals.length
  const lanes: Lane[] = cycling(own.sessions.map(own.words.me), connections)
  const { port, pids } = own.running
  const me: Entry = {
    name: 'Latchkey, GET /auth/me',
    press: warmUp => run.load.press({ port, pids, lanes, warmUp, measure: run.measure }),
  }
  const renewals = run.contestants.flatMap((one): Entry[] => {
    const press = renewing(run, one)
    return press ? [{ name: one.name, press }] : []
  })
  const all = [...renewals, me]
  const results = await interleaved(run.rounds, all, (one, round) => one.press(warmUp(run, round)))
  const told = all.map(one => ({ name: one.name, rounds: results.get(one) ?? [] }))
  const ratio = compared(told[0]?.rounds ?? [], told.at(-1)?.rounds ?? [])
  return {
    title: 'Renewing: POST /auth/refresh',
    note: `${connections} connections, each with a session of its own; every reply must hold a token that differs from the one before. The hand-written ones exchange the hash of a token in one statement; they notice no stolen token, and log out a client whose reply was lost. Better Auth has no such request: its cookie stays the same.`,
    table: pressTable(told),
    budgets: [ratioBudget('POST /auth/refresh, against our own GET /auth/me', 0.5, ratio)],
    bars: told.slice(0, -1).map(({ name, rounds }) => ({ name, cpu: median(of(rounds, 'cpu')) })),
  }
}
