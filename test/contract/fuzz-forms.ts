import fc from 'fast-check'
import type { Body } from './fuzz-bodies.ts'
import { canary, hostileText, placeholder } from './fuzz-values.ts'
import type { Schema } from './openapi-check.ts'

// Form bodies for the hosted pages: as browsers send them, and hostile or malformed ones.

const type = 'application/x-www-form-urlencoded'
const form = (text: string): Body => ({ type, text, bytes: 'utf8', isGood: false, more: [] })

const oddForms = [
  ...[
    '',
    '&&&',
    '=',
    '%',
    'token=%ff',
    'token=%00',
    'token=%ed%a0%80',
    'token',
    `token=a&token=${canary}`,
    `token[]=${canary}`,
  ],
  ...[
    `token[a][b][c]=${canary}`,
    `__proto__[is_active]=${canary}`,
    `constructor[prototype][x]=1&token=${canary}`,
    `token=${canary}&role=admin`,
  ],
  ...[
    `token[${'a]['.repeat(200)}b]=1`,
    `token=${'x'.repeat(17_000)}`,
    `${'a=b&'.repeat(3000)}`,
    `new_password=${canary}`,
    `{"token":"${canary}"}`,
  ],
  ...[
    `token=${placeholder('token')}&new_password=${canary}`,
    `token=${placeholder('token')}&new_password=a`,
    `token=${placeholder('token')}&new_password[]=${canary}`,
  ],
  ...[
    `token=${placeholder('token')}&new_password=${placeholder('password')}`,
    `token=${placeholder('access')}`,
    `token=${placeholder('refresh')}`,
  ],
]
const oddTypes = [
  'application/json',
  'text/plain',
  `multipart/form-data; boundary=${canary}`,
  `${type}; charset=latin1`,
  null,
]

/** Forms of every kind for this schema. */
export const formBody = (schema: Schema): fc.Arbitrary<Body> => {
  const names = Object.keys((schema.properties ?? {}) as object)
  const good = fc
    .constantFrom(placeholder('token'), `lkp_${canary}`)
    .map(token =>
      names.map(name => `${name}=${name === 'token' ? token : `purple+wagons+9+${canary}`}`).join('&'),
    )
  const hostile = fc
    .tuple(
      ...names.map(name =>
        hostileText({}).map(value => `${name}=${encodeURIComponent(value.toWellFormed())}`),
      ),
    )
    .map(pairs => pairs.join('&'))
  return fc.oneof(
    { weight: 3, arbitrary: good.map(text => ({ ...form(text), isGood: true })) },
    { weight: 3, arbitrary: hostile.map(form) },
    { weight: 4, arbitrary: fc.constantFrom(...oddForms).map(form) },
    {
      weight: 1,
      arbitrary: fc
        .tuple(good, fc.constantFrom(...oddTypes))
        .map(([text, odd]) => ({ ...form(text), type: odd })),
    },
  )
}
