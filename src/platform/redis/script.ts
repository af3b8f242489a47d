import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { runCommand } from './ioredis-command-patches.ts'
import type { RedisConnection } from './redis.ts'

export type Script = (redis: RedisConnection, keys: string[], args: (string | number)[]) => Promise<unknown>

/**
 * Loads a Lua script beside the file that calls it. Redis gets its digest, and its text only if it does not know the digest
 * (NOSCRIPT at the first use, and after a restart or a failover). `folder` is the caller's `import.meta.dirname`.
 */
export const script = (folder: string, file: string): Script => {
  const source = readFileSync(`${folder}/${file}`, 'utf8')
  const digest = createHash('sha1').update(source).digest('hex')
  return async (redis, keys, args) => {
    try {
      return await runCommand(redis, 'evalsha', [digest, String(keys.length), ...keys, ...args.map(String)])
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error
      return redis.eval(source, keys.length, ...keys, ...args)
    }
  }
}
