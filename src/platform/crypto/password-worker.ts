// One thread of the password pool: prepares and bcrypts one password at a time, or compares it with the hash of
// another system, so that neither the main thread nor the libuv pool ever waits for it.
import { createHmac } from 'node:crypto'
import { getPriority, setPriority } from 'node:os'
import { parentPort } from 'node:worker_threads'
import bcrypt from 'bcrypt'
import { matchesForeignHash, readForeignHash } from './foreign-hash.ts'

export type Job =
  | { kind: 'hash'; password: string; cost: number }
  | { kind: 'compare'; password: string; hash: string | null; pads: string[] }
export type Answer = { done: string | boolean } | { failed: true }

/**
 * What bcrypt gets to see. It reads 72 bytes and no more, and other implementations end at a NUL: such a password
 * goes in as base64(HMAC-SHA-384), 64 characters, so that no byte of it is without effect. NFC, for one word typed
 * on two keyboards is one password (NIST SP 800-63B-4, 3.1.1.2). The key is a label, not a secret.
 */
const prepare = (password: string): Buffer => {
  const bytes = Buffer.from(password.normalize('NFC'))
  if (bytes.length <= 72 && !bytes.includes(0)) return bytes
  return Buffer.from(createHmac('sha384', 'latchkey:long-password:v1').update(bytes).digest('base64'))
}

const isMatch = (password: string, hash: string): boolean => {
  const foreign = readForeignHash(hash)
  return foreign ? matchesForeignHash(password, foreign) : bcrypt.compareSync(prepare(password), hash)
}

const work = (job: Job): Answer => {
  try {
    if (job.kind === 'hash') return { done: bcrypt.hashSync(prepare(job.password), job.cost) }
    if (job.hash !== null && isMatch(job.password, job.hash)) return { done: true }
    for (const pad of job.pads) isMatch(job.password, pad)
    return { done: false }
  } catch {
    return { failed: true }
  }
}

// On Linux a priority belongs to the thread; elsewhere this would slow the whole process down.
if (process.platform === 'linux') {
  try {
    setPriority(0, Math.min(19, getPriority(0) + 10))
  } catch {}
}

parentPort?.on('message', (job: Job) => parentPort?.postMessage(work(job)))
