import { toJsonSchema } from '@valibot/to-json-schema'
import type { Route, Schema } from '../http/route.ts'

// Client generators create one type for each inline schema. With named components, a user or a session is one type.

type Json = Record<string, unknown>

const prefix = '#/components/schemas/'

/** The JSON Schema of what a client sends (`input`) or gets (`output`). */
export const jsonSchema = (schema: Schema, typeMode: 'input' | 'output'): Json => {
  const { $schema: _, ...rest } = toJsonSchema(schema, {
    target: 'draft-2020-12',
    typeMode,
    errorMode: 'ignore',
  }) as Json
  return rest
}

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const mapValues = (value: unknown, change: (inner: unknown) => unknown): unknown => {
  if (Array.isArray(value)) return value.map(change)
  if (!isObject(value)) return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, change(inner)]))
}

/** Words in the form of a type: `GetAdminUsers`. */
export const pascal = (text: string): string =>
  text
    .split(/[^a-zA-Z0-9]+/)
    .filter(Boolean)
    .map(word => word[0]?.toUpperCase() + word.slice(1))
    .join('')

/** The base name of the schemas of a route: `Register`, `PatchMe`, `GetAdminUsers`. A POST is named by its path alone. */
export const routeName = ({ method, path }: Route): string => {
  const words = path
    .replace(/^\/api\/v1\/(?:auth\/)?/, '')
    .split('/')
    .filter(word => !word.startsWith(':'))
    .join('/')
  return pascal(method === 'POST' ? words : `${method.toLowerCase()}/${words}`)
}

/** The component schemas of one document. */
export type Schemas = {
  /** Moves a schema, and every object inside it, to the components. Returns the reference to it. */
  add: (name: string, schema: Json) => Json
  all: () => Json
}

const isNamed = (schema: Json): boolean => schema.type === 'object' && isObject(schema.properties)

/** An object is called by its title, else by the path of properties to it. Throws where two want the same name. */
export const openSchemas = (): Schemas => {
  const byName = new Map<string, Json>()

  const put = (name: string, schema: Json): Json => {
    const known = byName.get(name)
    if (known && JSON.stringify(known) !== JSON.stringify(schema))
      throw new Error(`two schemas are called ${name}`)
    byName.set(name, schema)
    return { $ref: prefix + name }
  }

  const inner = (schema: Json, name: string): Json => {
    const { title: _, properties, items, anyOf, ...rest } = schema
    return {
      ...rest,
      ...(isObject(properties) && {
        properties: Object.fromEntries(
          Object.entries(properties).map(([key, each]) => [key, moved(each as Json, name + pascal(key))]),
        ),
      }),
      ...(isObject(items) && { items: moved(items, name) }),
      // The alternatives of a union have no name of their own.
      ...(Array.isArray(anyOf) && { anyOf: anyOf.map(each => inner(each as Json, name)) }),
    }
  }

  const moved = (schema: Json, path: string): Json => {
    const name = typeof schema.title === 'string' ? schema.title : path
    return isNamed(schema) ? put(name, inner(schema, name)) : inner(schema, path)
  }

  return {
    add: (name, schema) => {
      const own = moved(schema, name)
      return '$ref' in own ? own : put(name, own)
    },
    all: () => Object.fromEntries([...byName].sort(([a], [b]) => (a < b ? -1 : 1))),
  }
}

/** A document with each reference replaced by the schema that it leads to. */
export const withoutRefs = <D extends { components?: unknown }>(document: D): D => {
  const { schemas = {} } = (document.components ?? {}) as { schemas?: Json }
  const inline = (value: unknown): unknown => {
    const ref = isObject(value) ? value.$ref : undefined
    if (typeof ref !== 'string' || !ref.startsWith(prefix)) return mapValues(value, inline)
    return inline(schemas[ref.slice(prefix.length)])
  }
  return inline(document) as D
}
