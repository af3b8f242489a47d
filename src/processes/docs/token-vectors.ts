import { signVector, type VectorKey, vectorKey } from './vector-keys.ts'

// Test vectors for verifiers in any language: `docs/token-vectors.json`. Keys and times are fixed, and Ed25519 signatures
// are deterministic, so the file changes only with the format of tokens.

type Json = Readonly<Record<string, unknown>>

/** A token and how a verifier of `audience` must answer at `now`. */
export type TokenVector = {
  name: string
  result: 'accept' | 'TOKEN_EXPIRED' | 'INVALID_TOKEN'
  /** True where a PASETO library alone accepts the token, and the verifier must refuse it by itself. */
  beyond_paseto?: true
  claims?: Json
  token: string
}

const [first, second, unpublished] = [vectorKey(1), vectorKey(2), vectorKey(3)]

const issuer = 'https://accounts.example.com'
const audience = 'https://orders.example.com'
const now = '2026-01-01T12:05:00Z'

const common = { iss: issuer, aud: audience }
const times = { iat: '2026-01-01T12:00:00Z', exp: '2026-01-01T12:15:00Z' }
const user = {
  ...common,
  ...{ sub: '019b7935-8e00-7000-8000-000000000001', sid: '019b7935-8e00-7000-8000-000000000002' },
  ...{ email: 'ada@example.com', email_verified: true, roles: ['user'], amr: ['pwd'], acr: 'aal1' },
  ...{ auth_time: '2026-01-01T11:00:00.000Z', name: 'Ada Lovelace', lang: 'en', ...times },
}
const machine = {
  ...common,
  ...{ sub: 'lkc_vectors', client_id: 'lkc_vectors', scope: 'orders:read orders:write', ...times },
}

const sign = (
  message: Json | string,
  given: { by?: VectorKey; kid?: string; purpose?: string } = {},
): string => signVector(message, { by: first, ...given })

/** The token with another character at a place. */
const changed = (token: string, at: number): string =>
  token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1)

const genuine = sign(user)
const [, , body = '', tail = ''] = genuine.split('.')
/** Padding bits of the last character that a lenient decoder ignores: `Q` and `R` are the same byte. */
const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const respelt = tail.slice(0, -1) + alphabet.charAt(alphabet.indexOf(tail.slice(-1)) ^ 1)

const accept = (name: string, claims: Json, token = sign(claims)): TokenVector => {
  return { name, result: 'accept', claims, token }
}
const refuse = (name: string, token: string): TokenVector => ({ name, result: 'INVALID_TOKEN', token })
const strict = (name: string, token: string): TokenVector => {
  return { name, result: 'INVALID_TOKEN', beyond_paseto: true, token }
}

const feed = {
  ...{ iss: issuer, iat: '2026-01-01T12:04:59Z', cursor: '1767268800000-0-0123456789ab' },
  sessions: [user.sid],
  users: [{ sub: user.sub, before: '2026-01-01T12:00:00Z' }],
}

/** The tokens in `docs/token-vectors.json`. */
const tokens: readonly TokenVector[] = [
  accept('a user', user),
  accept('a user with a second factor', { ...user, amr: ['pwd', 'otp', 'mfa'], acr: 'aal2' }),
  accept('a user without name and language', { ...user, name: undefined, lang: undefined }),
  accept('a name in other scripts', { ...user, name: 'آدا 𝒜 "Z" \\ ü' }),
  accept('a machine client', machine),
  accept('a key that is published beside the first', user, sign(user, { by: second })),
  accept('expired within the tolerance', { ...user, exp: '2026-01-01T12:04:31Z' }),
  accept('issued in the future within the tolerance', { ...user, iat: '2026-01-01T12:05:29Z' }),
  { name: 'expired', result: 'TOKEN_EXPIRED', token: sign({ ...user, exp: '2026-01-01T12:04:29Z' }) },
  refuse('issued in the future', sign({ ...user, iat: '2026-01-01T12:05:31Z' })),
  refuse('for another service', sign({ ...user, aud: 'https://news.example.com' })),
  refuse('for Latchkey itself', sign({ ...user, aud: issuer })),
  strict('for a list of services', sign({ ...user, aud: [audience, issuer] })),
  refuse('of another issuer', sign({ ...user, iss: 'https://accounts.example.net' })),
  refuse('of an unpublished key', sign(user, { by: unpublished })),
  refuse('signed by one published key, names the other', sign(user, { kid: second.kid })),
  refuse(
    'signed by an unpublished key, names a published one',
    sign(user, { by: unpublished, kid: first.kid }),
  ),
  refuse('one changed character in the claims', changed(genuine, 30)),
  refuse('one changed character in the signature', changed(genuine, genuine.length - 100)),
  refuse('one changed character in the footer', changed(genuine, genuine.length - 20)),
  refuse('without its footer', `v4.public.${body}`),
  refuse('a footer in another spelling', `v4.public.${body}.${respelt}`),
  refuse('padding', `${genuine}==`),
  refuse('a space at the end', `${genuine} `),
  refuse('v2 instead of v4', genuine.replace('v4.', 'v2.')),
  refuse('local instead of public', genuine.replace('public', 'local')),
  strict('a claim twice', sign(JSON.stringify(user).replace('"sub":', '"sub":"another","sub":'))),
  strict('spaces between the claims', sign(JSON.stringify(user, null, 1))),
  strict('a user and a machine client in one', sign({ ...user, client_id: user.sub, scope: 'orders:read' })),
  strict('neither a user nor a machine client', sign({ ...user, sid: undefined })),
  strict('a machine client under another subject', sign({ ...machine, sub: user.sub })),
  strict('exp as a number', sign({ ...user, exp: 1_767_269_700 })),
  strict('longer than 4096 characters', sign({ ...user, name: 'x'.repeat(3000) })),
  refuse('the feed of revocations', sign(feed, { purpose: 'revocations' })),
]

export const tokenVectors = {
  description:
    'Test vectors for verifiers of Latchkey tokens. See tokens.md. The keys are public: never use them.',
  ...{ issuer, audience, now, clock_tolerance: 30 },
  keys: [first, second].map(({ kid, paserk }) => ({ kid, paserk })),
  tokens: tokens.map(({ claims, token, ...rest }) => ({ ...rest, ...(claims && { claims }), token })),
  revocations: {
    implicit_assertion: 'revocations',
    claims: feed,
    token: sign(feed, { purpose: 'revocations' }),
  },
}
