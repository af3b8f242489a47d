import { randomInt } from 'node:crypto'
import { METHODS } from 'node:http'
import test from 'ava'
import fc from 'fast-check'
import { problemFault } from '../integration/http/problem-fault.ts'
import { type RawReply, sendRaw } from '../integration/http/raw-request.ts'
import { openShop } from '../integration/purchases/shop.ts'
import { openCallers } from './fuzz-callers.ts'
import { type Request, requestsFor } from './fuzz-requests.ts'
import { canary, oddName } from './fuzz-values.ts'
import {
  bodyErrors,
  type Operation,
  operationsOf,
  readDocument,
  replyErrors,
  type Schema,
} from './openapi-check.ts'

// Sends valid and invalid random requests to every operation of the OpenAPI document. A failure prints its seed:
// FUZZ_SEED=<seed> repeats the same requests.

const seed = Number(process.env.FUZZ_SEED ?? randomInt(2 ** 31))
const runs = Number(process.env.FUZZ_RUNS ?? 10)
const fuzzOptions = { seed, interruptAfterTimeLimit: 20_000, includeErrorInReport: true }

const world = await openShop()
const document = readDocument((await world.client.get('/openapi.json')).body)
const callers = openCallers(world)
const adminsIn = () => world.sql<{ id: string }>(`SELECT id FROM users WHERE 'admin' = ANY(roles)`)
for (const { id } of await adminsIn()) callers.admins.add(id)
test.after.always(() => world[Symbol.asyncDispose]())

const send = (method: string, target: string, head: string[], content: Buffer): Promise<RawReply> =>
  sendRaw(world.url, [`${method} ${target} HTTP/1.1`, 'Host: latchkey.test', ...head], content)

const containsAny = (text: string, needles: string[]) =>
  needles.some(word => text.toLowerCase().includes(word.toLowerCase()))

// The form of a mailed link contains its token, also if it is shown again after a weak password.
const secretsThatMustNotAppear = ({ headers }: RawReply, secrets: string[]) =>
  headers['content-type']?.startsWith('text/html')
    ? secrets.filter(each => !each.startsWith('lkp_'))
    : secrets

/** Errors that no reply may have, independent of the request. `secrets` are those of the request. */
const generalErrors = (reply: RawReply, lines: string[], secrets: string[]): string[] => [
  ...(reply.status >= 500 || reply.status < 200 ? [`status ${reply.status} ${reply.text}`] : []),
  ...(reply.status >= 400 && containsAny(reply.text, [canary, ...secretsThatMustNotAppear(reply, secrets)])
    ? ['the error reply quotes the request']
    : []),
  ...(containsAny(JSON.stringify(reply.headers), [canary, ...secrets]) && reply.status >= 400
    ? ['a header quotes the request']
    : []),
  ...(containsAny(lines.join(''), [canary, oddName, ...secrets]) ? ['the log quotes the request'] : []),
  ...(Object.keys(Object.prototype).length > 0 ? ['Object.prototype was polluted'] : []),
]

const code = ({ body }: RawReply) => (body as { code?: string } | null)?.code

// Formats and lengths of texts are left to the validation rules of the API, which may trim a text first.
const textKeywords = ['format', 'pattern', 'minLength', 'maxLength']
const shapeOf = (schema: Schema): Schema =>
  JSON.parse(JSON.stringify(schema, (name, value) => (textKeywords.includes(name) ? undefined : value)))

/** Errors of the reply for this caller and this body. */
const callerErrors = (
  path: string,
  operation: Operation,
  { caller, body, isGood }: Request,
  reply: RawReply,
): string[] => {
  const isGuarded =
    operation.security.length > 0 &&
    operation.security.every(
      each => 'accessToken' in each || 'machineToken' in each || 'clientSecret' in each,
    )
  const unauthorized =
    caller === 'anonymous' || caller === 'invalid' || (caller === 'user' && path.includes('/admin/'))
  const schema = shapeOf(operation.requestBody?.content['application/json']?.schema ?? {})
  const shapeErrors = body && 'value' in body ? bodyErrors(schema, body.value, 'body') : []
  return [
    ...(isGuarded && unauthorized && reply.status < 400 ? [`${caller} was authorized`] : []),
    ...(shapeErrors.length > 0 && reply.status < 400
      ? [`the body was accepted although ${shapeErrors}`]
      : []),
    // The required fields of a purchase depend on whether the buyer is signed in.
    ...(isGood && code(reply) === 'VALIDATION_ERROR' && caller !== 'invalid' && !path.endsWith('/purchase')
      ? [`a valid request was rejected: ${reply.text}`]
      : []),
  ]
}

const ask = async (method: string, path: string, operation: Operation, request: Request): Promise<void> => {
  const { caller, body } = request
  const fill = (text: string) => callers.fill(text, caller, path)
  const [target, head, content] = [
    await fill(request.path),
    await fill(request.head.join('\n')),
    await fill(body?.text ?? ''),
  ]
  const bytes = Buffer.from(content.text, body?.bytes ?? 'utf8')
  const about = body
    ? [
        ...(body.type === null ? [] : [`Content-Type: ${body.type}`]),
        `Content-Length: ${bytes.length}`,
        ...body.more,
      ]
    : []
  const reply = await send(method, target.text, [...about, ...head.text.split('\n').filter(Boolean)], bytes)
  if ((reply.status < 400 && method !== 'GET') || code(reply) === 'SESSION_REVOKED') callers.reset()
  const secrets = [target, head, content].flatMap(each => each.secrets)
  const wrong = [
    ...generalErrors(reply, await world.newLogs(), secrets),
    ...replyErrors(operation, { ...reply, header: name => reply.headers[name.toLowerCase()] ?? null }),
    ...callerErrors(path, operation, request, reply),
  ]
  if (wrong.length > 0) throw new Error(`${reply.status} ${code(reply)}: ${wrong.join('; ')}`)
}

for (const { method, path, operation } of operationsOf(document))
  test.serial(
    `${method} ${path}: random requests → only documented replies, no leaks, no new rights`,
    async t => {
      callers.reset()
      const property = fc.asyncProperty(requestsFor(path, operation), request =>
        ask(method, path, operation, request),
      )
      const numRuns = runs + 20 * (operation.parameters?.length ?? 0)
      await fc.assert(property, { ...fuzzOptions, numRuns })
      const found = await adminsIn()
      t.deepEqual(
        found.filter(({ id }) => !callers.admins.has(id)),
        [],
        'a request gave its caller the role of administrator',
      )
    },
  )

const segments = [
  'api',
  'v1',
  'auth',
  'admin',
  'users',
  'me',
  'login',
  'sessions',
  'docs',
  'problems',
  '.well-known',
  'openapi.json',
  '',
  '.',
  '..',
  '%2e',
  '%2F',
  '%00',
  '%ff',
  '%',
  '*',
  ':id',
  '{id}',
  canary,
  'constructor',
  '__proto__',
  ';',
  '\\',
  '~',
  'x'.repeat(2000),
]
const oddPath = fc.oneof(
  fc.array(fc.constantFrom(...segments), { maxLength: 6 }).map(parts => `/${parts.join('/')}`),
  fc
    .tuple(
      fc.constantFrom('', 'http://', `http://${canary}`, '//', '*', '?', '/?'),
      fc.constantFrom(...segments),
    )
    .map(parts => parts.join('') || '/'),
)

test.serial('random methods and paths → no 5xx, and no reply or log quotes the request', async t => {
  const method = fc.constantFrom(...METHODS.filter(each => each !== 'CONNECT'))
  const property = fc.asyncProperty(method, oddPath, async (verb, target) => {
    const reply = await send(verb, target, ['Content-Length: 0'], Buffer.alloc(0))
    const wrong = generalErrors(reply, await world.newLogs(), [])
    if (reply.status >= 400 && reply.text !== '') wrong.push(problemFault(reply) ?? '')
    if (wrong.join('') !== '') throw new Error(wrong.join('; '))
  })
  await fc.assert(property, { ...fuzzOptions, numRuns: 300 })
  t.pass()
})
