import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mock } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import anyTest from 'ava'
import { createVerifier } from '../../../packages/guard/src/verifier.ts'
import { signToken } from '../../../src/platform/crypto/paseto.ts'
import { generateKey, importSecret } from '../../../src/platform/crypto/paseto-keys.ts'
import { openResourceServer } from '../../integration/guard/resource-server.ts'

// The guard: how it fetches keys, and what it loads.

const test = anyTest.serial

{
  // These tests move the clock of this process, so they run one at a time.
  mock.timers.enable({ apis: ['Date'], now: Date.now() })
  anyTest.after.always(() => mock.timers.reset())

  type Key = ReturnType<typeof generateKey>

  const sign = (key: Key, issuer: string): string => {
    const times = { now: new Date(), ttlSeconds: 3600 }
    const claims = {
      iss: issuer,
      aud: issuer,
      sub: 'user-1',
      sid: 'session',
      roles: [],
      email_verified: false,
    }
    return signToken({ kid: key.kid, secret: importSecret(key.paserkSecret) }, claims, times)
  }

  /** An issuer that only publishes keys, and can be made to fail. */
  const openIssuer = async (...keys: Key[]) => {
    const state = { keys, status: 200, reads: 0 }
    const server = createServer((_request, reply) => {
      state.reads++
      const published = state.keys.map(({ kid, paserkPublic }) => ({ kid, paserk: paserkPublic }))
      reply.writeHead(state.status, { connection: 'close' }).end(JSON.stringify({ keys: published }))
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const close = async () => {
      if (!server.listening) return
      server.close()
      await once(server, 'close')
    }
    return { state, url, close, [Symbol.asyncDispose]: close }
  }

  test('issuer down after the first key fetch → tokens are still verified', async t => {
    const key = generateKey()
    await using issuer = await openIssuer(key)
    await using service = await openResourceServer(createVerifier({ issuer: issuer.url }))
    const token = await sign(key, issuer.url)
    t.is((await service.client.get('/closed', { token })).status, 200)
    await issuer.close()
    for (const milliseconds of [0, 11_000, 301_000, 11_000]) {
      mock.timers.tick(milliseconds)
      t.is((await service.client.get('/closed', { token })).status, 200)
    }
  })

  test('flood of invented key ids → the issuer is asked once in ten seconds', async t => {
    const key = generateKey()
    await using issuer = await openIssuer(key)
    await using service = await openResourceServer(createVerifier({ issuer: issuer.url }))
    const flood = await Promise.all(Array.from({ length: 50 }, () => sign(generateKey(), issuer.url)))
    const send = async () => {
      const replies = await Promise.all(flood.map(token => service.client.get('/closed', { token })))
      t.deepEqual([...new Set(replies.map(({ body }) => body.code))], ['INVALID_TOKEN'])
    }
    await send()
    await send()
    mock.timers.tick(9_000)
    await send()
    t.is(issuer.state.reads, 1)
    mock.timers.tick(1_001)
    await send()
    t.is(issuer.state.reads, 2)
    t.is((await service.client.get('/closed', { token: await sign(key, issuer.url) })).status, 200)
  })

  test('keys cannot be read → 503 instead of 401 until they can', async t => {
    const key = generateKey()
    await using issuer = await openIssuer(key)
    issuer.state.status = 503
    await using service = await openResourceServer(createVerifier({ issuer: issuer.url }))
    const token = await sign(key, issuer.url)
    for (let i = 0; i < 3; i++) {
      const reply = await service.client.get('/closed', { token })
      t.is(reply.status, 503)
      t.is(reply.body.code, 'SERVICE_UNAVAILABLE')
      t.is(reply.headers.get('retry-after'), '10')
    }
    t.is(issuer.state.reads, 1)
    t.is(service.errors.length, 3, 'the error handler of the service is called')
    t.is((await service.client.get('/closed')).status, 401, 'a request without a token needs no key')
    issuer.state.status = 200
    mock.timers.tick(10_001)
    t.is((await service.client.get('/closed', { token })).status, 200)
  })

  test('key withdrawn by the issuer → its tokens are refused after the next key fetch', async t => {
    const [stolen, fresh] = [generateKey(), generateKey()]
    await using issuer = await openIssuer(stolen)
    await using service = await openResourceServer(createVerifier({ issuer: issuer.url }))
    const token = await sign(stolen, issuer.url)
    t.is((await service.client.get('/closed', { token })).status, 200)
    issuer.state.keys = [fresh]
    mock.timers.tick(301_000)
    let status = 200
    for (let i = 0; i < 1000 && status === 200; i++) {
      await sleep(20)
      status = (await service.client.get('/closed', { token })).status
    }
    t.is(status, 401)
    t.is((await service.client.get('/closed', { token: await sign(fresh, issuer.url) })).status, 200)
  })
}

{
  const guard = new URL('../../../packages/guard/src/', import.meta.url)

  test('service that uses the guard → loads no store, no driver and no Koa', async t => {
    const script = `
    import { registerHooks } from 'node:module'
    const seen = []
    registerHooks({ load: (url, context, next) => { seen.push(url); return next(url, context) } })
    await import('${guard}koa.ts')
    await import('${guard}guard.ts')
    console.log(JSON.stringify(seen))`
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script])
    const seen: string[] = JSON.parse(stdout)
    t.true(seen.some(url => url.endsWith('guard/src/koa.ts')))
    const packages = seen.flatMap(url => /\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1] ?? [])
    t.deepEqual([...new Set(packages)].sort(), [])
  })
}
