import test from 'ava'
import { entityTag, namesTag } from '../../../src/platform/http/entity-tag.ts'

const tag = entityTag('{"keys":[]}')

test('If-None-Match names the tag → it matches, also weak, in a list, and as *', t => {
  t.regex(tag, /^"[\w-]{22}"$/)
  for (const header of [tag, `W/${tag}`, `"a,b", ${tag}`, `"x",W/${tag},"y"`, '*', ' * '])
    t.true(namesTag(header, tag), header)
})

test('If-None-Match names other tags or none → no match', t => {
  const bare = tag.slice(1, -1)
  for (const header of [undefined, '', '""', bare, `"${bare}`, `${bare}"`, `"${bare}x"`, '"*"', 'W/*'])
    t.false(namesTag(header, tag), header)
})

test('another body → another tag', t => {
  t.not(entityTag('{"keys":[1]}'), tag)
})
