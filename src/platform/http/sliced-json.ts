import { setImmediate as turn } from 'node:timers/promises'
import * as v from 'valibot'
import type { Schema } from './route.ts'

/** Few enough that a slice takes a millisecond or two. */
const slice = 100

/**
 * Writes a large reply as JSON. It is checked and written a slice at a time: in one go, thousands of rows would hold up
 * every other request of this process. What the schema does not name is left out.
 */
export const slicedJson = async (schema: Schema, value: unknown): Promise<Buffer[]> => {
  const pieces: Buffer[] = []
  for await (const piece of written(schema, value)) pieces.push(Buffer.from(piece))
  return pieces
}

async function* written(schema: Schema, value: unknown): AsyncGenerator<string> {
  if (isObject(schema)) yield* writtenObject(schema, value as Record<string, unknown>)
  else if (isArray(schema)) yield* writtenArray(schema, value as unknown[])
  else yield JSON.stringify(v.parse(schema, value))
}

type ObjectSchema = Schema & { entries: Record<string, Schema> }
type ArraySchema = Schema & { item: Schema }

const isObject = (schema: Schema): schema is ObjectSchema => schema.type === 'object' && 'entries' in schema
const isArray = (schema: Schema): schema is ArraySchema =>
  schema.type === 'array' && 'item' in schema && !('pipe' in schema)

async function* writtenObject({ entries }: ObjectSchema, value: Record<string, unknown>) {
  let before = '{'
  for (const [name, entry] of Object.entries(entries)) {
    yield `${before}${JSON.stringify(name)}:`
    yield* written(entry, value[name])
    before = ','
  }
  yield before === '{' ? '{}' : '}'
}

async function* writtenArray({ item }: ArraySchema, value: unknown[]) {
  yield '['
  for (let from = 0; from < value.length; from += slice) {
    const texts = value.slice(from, from + slice).map(each => JSON.stringify(v.parse(item, each)))
    yield `${from === 0 ? '' : ','}${texts.join()}`
    await turn()
  }
  yield ']'
}
