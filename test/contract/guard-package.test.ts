import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { type IncomingMessage, request } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import anyTest from 'ava'
import { generateKey } from '../../src/platform/crypto/paseto-keys.ts'
import { installPackedGuard, nodePrograms, startExamples } from '../packed-guard.ts'
import { machineClaims, openKeyServer, signAs, userClaims } from '../token-issuer.ts'

// The packed package, installed in an empty folder and used from plain JavaScript.

const test = anyTest.serial

const key = generateKey()
const issuer = await openKeyServer(key)
const packed = await installPackedGuard()
const programs = await nodePrograms()
anyTest.after.always(async () => {
  await packed[Symbol.asyncDispose]()
  await issuer[Symbol.asyncDispose]()
})

type Answer = { status: number; headers: Record<string, unknown>; body: Record<string, unknown> }

const ask = async (url: string, route: string, authorizations: readonly string[]): Promise<Answer> => {
  const [method, path] = route.split(' ')
  const headers = [
    'Host',
    'service',
    'Content-Length',
    '0',
    ...authorizations.flatMap(each => ['Authorization', each]),
  ]
  const sent = request(`${url}${path}`, { method, headers, agent: false }).end()
  const [reply] = (await once(sent, 'response')) as [IncomingMessage]
  return { status: reply.statusCode ?? 0, headers: reply.headers, body: JSON.parse(await text(reply)) }
}

const bearer = (token: string): string[] => [`Bearer ${token}`]
const sign = (claims: object, times = {}, by = key): string[] => bearer(signAs(by, { ...claims }, times))

const user = userClaims(issuer.url)
const ago = (seconds: number): string => new Date(Date.now() - seconds * 1000).toISOString()
const changed = (changes: object): object => ({ ...user, ...changes })
const genuine = signAs(key, { ...user })
const respelt = `${genuine.slice(0, 40)}${genuine[40] === 'A' ? 'B' : 'A'}${genuine.slice(41)}`
const machine = machineClaims(issuer.url, 'stock:read stock:write')

const stale =
  /^Bearer realm="latchkey", error="insufficient_user_authentication", error_description="The user must authenticate again", max_age="300"$/
const weak = /error="insufficient_user_authentication".*, acr_values="aal2"$/
const invalid = /^Bearer realm="latchkey", error="invalid_token"$/
const lacking = /^Bearer realm="latchkey", error="insufficient_scope"/

type Row = [
  title: string,
  route: string,
  authorizations: string[],
  status: number,
  code?: string,
  challenge?: RegExp,
]

const rows: Row[] = [
  ['a user', 'GET /profile', sign(user), 200],
  ['a lower-case scheme', 'GET /profile', [`bearer  ${genuine}`], 200],
  ['a machine client', 'GET /profile', sign(machine), 200],
  ['no token, optional', 'GET /news', [], 200],
  ['no token', 'GET /profile', [], 401, 'AUTH_ERROR', /^Bearer realm="latchkey"$/],
  ['another scheme', 'GET /profile', ['Basic YTpi'], 400, 'VALIDATION_ERROR', /error="invalid_request"$/],
  ['two tokens in one header', 'GET /profile', [`Bearer ${genuine} ${genuine}`], 400, 'VALIDATION_ERROR'],
  ['two headers', 'GET /profile', [...bearer(genuine), ...bearer('x')], 400, 'VALIDATION_ERROR'],
  ['the same header twice', 'GET /news', [...bearer(genuine), ...bearer(genuine)], 400, 'VALIDATION_ERROR'],
  ['an empty header', 'GET /news', [''], 400, 'VALIDATION_ERROR'],
  ['garbage', 'GET /profile', bearer('v4.public.garbage'), 401, 'INVALID_TOKEN', invalid],
  ['garbage, optional', 'GET /news', bearer('v4.public.garbage'), 401, 'INVALID_TOKEN', invalid],
  ['an oversized token', 'GET /profile', bearer('x'.repeat(8000)), 401, 'INVALID_TOKEN', invalid],
  ['one changed character', 'GET /profile', bearer(respelt), 401, 'INVALID_TOKEN', invalid],
  ['an unknown key', 'GET /profile', sign(user, {}, generateKey()), 401, 'INVALID_TOKEN', invalid],
  ['another audience', 'GET /profile', sign(changed({ aud: 'https://other.example' })), 401, 'INVALID_TOKEN'],
  ['another issuer', 'GET /profile', sign(changed({ iss: 'https://other.example' })), 401, 'INVALID_TOKEN'],
  ['a future token', 'GET /profile', sign(user, { age: -120 }), 401, 'INVALID_TOKEN'],
  ['an expired token', 'GET /profile', sign(user, { age: 1000 }), 401, 'TOKEN_EXPIRED', invalid],
  ['an unverified address', 'POST /orders', sign(user), 403, 'EMAIL_NOT_VERIFIED'],
  ['a verified address', 'POST /orders', sign(changed({ email_verified: true })), 200],
  ['a user without the role', 'GET /reports', sign(user), 403, 'FORBIDDEN', lacking],
  ['a user with the role', 'GET /reports', sign(changed({ roles: ['user', 'admin'] })), 200],
  ['a user without roles', 'GET /reports', sign(changed({ roles: undefined })), 403, 'FORBIDDEN'],
  [
    'a machine without the scope',
    'GET /stock',
    sign(machineClaims(issuer.url, 'stock')),
    403,
    'INSUFFICIENT_SCOPE',
    /scope="stock:read"$/,
  ],
  ['a machine with the scope', 'GET /stock', sign(machine), 200],
  ['a user at a route of machines', 'GET /stock', sign(user), 403, 'FORBIDDEN', lacking],
  ['a sign-in an hour ago', 'DELETE /card', sign(user), 401, 'REAUTHENTICATION_REQUIRED', stale],
  ['a recent sign-in', 'DELETE /card', sign(changed({ auth_time: ago(200) })), 200],
  [
    'no time of sign-in',
    'DELETE /card',
    sign(changed({ auth_time: undefined })),
    401,
    'REAUTHENTICATION_REQUIRED',
  ],
  ['no second factor', 'POST /payouts', sign(user), 401, 'REAUTHENTICATION_REQUIRED', weak],
  ['a second factor', 'POST /payouts', sign(changed({ acr: 'aal2' })), 200],
  ['an unknown level', 'POST /payouts', sign(changed({ acr: 'aal3' })), 401, 'REAUTHENTICATION_REQUIRED'],
  ...['POST /orders', 'GET /reports', 'DELETE /card', 'POST /payouts'].map(
    (route): Row => [`a machine at ${route}`, route, sign(machine), 403, 'FORBIDDEN', lacking],
  ),
]

/** What a client may depend on. */
const comparable = ({ status, headers, body: { request_id, ...body } }: Answer) => {
  const names = ['content-type', 'www-authenticate', 'cache-control', 'retry-after']
  return { status, body, headers: status === 200 ? {} : names.map(name => headers[name]) }
}

for (const [version, program] of programs)
  test(`packed guard in plain JavaScript on Node ${version} → every framework gives the same answers`, async t => {
    await using examples = await startExamples(packed.folder, program, issuer.url)
    const urls = Object.entries(examples.urls)
    t.is(urls.length, 6)
    for (const [title, route, authorizations, status, code, challenge] of rows) {
      const answers = await Promise.all(urls.map(([, url]) => ask(url, route, authorizations)))
      const [first] = answers
      if (!first) return t.fail()
      t.is(first.status, status, `${title}: ${JSON.stringify(first)}`)
      t.is(first.body.code, code, title)
      if (challenge) t.regex(String(first.headers['www-authenticate']), challenge, title)
      for (const [i, answer] of answers.entries())
        t.deepEqual(comparable(answer), comparable(first), `${title}: ${urls[i]?.[0]}`)
      if (status === 200) continue
      t.is(first.headers['content-type'], 'application/problem+json')
      t.is(first.headers['cache-control'], 'no-store')
      t.is(first.body.type, `${issuer.url}/problems/${code?.toLowerCase().replaceAll('_', '-')}`)
      t.truthy(first.body.request_id)
    }
    t.deepEqual(examples.errors, [], 'no warning of Node and no error')
  })

test('issuer down before the first token → 503 with Retry-After everywhere, and 401 without a token', async t => {
  const nowhere = await openKeyServer()
  await nowhere.close()
  await using examples = await startExamples(packed.folder, process.execPath, nowhere.url)
  for (const [name, url] of Object.entries(examples.urls)) {
    const { status, headers, body } = await ask(url, 'GET /profile', bearer(genuine))
    t.is(status, 503, name)
    t.is(body.code, 'SERVICE_UNAVAILABLE', name)
    t.is(body.retry_after, Number(headers['retry-after']))
    t.true(Number(headers['retry-after']) > 0)
    t.is(headers['cache-control'], 'no-store')
    t.is((await ask(url, 'GET /profile', [])).status, 401, name)
  }
  t.true(
    examples.errors.some(line => line.includes('ECONNREFUSED')),
    'onError gets the reason',
  )
})

test('packed package → compiled code with types and source maps, no tests and no dependency', async t => {
  const manifest = JSON.parse(
    await readFile(join(packed.folder, 'node_modules/@latchkey/guard/package.json'), 'utf8'),
  )
  t.is(manifest.dependencies, undefined)
  t.is(manifest.sideEffects, false)
  for (const name of ['guard', 'koa', 'express', 'fastify', 'hono', 'node', 'fetch'])
    for (const end of ['js', 'js.map', 'd.ts'])
      t.true(packed.files.includes(`dist/${name}.${end}`), `${name}.${end}`)
  t.deepEqual(
    packed.files.filter(path => !/^(dist|src)\/|^((README|API)\.md|LICENSE|package\.json)$/.test(path)),
    [],
  )
  const map = JSON.parse(
    await readFile(join(packed.folder, 'node_modules/@latchkey/guard/dist/verifier.js.map'), 'utf8'),
  )
  t.regex(map.sourcesContent[0], /export const createVerifier/)
})

test('strict TypeScript that uses every entry → compiles, with the types of libraries checked too', async t => {
  const compilerOptions = {
    ...{
      strict: true,
      noUncheckedIndexedAccess: true,
      exactOptionalPropertyTypes: true,
      skipLibCheck: false,
    },
    ...{ target: 'es2023', lib: ['es2023'], module: 'nodenext', types: ['node'], noEmit: true },
  }
  const project = join(packed.folder, 'tsconfig.json')
  await writeFile(project, JSON.stringify({ compilerOptions, files: ['typed.ts'] }))
  const tsc = fileURLToPath(new URL('../../node_modules/typescript/bin/tsc', import.meta.url))
  const output = await promisify(execFile)(process.execPath, [tsc, '-p', project]).then(
    ({ stdout }) => stdout,
    (error: { stdout: string }) => error.stdout,
  )
  t.is(output, '')
})
