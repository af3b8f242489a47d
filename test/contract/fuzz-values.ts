import fc from 'fast-check'
import type { Schema } from './openapi-check.ts'

// Hostile and malformed values. A value that only the running test knows, such as a token, is a placeholder that is
// replaced before the request is sent.

/** Appears in every part of a request, and must never appear in an error reply or a log line. */
export const canary = 'cnry5f2b9e'

/** An unknown field name. An error reply may quote it, but a log line must not. */
export const oddName = 'unheard_of'

/** The names of placeholders: values of the caller, of another user (`victimId`), or of an email. */
export const placeholders = [
  'email',
  'password',
  'refresh',
  'access',
  'userId',
  'sessionId',
  'victimId',
  'mailId',
  'token',
  'slug',
] as const
export type Placeholder = (typeof placeholders)[number]
export const placeholder = (name: Placeholder): string => `qX${name}Xq`

const loneSurrogate = '\ud800'
// Characters that stores and encoders reject: NUL and lone surrogates.
const unstorable = [`${canary}\0`, '\0', `${loneSurrogate}${canary}`, `${canary}\udfff`]
const hostileTexts = [
  ...['', ' ', 'null', 'true', '-1', '1e999', 'NaN', '123456', '__proto__', '[object Object]'],
  ...[`\u202E${canary}`, `\uFEFF${canary}`, `${canary}\u2028`],
  ...[
    `${canary}@example.com\r\nBcc: b@example.com`,
    `${canary}@example.com,b@example.com`,
    `"${canary} b"@example.com`,
  ],
  ...[
    `<script>${canary}</script>`,
    `';DROP TABLE users;--${canary}`,
    `%00${canary}`,
    `\${${canary}}`,
    `{{${canary}}}`,
  ],
  ...[
    `../../${canary}`,
    `https://${canary}:pw@x.example/`,
    `javascript:${canary}`,
    `https://x.example/${canary}\n`,
  ],
  ...[
    canary.repeat(700),
    '😀'.repeat(300) + canary,
    `e\u0301`.repeat(300),
    `lkr_${canary}`,
    `lkp_${'A'.repeat(64)}`,
  ],
  ...[
    placeholder('access'),
    placeholder('refresh'),
    placeholder('userId'),
    `+${'9'.repeat(40)}`,
    '２０２０',
    'x'.repeat(256),
  ],
]

type LengthLimits = { minLength?: number; maxLength?: number }

/** Texts with lengths at the limits of a schema and just beyond. */
const boundaryTexts = ({ minLength = 1, maxLength = 64 }: LengthLimits): fc.Arbitrary<string> =>
  fc
    .tuple(
      fc.constantFrom(minLength - 1, minLength, maxLength, maxLength + 1),
      fc.constantFrom('a', '7', 'é', '😀', ' '),
    )
    .map(([length, letter]) =>
      length > canary.length ? canary + letter.repeat(length - canary.length) : letter.repeat(length),
    )

export const hostileText = (schema: Schema): fc.Arbitrary<string> =>
  fc.oneof(
    { weight: 2, arbitrary: fc.constantFrom(...unstorable) },
    { weight: 3, arbitrary: fc.constantFrom(...hostileTexts) },
    { weight: 1, arbitrary: boundaryTexts(schema) },
  )

/** An object with one own property, also if its name is `__proto__`. */
export const withField = (name: string, value: unknown): Record<string, unknown> =>
  Object.fromEntries([[name, value]])
const nested = (depth: number): unknown => (depth === 0 ? canary : [nested(depth - 1)])
export const wrongValues: unknown[] = [
  ...[
    null,
    true,
    false,
    0,
    -1,
    1.5,
    1e308,
    2 ** 53,
    123456,
    [],
    {},
    [[]],
    [canary],
    [null],
    [canary, canary],
  ],
  ...[
    withField('__proto__', { is_active: canary }),
    { toString: canary },
    { length: 1 },
    { $ne: canary },
    { constructor: { prototype: {} } },
  ],
  ...[nested(60), { [oddName]: { [oddName]: canary } }, Array.from({ length: 300 }, () => canary)],
]

export const extraNames = [
  '__proto__',
  'constructor',
  'prototype',
  'role',
  'roles',
  'is_active',
  'email_verified',
  'id',
  'user_id',
  'session_epoch',
  'password_hash',
  '',
  ' email',
  'email\0',
  'toString',
  'roles[]',
  'x'.repeat(3000),
  loneSurrogate,
]
