import { setImmediate as nextTurn } from 'node:timers/promises'
import * as v from 'valibot'
import type { Schema } from './route.ts'

/** Rows in a slice, so that one takes a millisecond or two. */
const sliceSize = 100

/**
 * Serializes a large reply as JSON, in slices: thousands of rows without a pause would delay every other request of this
 * process. Fields that the schema does not declare are omitted.
 */
export const slicedJson = async (schema: Schema, value: unknown): Promise<Buffer[]> => {
  const pieces: Buffer[] = []
  for await (const piece of serialize(schema, value)) pieces.push(Buffer.from(piece))
  return pieces
}

async function* serialize(schema: Schema, value: unknown): AsyncGenerator<string> {
  if (isObject(schema)) yield* serializeObject(schema, value as Record<string, unknown>)
  else if (isArray(schema)) yield* serializeArray(schema, value as unknown[])
  else yield JSON.stringify(v.parse(schema, value))
}

type ObjectSchema = Schema & { entries: Record<string, Schema> }
type ArraySchema = Schema & { item: Schema }

const isObject = (schema: Schema): schema is ObjectSchema => schema.type === 'object' && 'entries' in schema
const isArray = (schema: Schema): schema is ArraySchema =>
  schema.type === 'array' && 'item' in schema && !('pipe' in schema)

async function* serializeObject({ entries }: ObjectSchema, value: Record<string, unknown>) {
  let before = '{'
  for (const [name, entry] of Object.entries(entries)) {
    yield `${before}${JSON.stringify(name)}:`
    yield* serialize(entry, value[name])
    before = ','
  }
  yield before === '{' ? '{}' : '}'
}

async function* serializeArray({ item }: ArraySchema, value: unknown[]) {
  yield '['
  for (let from = 0; from < value.length; from += sliceSize) {
    const texts = value.slice(from, from + sliceSize).map(each => JSON.stringify(v.parse(item, each)))
    yield `${from === 0 ? '' : ','}${texts.join()}`
    await nextTurn()
  }
  yield ']'
}
