import { randomInt } from 'node:crypto'
import { METHODS } from 'node:http'
import test from 'ava'
import fc from 'fast-check'
import { type RawReply, sendRaw } from '../integration/http/raw-request.ts'
import { problemFault } from '../integration/http/routes-with-body.ts'
import { openShop } from '../integration/purchases/shop.ts'
import {
  faultsOfBody,
  type Operation,
  operationsOf,
  readDocument,
  type Schema,
  undescribed,
} from './described.ts'
import { openPeople } from './fuzz-people.ts'
import { type Request, requestsFor } from './fuzz-requests.ts'
import { canary, oddName } from './fuzz-values.ts'

// Every operation of the document, asked in every way that its schemas allow and in many that they do not. A failure
// names its seed: FUZZ_SEED=<seed> asks the same again.

const seed = Number(process.env.FUZZ_SEED ?? randomInt(2 ** 31))
const runs = Number(process.env.FUZZ_RUNS ?? 25)
const often = { seed, interruptAfterTimeLimit: 20_000, includeErrorInReport: true }

const world = await openShop()
const document = readDocument((await world.client.get('/openapi.json')).body)
const people = openPeople(world)
const adminsIn = () => world.sql<{ id: string }>(`SELECT id FROM users WHERE 'admin' = ANY(roles)`)
for (const { id } of await adminsIn()) people.admins.add(id)
test.after.always(() => world[Symbol.asyncDispose]())

const send = (method: string, target: string, head: string[], content: Buffer): Promise<RawReply> =>
  sendRaw(world.url, [`${method} ${target} HTTP/1.1`, 'Host: latchkey.test', ...head], content)

const holds = (text: string, words: string[]) =>
  words.some(word => text.toLowerCase().includes(word.toLowerCase()))

// The form of a mailed link that is shown again after a weak password holds its token, as the first one did.
const kept = ({ headers }: RawReply, secrets: string[]) =>
  headers['content-type']?.startsWith('text/html')
    ? secrets.filter(each => !each.startsWith('lkp_'))
    : secrets

/** What is wrong with any reply, whatever was asked. `secrets` are of the request. */
const wrongWith = (reply: RawReply, lines: string[], secrets: string[]): string[] => [
  ...(reply.status >= 500 || reply.status < 200 ? [`status ${reply.status} ${reply.text}`] : []),
  ...(reply.status >= 400 && holds(reply.text, [canary, ...kept(reply, secrets)])
    ? ['the refusal quotes the request']
    : []),
  ...(holds(JSON.stringify(reply.headers), [canary, ...secrets]) && reply.status >= 400
    ? ['a header quotes the request']
    : []),
  ...(holds(lines.join(''), [canary, oddName, ...secrets]) ? ['the log quotes the request'] : []),
  ...(Object.keys(Object.prototype).length > 0 ? ['every object has another field'] : []),
]

const code = ({ body }: RawReply) => (body as { code?: string } | null)?.code

// Whether a text will do is for its rule to say, which may trim it first.
const ofTexts = ['format', 'pattern', 'minLength', 'maxLength']
const shapeOf = (schema: Schema): Schema =>
  JSON.parse(JSON.stringify(schema, (name, value) => (ofTexts.includes(name) ? undefined : value)))

/** What the reply should not have been for such a caller, or for such a body. */
const wrongFor = (
  path: string,
  operation: Operation,
  { who, body, isGood }: Request,
  reply: RawReply,
): string[] => {
  const isGuarded = JSON.stringify(operation.security) === '[{"accessToken":[]}]'
  const stranger = who === 'nobody' || who === 'garbage' || (who === 'user' && path.includes('/admin/'))
  const schema = shapeOf(operation.requestBody?.content['application/json']?.schema ?? {})
  const misshapen = body && 'value' in body ? faultsOfBody(schema, body.value, 'body') : []
  return [
    ...(isGuarded && stranger && reply.status < 400 ? [`${who} was let in`] : []),
    ...(misshapen.length > 0 && reply.status < 400 ? [`was taken though ${misshapen}`] : []),
    // What a buyer must say, and may, is for whether they are signed in.
    ...(isGood && code(reply) === 'VALIDATION_ERROR' && who !== 'garbage' && !path.endsWith('/purchase')
      ? [`refused as the document would not: ${reply.text}`]
      : []),
  ]
}

const ask = async (method: string, path: string, operation: Operation, request: Request): Promise<void> => {
  const { who, body } = request
  const fill = (text: string) => people.fill(text, who, path)
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
  if ((reply.status < 400 && method !== 'GET') || code(reply) === 'SESSION_REVOKED') people.forget()
  const secrets = [target, head, content].flatMap(each => each.secrets)
  const wrong = [
    ...wrongWith(reply, await world.newLogs(), secrets),
    ...undescribed(operation, { ...reply, header: name => reply.headers[name.toLowerCase()] ?? null }),
    ...wrongFor(path, operation, request, reply),
  ]
  if (wrong.length > 0) throw new Error(`${reply.status} ${code(reply)}: ${wrong.join('; ')}`)
}

for (const { method, path, operation } of operationsOf(document))
  test.serial(`${method} ${path}: nothing that is sent gets more than the document says`, async t => {
    people.forget()
    const property = fc.asyncProperty(requestsFor(path, operation), request =>
      ask(method, path, operation, request),
    )
    const numRuns = runs + 20 * (operation.parameters?.length ?? 0)
    await fc.assert(property, { ...often, numRuns })
    const found = await adminsIn()
    t.deepEqual(
      found.filter(({ id }) => !people.admins.has(id)),
      [],
      'somebody made themselves an administrator',
    )
  })

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

test.serial('no method and no path is answered by a fault, nor quoted', async t => {
  const method = fc.constantFrom(...METHODS.filter(each => each !== 'CONNECT'))
  const property = fc.asyncProperty(method, oddPath, async (verb, target) => {
    const reply = await send(verb, target, ['Content-Length: 0'], Buffer.alloc(0))
    const wrong = wrongWith(reply, await world.newLogs(), [])
    if (reply.status >= 400 && reply.text !== '') wrong.push(problemFault(reply) ?? '')
    if (wrong.join('') !== '') throw new Error(wrong.join('; '))
  })
  await fc.assert(property, { ...often, numRuns: 300 })
  t.pass()
})
