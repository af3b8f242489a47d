import { barsOf, closedLoopTable, rowBudget } from './figures.ts'
import { interleaved } from './interleaved.ts'
import { issuer } from './latchkey.ts'
import type { Session } from './latchkey-data.ts'
import { baseEnv, launch } from './process.ts'
import { cycling, type TargetRequests } from './requests.ts'
import { type Part, type Row, type Run, targetOf, warmUp } from './run.ts'
import { names } from './target.ts'

const connectionCount = 64
const needs = [names.latchkey, names.express, names.fastify]
const unguarded = 'Koa, router, headers: no guard'
const guarded = 'the same with Latchkey’s guard'

type Route = {
  name: string
  port: number
  pids: number[]
  ask: NonNullable<TargetRequests['guarded']>
  sessions: Session[]
}

const measure = async (run: Run): Promise<Row[]> => {
  await using stack = new AsyncDisposableStack()
  const { requests, sessions, running } = targetOf(run, names.latchkey)
  const ask = requests.guarded as Route['ask']
  const keysUrl = `${running.url}/.well-known/paseto-keys`
  const own = async (name: string, env: Record<string, string> = {}): Promise<Route> => {
    const start = { script: 'peers/koa.ts', env: { ...baseEnv(), ...env } }
    const { port, pids } = stack.use(await launch(start))
    return { name, port, pids, ask, sessions }
  }
  const peer = (name: string): Route => {
    const { requests, running, sessions } = targetOf(run, name)
    const { port, pids } = running
    return { name: `${name}, its guard`, port, pids, ask: requests.guarded as Route['ask'], sessions }
  }
  const all = [
    await own(unguarded),
    await own(guarded, { GUARD: '1', ISSUER: issuer, KEYS_URL: keysUrl }),
    ...[peer(names.express), peer(names.fastify)],
  ]
  return await interleaved(run, all, ({ port, pids, ask, sessions }, round) => {
    const connections = cycling(sessions.map(ask), connectionCount)
    return run.load.closedLoop({
      ...{ port, pids, connections },
      ...{ warmUp: warmUp(run, round), measure: run.measure },
    })
  })
}

/** A route that authenticates the caller and reads no store. */
export const guard: Part<Row[]> = {
  ...{ needs, measure },
  describe: rows => ({
    title: 'A guarded route that only needs the token',
    note: `${connectionCount} connections, 256 tokens in turn. All get the same kind of request; those without a guard ignore the token. Express and Fastify verify HS256, whose key can also forge tokens; Latchkey’s guard verifies Ed25519 by a public key.`,
    table: closedLoopTable(rows),
    budgets: [
      rowBudget(rows, {
        line: 'a guarded route that only needs the token, against the same Koa stack without a guard',
        ...{ own: guarded, peer: unguarded, wanted: 0.9 },
      }),
    ],
    bars: barsOf(rows),
  }),
}
