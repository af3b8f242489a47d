#!/usr/bin/env node
import { existsSync } from 'node:fs'
import { enableCompileCache } from 'node:module'
import { join } from 'node:path'

// `npx latchkey`: runs one command with the environment, `.env` in the current folder, and the file of a running
// `npm start`. The first line is for npx, which may still use a link to this file from an earlier version.

// With the code that `npm start` has compiled, a command takes half the time. This works only for modules that are imported
// after this call.
const compiled = join(import.meta.dirname, '../.latchkey/compiled')
if (existsSync(compiled)) enableCompileCache(compiled)

const { runCommandLine } = await import('./processes/cli/run.ts')
const { addDevEnv } = await import('./dev-services/dev-env.ts')
const { stateFolder } = await import('./dev-services/state-folder.ts')

if (existsSync('.env')) process.loadEnvFile('.env')
addDevEnv(process.env, stateFolder(process.env))

process.exitCode = await runCommandLine(process.argv.slice(2), process)
