import { getMigrations } from 'better-auth/db/migration'
import { options } from './better-auth-options.ts'

const { runMigrations } = await getMigrations(options)
await runMigrations()
process.exit()
