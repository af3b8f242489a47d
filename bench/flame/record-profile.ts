import { mkdtemp, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { latchkey } from '../compare/latchkey.ts'
import type { Load } from '../compare/load.ts'
import { launch, type Running } from '../compare/process.ts'
import { cycling, rotating } from '../compare/requests.ts'
import type { Stores } from '../compare/stores.ts'
import type { Target } from '../compare/target.ts'
import type { CpuProfile, Window } from './tree.ts'

/** The routes that can be profiled. */
export const profiled = { me: 'GET /auth/me', refresh: 'POST /auth/refresh' } as const

export type Route = keyof typeof profiled

export const isProfiled = (name: string): name is Route => name in profiled

export type Recorded = { profile: CpuProfile; window: Window; requests: number }

type Recording = { stores: Stores; load: Load; folder: string; route: Route; milliseconds: number }

const warmUp = 5000
const timeoutMs = 30_000

const connectionsOf = (route: Route, { requests, sessions, renewals }: Target) => {
  if (route === 'me') return cycling(sessions.map(requests.me), 64)
  if (!requests.refresh) throw new Error('the service has no refresh')
  const tokens = renewals.map(({ refresh }) => refresh)
  return rotating(requests.refresh, tokens)
}

/** Node writes the profile of a thread when it ends. The main thread has the number 0. The supervisor writes one too. */
const profileOf = async (pids: readonly number[], folder: string): Promise<CpuProfile> => {
  const file = new RegExp(`\\.(?:${pids.join('|')})\\.0\\.\\d+\\.cpuprofile$`)
  for (const deadline = Date.now() + timeoutMs; Date.now() < deadline; await sleep(200)) {
    const name = (await readdir(folder)).find(each => file.test(each))
    if (!name) continue
    try {
      return JSON.parse(await readFile(join(folder, name), 'utf8')) as CpuProfile
    } catch {} // It is not written completely yet.
  }
  throw new Error('the API wrote no profile')
}

/** Runs a new API under full load with the profiler of V8, and reads its profile. */
export const recordProfile = async (recording: Recording): Promise<Recorded> => {
  const { stores, load, route, milliseconds } = recording
  await using stack = new AsyncDisposableStack()
  const folder = await mkdtemp(join(recording.folder, `${route}-`))
  const loadSize = { sessions: 256, renewals: 128, logins: 1 }
  const begin = async (start: Parameters<typeof launch>[0]): Promise<Running> => {
    const options = `${start.env.NODE_OPTIONS ?? ''} --cpu-prof --cpu-prof-dir=${folder}`
    return stack.use(await launch({ ...start, env: { ...start.env, NODE_OPTIONS: options } }))
  }
  const target = await latchkey(stores, loadSize, begin, `bench_flame_${route}`)
  const { port, pids } = target.running
  // The profile has the same clock as this process: microseconds since the start of the machine.
  const from = Number(process.hrtime.bigint()) / 1000 + warmUp * 1000
  const connections = connectionsOf(route, target)
  const { count } = await load.closedLoop({ port, pids, connections, warmUp, measure: milliseconds })
  for (const pid of pids) process.kill(pid, 'SIGTERM')
  const profile = await profileOf(pids, folder)
  return { profile, window: { from, to: from + milliseconds * 1000 }, requests: count }
}
