import test from 'ava'
import { lateRoutes } from '../../../src/platform/http/late-routes.ts'
import type { Route } from '../../../src/platform/http/route.ts'

const route = { path: '/late' } as Route

const open = (load: () => Promise<Route[]>) => {
  const events: string[] = []
  const late = lateRoutes(
    () => {
      events.push('load')
      return load()
    },
    ({ path }) => events.push(path),
  )
  const request = () => late.wait({} as never, async () => void events.push('served'))
  return { events, request, add: late.add }
}

test('requests arrive before the late routes are loaded → they load them once, and are served after that', async t => {
  const { events, request, add } = open(async () => [route])
  await Promise.all([request(), add()])
  await request()
  t.deepEqual(events, ['load', '/late', 'served', 'served'])
})

test('late routes cannot be loaded → both the request and the process that loads them fail', async t => {
  const { events, request, add } = open(() => Promise.reject(new Error('broken')))
  await t.throwsAsync(request, { message: 'broken' })
  await t.throwsAsync(add, { message: 'broken' })
  t.deepEqual(events, ['load'])
})
