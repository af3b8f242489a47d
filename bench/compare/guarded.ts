import { names } from './contestant.ts'
import { compared, pressTable, ratioBudget } from './figures.ts'
import { issuer } from './latchkey.ts'
import type { Session } from './latchkey-data.ts'
import type { Pressed } from './press.ts'
import { baseEnv, launch } from './process.ts'
import { cycling, type Words } from './requests.ts'
import { contestantOf, interleaved, type Run, type Section, warmUp } from './run.ts'

const connections = 64

type Route = {
  name: string
  port: number
  pids: number[]
  ask: NonNullable<Words['guarded']>
  sessions: Session[]
}

/** A route that needs to know who asks, and nothing that is stored. */
export const measureGuarded = async (run: Run): Promise<Section> => {
  await using stack = new AsyncDisposableStack()
  const { words, sessions, running } = contestantOf(run, names.latchkey)
  const ask = words.guarded as Route['ask']
  const keysUrl = `${running.url}/.well-known/paseto-keys`
  const own = async (name: string, script: string, env: Record<string, string> = {}): Promise<Route> => {
    const started = stack.use(await launch({ script, env: { ...baseEnv(), ...env } }))
    return { name, port: started.port, pids: started.pids, ask, sessions }
  }
  const theirs = (name: string): Route[] => {
    const found = run.contestants.find(each => each.name === name)
    if (!found?.words.guarded) return []
    const { port, pids } = found.running
    return [{ name: `${name}, its guard`, port, pids, ask: found.words.guarded, sessions: found.sessions }]
  }
  const stackAlone = await own('Koa, router, headers: no guard', 'peers/koa.ts')
  const guard = await own('the same with Latchkey’s guard', 'peers/koa.ts', {
    ...{ GUARD: '1', ISSUER: issuer, KEYS_URL: keysUrl },
  })
  const bare = await own('node:http alone', 'peers/bare-http.ts')
  const all = [stackAlone, guard, bare, ...theirs(names.express), ...theirs(names.fastify)]

  const results = await interleaved(
    run.rounds,
    all,
    ({ port, pids, ask, sessions }, round): Promise<Pressed> => {
      const lanes = cycling(sessions.map(ask), connections)
      return run.load.press({ port, pids, lanes, warmUp: warmUp(run, round), measure: run.measure })
    },
  )
  const rounds = (route: Route) => results.get(route) ?? []
  const ratio = compared(rounds(guard), rounds(stackAlone))
  return {
    title: 'A guarded route that only needs the token',
    note: `${connections} connections, ${sessions.length} tokens in turn. All of them are sent the same kind of request; those without a guard do not look at the token. Express and Fastify verify HS256, which whoever verifies could also forge; Latchkey’s guard verifies Ed25519 by a public key.`,
    table: pressTable(all.map(route => ({ name: route.name, rounds: rounds(route) }))),
    budgets: [
      ratioBudget(
        'a guarded route that only needs the token, against the same Koa stack without a guard',
        0.85,
        ratio,
      ),
    ],
  }
}
