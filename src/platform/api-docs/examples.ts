type Schema = {
  type?: string
  format?: string
  const?: unknown
  enum?: unknown[]
  anyOf?: Schema[]
  items?: Schema
  properties?: Record<string, Schema>
}

/** What a field holds in examples, by its name: schemas know what is allowed, and not what is plausible. */
const byName: Record<string, unknown> = {
  email: '{{email}}',
  new_email: 'new.{{email}}',
  password: '{{password}}',
  current_password: '{{password}}',
  new_password: '{{password}}',
  refresh_token: '{{refresh_token}}',
  token: 'lkp_token-of-a-mailed-link',
  code: '048213',
  full_name: 'Ada Lovelace',
  phone: '+442071838750',
  address: '12 St James’s Square, London',
  preferred_language: 'en',
  picture_url: 'https://example.com/ada.png',
  lang: 'en',
  limit: '50',
  search: 'ada',
  recipient: '{{email}}',
}

const byFormat: Record<string, string> = {
  email: 'ada@example.com',
  uuid: '019a5f7e-7a30-7c4e-9d0b-3f1f6f1d2c4b',
  uri: 'https://example.com',
  'date-time': '2027-01-31T18:05:00Z',
}

const byType = (schema: Schema): unknown => {
  switch (schema.type) {
    case 'object':
      return Object.fromEntries(
        Object.entries(schema.properties ?? {}).map(([name, each]) => [name, exampleOf(each, name)]),
      )
    case 'array':
      return schema.items ? [exampleOf(schema.items)] : []
    case 'boolean':
      return true
    case 'integer':
    case 'number':
      return 1
    case 'null':
      return null
    default:
      return byFormat[schema.format ?? ''] ?? 'text'
  }
}

/** A value that a JSON schema describes, as a person would fill it in. `{{…}}` are variables of the collection. */
export const exampleOf = (schema: Schema, name = ''): unknown => {
  if (Object.hasOwn(byName, name)) return byName[name]
  if (schema.const !== undefined) return schema.const
  if (schema.enum) return schema.enum[0]
  const [first] = schema.anyOf ?? []
  return first ? exampleOf(first, name) : byType(schema)
}
