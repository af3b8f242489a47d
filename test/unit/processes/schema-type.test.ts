import test from 'ava'
import { typeOf } from '../../../src/processes/docs/schema-type.ts'

test('a union inside a union → one flat list of members, which TypeScript can read', t => {
  const schema = { anyOf: [{ anyOf: [{ const: '' }, { type: 'string' }] }, { type: 'null' }] }
  t.is(typeOf(schema, '', 0), "'' | string | null")
})

test('a union that does not fit on its line → one line for each member', t => {
  const names = ['a', 'b'].map(letter => letter.repeat(60))
  const schema = { anyOf: [{ anyOf: names.map(name => ({ const: name })) }, { type: 'null' }] }
  t.is(typeOf(schema, '', 0), `\n  | '${names[0]}'\n  | '${names[1]}'\n  | null`)
})
