import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { RedisConnection } from './redis.ts'

export type Script = (redis: RedisConnection, keys: string[], args: (string | number)[]) => Promise<unknown>

/**
 * A Lua script beside the file that calls it: sent by its digest, and whole when Redis has not seen it
 * or has forgotten it (NOSCRIPT after a restart or a failover). `folder` is the caller's import.meta.dirname.
 */
export const script = (folder: string, file: string): Script => {
  const source = readFileSync(`${folder}/${file}`, 'utf8')
  const digest = createHash('sha1').update(source).digest('hex')
  return async (redis, keys, args) => {
    try {
      return await redis.evalsha(digest, keys.length, ...keys, ...args)
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error
      return redis.eval(source, keys.length, ...keys, ...args)
    }
  }
}
