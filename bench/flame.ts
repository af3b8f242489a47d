import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect, parseArgs } from 'node:util'
import { openLoad } from './compare/load.ts'
import { commit } from './compare/machine.ts'
import { openStores } from './compare/stores.ts'
import { isProfiled, profiled, recordProfile } from './flame/record-profile.ts'
import { flameGraph } from './flame/svg.ts'
import { frameTree } from './flame/tree.ts'

// Draws which functions the CPU time of the API goes to: `npm run bench:flame -- me refresh`. Takes the programs of
// Postgres and Redis on this machine, and writes bench/flames/<route>.svg.

const { values: given, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    /** Seconds of the profile. */
    seconds: { type: 'string', default: '8' },
    /** A word at the end of the file names, as in me-before.svg. */
    suffix: { type: 'string' },
    out: { type: 'string', default: join(import.meta.dirname, 'flames') },
  },
})
const routes = positionals.length > 0 ? positionals : Object.keys(profiled)

const draw = async (): Promise<void> => {
  await using stack = new AsyncDisposableStack()
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-profile-'))
  stack.defer(() => rm(folder, { recursive: true, force: true }))
  const stores = stack.use(await openStores())
  const load = stack.use(openLoad())
  await mkdir(given.out, { recursive: true })
  for (const route of routes) {
    if (!isProfiled(route))
      throw new Error(`${route} cannot be profiled, only ${Object.keys(profiled).join(', ')}`)
    process.stderr.write(`${route} …\n`)
    const milliseconds = Number(given.seconds) * 1000
    const recorded = await recordProfile({ stores, load, folder, route, milliseconds })
    const title = `${profiled[route]}, commit ${commit()}`
    const tree = frameTree(recorded.profile, recorded.window)
    const file = join(given.out, [route, given.suffix].filter(Boolean).join('-'))
    await writeFile(`${file}.svg`, flameGraph(tree, { title, requests: recorded.requests }))
  }
}

try {
  await draw()
  process.exit()
} catch (error) {
  process.stderr.write(`${inspect(error)}\n`)
  process.exit(1)
}
