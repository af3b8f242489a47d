import type { IncomingMessage } from 'node:http'
import type { Deps } from '../../deps.ts'
import { limits } from '../../platform/catalog/limits.ts'
import { counters } from '../../platform/catalog/metrics.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { clientIdShape, secretHash } from '../../platform/crypto/client-secret.ts'
import { sameBytes } from '../../platform/crypto/derive.ts'
import type { Client as NetworkClient } from '../../platform/http/client.ts'
import { refundEach, type TakenLimits, takeLimits } from '../../platform/http/limit.ts'
import { noteUse } from './note-use.ts'
import { type ClientParameters, type Presented, readClientCredentials } from './read-client-credentials.ts'
import { findClient, forgetSecret, isKnownSecret, rememberSecret } from './store.ts'
import { type Machine, maxSecrets } from './types.ts'

type Needs = Pick<Deps, 'clock' | 'log' | 'database' | 'reads' | 'redis' | 'keys' | 'limiter' | 'metrics'>

type Request = { request: IncomingMessage; client: NetworkClient; body: unknown }

type Refusal = Problem<'INVALID_CLIENT' | 'VALIDATION_ERROR' | 'RATE_LIMIT_EXCEEDED'>

/** Counts a request in the limits of its route. `machineId` is that of the client that sends it. */
type TakeLimits = (machineId: string) => Promise<TakenLimits>

/**
 * Authenticates a machine client by its id and secret, and counts its request. An unknown client, a revoked one and a wrong
 * secret take the same steps and get the same reply.
 *
 * Each attempt is counted before the secret is compared, by network and by client, and refunded if the secret is right. The
 * id of a client is no secret, so anyone can use up its points. A secret that was right before is therefore not counted: an
 * attacker cannot send it, and so cannot keep the client out.
 */
export const authenticateClient = async (
  deps: Needs,
  { request, client, body }: Request,
  take: TakeLimits,
): Promise<{ machine: Machine; taken: TakenLimits } | Refusal> => {
  const presented = readClientCredentials(request, (body ?? {}) as ClientParameters)
  if (presented instanceof Problem) {
    const { refusal } = await takeLimits(deps, [limits.client_auth], { client })
    return refusal ?? presented
  }
  const id = clientIdShape.test(presented.id) ? presented.id : unknownId
  const hash = secretHash(presented.secret)
  const isKnown = await isKnownSecret(deps, id, hash)
  const counted = isKnown ? null : await countGuess(deps, client, id)
  if (counted?.refusal) return counted.refusal
  // A secret that was right before nearly always is, so its request is counted meanwhile. An attacker cannot send it.
  const [machine, taken] = await Promise.all([compare(deps, { id, secret: hash }), isKnown ? take(id) : null])
  deps.metrics.count(counters.clients_authenticated, { outcome: machine ? 'right' : 'wrong' })
  if (!machine) {
    if (taken) await Promise.all([refundEach(taken.taken), forgetSecret(deps, id, hash)])
    return new Problem('INVALID_CLIENT')
  }
  if (counted) await Promise.all([refundEach(counted.taken), rememberSecret(deps, id, hash)])
  return { machine, taken: taken ?? (await take(id)) }
}

/** Stands for every text that is not an id, so that it takes the same steps as an id that no client has. */
const unknownId = `lkc_${'0'.repeat(32)}`

const countGuess = (deps: Needs, client: NetworkClient, machineId: string): Promise<TakenLimits> =>
  takeLimits(deps, [limits.client_auth, limits.client_guesses], { client, machineId })

const noHash = Buffer.alloc(43)

const compare = async (deps: Needs, { id, secret }: Presented): Promise<Machine | null> => {
  const found = await findClient(deps.reads, id)
  const given = Buffer.from(secret)
  let matches = false
  for (let at = 0; at < maxSecrets; at++) {
    const stored = found?.hashes[at]
    if (sameBytes(given, stored === undefined ? noHash : Buffer.from(stored))) matches = true
  }
  if (!found || !matches || found.revoked_at) return null
  noteUse(deps, found)
  return { id, name: found.name, scopes: found.scopes }
}
