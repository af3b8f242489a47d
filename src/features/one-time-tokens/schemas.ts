import * as v from 'valibot'
import * as field from '../../platform/base/fields.ts'

// An emailed one-time token is sent as itself, or as the short code beside it together with the address.

export const tokenEntries = { token: field.mailedToken }
export const codeEntries = { email: field.email, code: field.code }

export const tokenBody = v.strictObject(tokenEntries)
export const tokenOrCodeBody = v.union([tokenBody, v.strictObject(codeEntries)])
