import * as v from 'valibot'
import { plainCode, trimUnseen } from '../../platform/base/copied-text.ts'
import { field } from '../../platform/base/field-shapes.ts'
import type { Code } from '../../platform/catalog/problems.ts'
import { passkeyCredential } from './passkey-schemas.ts'
import type { Method } from './types.ts'

// The evidence that a client sends of a second factor. A new factor is a line in each table here, and one in the table of checks
// in `verify-evidence.ts`.

/** A code of an authenticator app: 6 digits in any script, with spaces or hyphens between them. */
export const totpCode = field(
  'code',
  'must be the 6 digits of the code',
  {
    description: 'The 6 digits that an authenticator app shows. Spaces and hyphens between them do no harm.',
    minLength: 6,
    maxLength: 64,
  },
  text => {
    const digits = text.length > 64 ? '' : plainCode(text)
    return /^[0-9]{6}$/.test(digits) ? digits : null
  },
)

/** Any text as a recovery code. A text that cannot be one is refused like a wrong one. */
export const recoveryCode = field(
  'recovery_code',
  'must be a recovery code',
  {
    description: 'One of the recovery codes, such as `4f7gk-9m2xw-b8hqd`. Each works once.',
    minLength: 1,
    maxLength: 64,
  },
  text => {
    const code = text.length > 64 || text.includes('\0') ? '' : trimUnseen(text)
    return code === '' ? null : code
  },
)

/** The fields of a body that hold evidence. A body has exactly one of them. */
export const evidenceFields = {
  code: totpCode,
  recovery_code: recoveryCode,
  credential: passkeyCredential,
} as const

type Fields = typeof evidenceFields

/** The forms of a body with evidence of one factor: each has these fields and one kind of evidence. */
export const evidenceForms = <const E extends v.ObjectEntries>(shared: E) =>
  [
    v.strictObject({ ...shared, code: evidenceFields.code }),
    v.strictObject({ ...shared, recovery_code: evidenceFields.recovery_code }),
    v.strictObject({ ...shared, credential: evidenceFields.credential }),
  ] as const

/** The evidence of one factor, as a body holds it. */
export type Evidence = { [N in keyof Fields]: Record<N, v.InferOutput<Fields[N]>> }[keyof Fields]

/** The method that each field proves. */
const methods: Record<keyof Fields, Method> = {
  code: 'totp',
  recovery_code: 'recovery_code',
  credential: 'passkey',
}

export const methodOf = (evidence: Evidence): Method => {
  if ('code' in evidence) return methods.code
  return 'recovery_code' in evidence ? methods.recovery_code : methods.credential
}

/** How wrong evidence of each method is refused. */
export const refusals = {
  totp: 'INVALID_MFA_CODE',
  recovery_code: 'INVALID_MFA_CODE',
  passkey: 'INVALID_PASSKEY',
} as const satisfies Record<Method, Code>
