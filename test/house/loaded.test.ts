import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import test from 'ava'
import { root } from './source.ts'

// Every package that a process loads costs memory, and time at each start.
const program = `
import { registerHooks } from 'node:module'
const packages = new Set()
registerHooks({
  load: (url, context, next) => {
    packages.add(/.*\\/node_modules\\/((?:@[^/]+\\/)?[^/]+)/.exec(url)?.[1])
    return next(url, context)
  },
})
for (const url of process.argv.slice(1)) {
  const { loadEntities, loadRoutes } = await import(url)
  await loadEntities?.()
  await loadRoutes?.({ draining: () => false, closing: () => false, config: { EMAIL_LOGIN: 'on' } })
}
const builtIn = process.moduleLoadList.flatMap(line => /^NativeModule internal\\/deps\\/(\\w+)\\//.exec(line)?.[1] ?? [])
process.stdout.write(JSON.stringify([...packages, ...builtIn]))
`

const loadedBy = async (...names: string[]): Promise<string[]> => {
  const urls = names.map(name => new URL(`${name}.ts`, `file://${join(root, 'src')}/`).href)
  const { stdout } = await promisify(execFile)(process.execPath, [
    '--input-type=module',
    ...['-e', program],
    ...urls,
  ])
  return JSON.parse(stdout)
}

const api = ['koa', '@koa/router', 'typeorm', 'pg', 'ioredis', 'valibot']

test('the API process loads its routes → no mailer, queue, body parser, metrics or HTTP client', async t => {
  const loaded = await loadedBy('processes/api/process', 'modules')
  t.deepEqual(
    api.filter(name => !loaded.includes(name)),
    [],
  )
  // Passkeys cost 25 MB, and 0.2 s at their first use. The queue costs 190 files, zod 95 (see koa-body-patches.ts).
  const needless = [
    ...['nodemailer', 'mjml', 'prom-client', 'undici', 'bcrypt', 'testcontainers'],
    ...['@simplewebauthn/server', 'otpauth', 'uqr', 'bullmq', 'luxon', 'koa-body', 'zod'],
    ...['libphonenumber-js', 'reflect-metadata', 'bowser', 'standardwebhooks'],
    ...['mime-db', 'ansis', 'dayjs', '@sqltools/formatter', 'sql-highlight', 'tinyglobby'],
  ]
  t.deepEqual(
    needless.filter(name => loaded.includes(name)),
    [],
  )
})

test('the command line prints its help → it loads no store and no mailer', async t => {
  const loaded = await loadedBy('processes/cli/run')
  t.true(loaded.includes('valibot'))
  const needless = ['typeorm', 'pg', 'bullmq', 'ioredis', 'nodemailer', 'pino', 'libphonenumber-js']
  t.deepEqual(
    needless.filter(name => loaded.includes(name)),
    [],
  )
})

test('the worker loads no web server, MJML or HTTP client', async t => {
  const loaded = await loadedBy('worker')
  t.true(loaded.includes('bullmq'))
  t.true(loaded.includes('nodemailer'))
  const needless = [
    'mjml',
    'koa',
    'koa-body',
    '@koa/router',
    'prom-client',
    'undici',
    'bcrypt',
    'testcontainers',
  ]
  t.deepEqual(
    needless.filter(name => loaded.includes(name)),
    [],
  )
})
