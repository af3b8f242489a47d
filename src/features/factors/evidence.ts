import * as v from 'valibot'
import { plainCode, trimUnseen } from '../../platform/base/copied-text.ts'
import { field } from '../../platform/base/field-shapes.ts'
import type { FactorMethod } from '../../platform/catalog/factors.ts'
import type { Code } from '../../platform/catalog/problems.ts'
import { passkeyCredential } from '../webauthn/schemas.ts'

// The evidence that a client sends of a second factor. A new factor is an entry of `kinds`, a form of `evidenceForms`, and a
// line of `check` in `verify-evidence.ts`, which does not compile without it.

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
const recoveryCode = field(
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

/** Each field of a body that holds evidence: its schema, the method that it proves, and how wrong evidence is refused. */
const kinds = {
  code: { schema: totpCode, method: 'totp', refusal: 'INVALID_MFA_CODE', canBeGuessed: true },
  recovery_code: {
    schema: recoveryCode,
    method: 'recovery_code',
    refusal: 'INVALID_MFA_CODE',
    canBeGuessed: true,
  },
  credential: {
    schema: passkeyCredential,
    method: 'passkey',
    refusal: 'INVALID_PASSKEY',
    canBeGuessed: false,
  },
} as const satisfies Record<string, { method: FactorMethod; refusal: Code; [more: string]: unknown }>

type Kinds = typeof kinds

/** The evidence of one factor, as a body holds it: exactly one of the fields. */
export type Evidence = { [N in keyof Kinds]: Record<N, v.InferOutput<Kinds[N]['schema']>> }[keyof Kinds]

/** The forms of a body with evidence of one factor: each has these fields and one kind of evidence. */
export const evidenceForms = <const E extends v.ObjectEntries>(shared: E) =>
  [
    v.strictObject({ ...shared, code: kinds.code.schema }),
    v.strictObject({ ...shared, recovery_code: kinds.recovery_code.schema }),
    v.strictObject({ ...shared, credential: kinds.credential.schema }),
  ] as const

/** What is known about a kind of evidence. */
export const evidenceKind = (evidence: Evidence): Kinds[keyof Kinds] => {
  const [field] = Object.keys(evidence) as [keyof Kinds]
  return kinds[field]
}
