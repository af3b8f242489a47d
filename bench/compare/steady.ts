import { median } from '../statistics.ts'
import { mostBudget, pairedRatio, roundsOf, shown, spread, times } from './figures.ts'
import { interleaved } from './interleaved.ts'
import type { OpenLoopResult } from './open-loop.ts'
import { cycling, hashing } from './requests.ts'
import { type Part, type Row, type Run, targetsOf } from './run.ts'
import { names, type Target } from './target.ts'

const rate = 200
const logins = 16
const connectionCount = 64
const needs = [names.latchkey, names.express]

type Pair = { idle: OpenLoopResult; busy: OpenLoopResult; disturbed: number }

const openLoop = (run: Run, one: Target, isBusy: boolean): Promise<OpenLoopResult> =>
  run.load.openLoop({
    ...{ port: one.running.port, pids: one.running.pids, rate },
    connections: cycling(one.sessions.map(one.requests.me), connectionCount),
    background: isBusy ? hashing(one.logins.map(one.requests.login), 200, logins) : [],
    ...{ warmUp: 1500, measure: run.quick ? 3000 : 5000 },
  })

/** Both measurements of one service directly one after the other, in turn in this order and the other. */
const measurePair = async (run: Run, one: Target, round: number): Promise<Pair> => {
  const first = await openLoop(run, one, round % 2 === 1)
  const second = await openLoop(run, one, round % 2 === 0)
  const [idle, busy] = round % 2 === 0 ? [first, second] : [second, first]
  return { idle, busy, disturbed: Math.max(idle.disturbed, busy.disturbed) }
}

const p99 = (rounds: Pair[], load: 'idle' | 'busy'): number[] => rounds.map(each => each[load].p99)

const ratioOf = (rounds: Pair[]): number => pairedRatio(p99(rounds, 'busy'), p99(rounds, 'idle'))

const cells = ({ name, rounds }: Row<Pair>, load: 'idle' | 'busy'): string[] => {
  const most = (key: 'most' | 'late') => shown(Math.max(...rounds.map(each => each[load][key])))
  return [
    ...[name, load === 'busy' ? String(logins) : 'none'],
    ...[shown(median(p99(rounds, load))), spread(p99(rounds, load))],
    load === 'busy' ? times(ratioOf(rounds)) : '',
    ...[shown(median(rounds.map(each => each[load].p50))), most('most'), most('late')],
    String(rounds.reduce((sum, each) => sum + each[load].refused, 0)),
  ]
}

const clientNote = (rows: Row<Pair>[]): string =>
  rows.every(({ rounds }) => rounds.every(({ idle, busy }) => idle.isFirst && busy.isFirst))
    ? 'The client does so at real-time priority: it never waits for a core, as if it ran on another machine.'
    : 'So does the client.'

/** How long an answer takes at a low rate, without other load and while users sign in. */
export const steady: Part<Row<Pair>[]> = {
  needs,
  measure: run => interleaved(run, targetsOf(run, needs), (one, round) => measurePair(run, one, round)),
  describe: rows => ({
    title: 'GET /auth/me while users sign in',
    note: `${rate} requests a second at fixed times, some ${shown(median(rows.flatMap(({ rounds }) => rounds.map(({ idle }) => idle.count))))} in each round. A request counts from its scheduled time, so that a stall of the server counts fully. ${logins} sign-ins are always in flight, or none; both are measured directly one after the other. The hash threads and the stores share the cores of the machine with the measured service. ${clientNote(rows)} A request that the client sends late counts as late: _client late_ is the most of that.`,
    table: {
      head: [
        ...['', 'sign-ins in flight', 'p99 ms', 'spread', 'ratio to idle', 'p50 ms', 'worst ms'],
        ...['client late ms', 'refused sign-ins'],
      ],
      rows: rows.flatMap(row => [cells(row, 'idle'), cells(row, 'busy')]),
    },
    budgets: [
      mostBudget(
        `GET /auth/me, p99 while ${logins} sign-ins are in flight, against its idle p99 at the same rate`,
        ...([1.5, ratioOf(roundsOf(rows, names.latchkey))] as const),
        times,
      ),
    ],
  }),
}
