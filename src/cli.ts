#!/usr/bin/env node
import { existsSync } from 'node:fs'
import { enableCompileCache } from 'node:module'
import { join } from 'node:path'

// `npx latchkey`: reads the environment, `.env` of the current folder, and what a running `npm start` has left. The first line is for
// npx, which goes on using the link to this file that an earlier version made.

// A command takes half the time where Node finds the code that `npm start` has compiled. This goes for what is imported
// from here on.
const compiled = join(import.meta.dirname, '../.latchkey/compiled')
if (existsSync(compiled)) enableCompileCache(compiled)

const { runCommandLine } = await import('./processes/cli/run.ts')
const { addDevEnv } = await import('./dev-services/dev-env.ts')
const { stateFolder } = await import('./dev-services/state-folder.ts')

if (existsSync('.env')) process.loadEnvFile('.env')
addDevEnv(process.env, stateFolder(process.env))

process.exitCode = await runCommandLine(process.argv.slice(2), process)
