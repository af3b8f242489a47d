import type { ClosedLoopResult } from './closed-loop.ts'
import { closedLoopTable, compared, ratioBudget } from './figures.ts'
import { issuer } from './latchkey.ts'
import type { Session } from './latchkey-data.ts'
import { baseEnv, launch } from './process.ts'
import { cycling, type TargetRequests } from './requests.ts'
import { interleaved, type Run, type Section, targetOf, warmUp } from './run.ts'
import { names } from './target.ts'

const connectionCount = 64

type Route = {
  name: string
  port: number
  pids: number[]
  ask: NonNullable<TargetRequests['guarded']>
  sessions: Session[]
}

/** Measures a route that authenticates the caller and reads no store. */
export const measureGuarded = async (run: Run): Promise<Section> => {
  await using stack = new AsyncDisposableStack()
  const { requests, sessions, running } = targetOf(run, names.latchkey)
  const ask = requests.guarded as Route['ask']
  const keysUrl = `${running.url}/.well-known/paseto-keys`
  const own = async (name: string, script: string, env: Record<string, string> = {}): Promise<Route> => {
    const started = stack.use(await launch({ script, env: { ...baseEnv(), ...env } }))
    return { name, port: started.port, pids: started.pids, ask, sessions }
  }
  const peer = (name: string): Route[] => {
    const found = run.targets.find(each => each.name === name)
    if (!found?.requests.guarded) return []
    const { port, pids } = found.running
    return [{ name: `${name}, its guard`, port, pids, ask: found.requests.guarded, sessions: found.sessions }]
  }
  const withoutGuard = await own('Koa, router, headers: no guard', 'peers/koa.ts')
  const guard = await own('the same with Latchkey’s guard', 'peers/koa.ts', {
    ...{ GUARD: '1', ISSUER: issuer, KEYS_URL: keysUrl },
  })
  const bare = await own('node:http alone', 'peers/bare-http.ts')
  const all = [withoutGuard, guard, bare, ...peer(names.express), ...peer(names.fastify)]

  const results = await interleaved(
    run.rounds,
    all,
    ({ port, pids, ask, sessions }, round): Promise<ClosedLoopResult> => {
      const connections = cycling(sessions.map(ask), connectionCount)
      return run.load.closedLoop({
        port,
        pids,
        connections,
        warmUp: warmUp(run, round),
        measure: run.measure,
      })
    },
  )
  const rounds = (route: Route) => results.get(route) ?? []
  const ratio = compared(rounds(guard), rounds(withoutGuard))
  return {
    title: 'A guarded route that only needs the token',
    note: `${connectionCount} connections, ${sessions.length} tokens in turn. All get the same kind of request; those without a guard ignore the token. Express and Fastify verify HS256, whose key can also forge tokens; Latchkey’s guard verifies Ed25519 by a public key.`,
    table: closedLoopTable(all.map(route => ({ name: route.name, rounds: rounds(route) }))),
    budgets: [
      ratioBudget(
        'a guarded route that only needs the token, against the same Koa stack without a guard',
        0.85,
        ratio,
      ),
    ],
  }
}
