// One thread of the password pool. It hashes or compares one password at a time, so that neither the main thread nor the
// libuv pool waits for it.
import { createHmac } from 'node:crypto'
import { flushCompileCache } from 'node:module'
import { getPriority, setPriority } from 'node:os'
import { parentPort } from 'node:worker_threads'
import bcrypt from 'bcrypt'
import { matchesForeignHash, readForeignHash } from './foreign-hash.ts'

export type Job =
  | { kind: 'hash'; password: string; cost: number }
  | { kind: 'compare'; password: string; hash: string | null; decoys: string[] }
export type Answer = { done: string | boolean } | { failed: true }

/**
 * The input of bcrypt: the password in NFC, so that a word is the same password on every keyboard (NIST SP 800-63B-4,
 * 3.1.1.2). bcrypt reads only 72 bytes, and other implementations stop at a NUL.
 *
 * A longer password, or one with a NUL, becomes base64(HMAC-SHA-384), 64 characters, so that every byte counts. The key is a label, not a secret.
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
    for (const decoy of job.decoys) isMatch(job.password, decoy)
    return { done: false }
  } catch {
    return { failed: true }
  }
}

// On Linux a priority belongs to the thread. Elsewhere this would slow down the whole process.
if (process.platform === 'linux') {
  try {
    setPriority(0, Math.min(19, getPriority(0) + 10))
  } catch {}
}

// Saves the compiled files of this thread, because Node would only do so at its end, and the process ends first. Without them,
// each thread would remove the types of these files anew, which takes 10 MB more.
flushCompileCache()

parentPort?.on('message', (job: Job) => parentPort?.postMessage(work(job)))
