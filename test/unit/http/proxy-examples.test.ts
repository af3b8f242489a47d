import { readFileSync } from 'node:fs'
import test from 'ava'
import { parse } from 'yaml'
import { callerHeaders } from '../../../src/features/forward-auth/view.ts'

// nginx and Caddy run in test/integration/forward-auth/proxies.test.ts. Traefik and Envoy are not packaged by Debian, so their
// configurations are only read here: a header that one of them forgets would arrive from outside.

const names = Object.keys(callerHeaders)
const example = (path: string): string =>
  readFileSync(new URL(`../../../examples/${path}`, import.meta.url), 'utf8')

for (const path of ['nginx/latchkey.conf', 'caddy/Caddyfile', 'traefik/latchkey.yml', 'envoy/envoy.yaml'])
  test(`examples/${path} → names every header of the check`, t => {
    const text = example(path).toLowerCase()
    for (const name of names) t.true(text.includes(name.toLowerCase()), name)
  })

/** The spellings of a header that many applications read as the same name. */
const spellings = (name: string): string[] =>
  name
    .split('-')
    .reduce<string[]>(
      (found, part) =>
        found.length === 0 ? [part] : found.flatMap(each => [`${each}-${part}`, `${each}_${part}`]),
      [],
    )

test('the example of Traefik → drops every spelling of a header, then asks, then copies', t => {
  const { http } = parse(example('traefik/latchkey.yml'))
  t.deepEqual(http.routers.app.middlewares, ['drop-outside', 'latchkey', 'drop-token'])
  const { forwardAuth } = http.middlewares.latchkey
  t.deepEqual(forwardAuth.authResponseHeaders, names)
  t.deepEqual(forwardAuth.authRequestHeaders, ['Authorization'])
  t.like(forwardAuth, { trustForwardHeader: false, forwardBody: false })
  t.is(new URL(forwardAuth.address).pathname, '/api/v1/auth/check')
  const dropped = http.middlewares['drop-outside'].headers.customRequestHeaders
  t.deepEqual(
    Object.keys(dropped).sort(),
    names
      .flatMap(spellings)
      .filter(name => !names.includes(name))
      .sort(),
  )
  t.deepEqual([...new Set(Object.values(dropped))], [''])
})

test('the example of Envoy → drops each header before it asks, and refuses while Latchkey is down', t => {
  const config = parse(example('envoy/envoy.yaml'))
  const [manager] = config.static_resources.listeners[0].filter_chains[0].filters
  const { http_filters: filters, common_http_protocol_options: options } = manager.typed_config
  t.deepEqual(
    filters.map(({ name }: { name: string }) => name.split('.').at(-1)),
    ['header_mutation', 'ext_authz', 'router'],
  )
  const { request_mutations: removed } = filters[0].typed_config.mutations
  t.deepEqual(
    removed.map(({ remove }: { remove: string }) => remove),
    names.map(name => name.toLowerCase()),
  )
  t.is(options.headers_with_underscores_action, 'REJECT_REQUEST')
  const check = filters[1].typed_config
  t.like(check, { failure_mode_allow: false, status_on_error: { code: 'ServiceUnavailable' } })
  t.is(check.http_service.path_prefix, '/api/v1/auth/check')
})
