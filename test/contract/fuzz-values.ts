import fc from 'fast-check'
import type { Schema } from './described.ts'

// Values that nobody sends who means well. What only the running test knows stands in them as a mark, which is put
// right before they are sent.

/** In whatever a request carries, and in nothing that a refusal or a log line may hold. */
export const canary = 'cnry5f2b9e'

/** The name of no field. A refusal may say that there is none of this name; a log line need not. */
export const oddName = 'unheard_of'

/** What is filled in, by name: of the caller, of somebody else, or of a mail. */
export const marks = [
  'email',
  'password',
  'refresh',
  'access',
  'userId',
  'sessionId',
  'victimId',
  'mailId',
  'proof',
  'slug',
] as const
export type Mark = (typeof marks)[number]
export const mark = (name: Mark): string => `qX${name}Xq`

const lone = '\ud800'
// What stores and encoders choke on.
const poison = [`${canary}\0`, '\0', `${lone}${canary}`, `${canary}\udfff`]
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
  ...[mark('access'), mark('refresh'), mark('userId'), `+${'9'.repeat(40)}`, '２０２０', 'x'.repeat(256)],
]

type Ends = { minLength?: number; maxLength?: number }

/** Texts that lie at the edges of a schema, and just beyond. */
const edges = ({ minLength = 1, maxLength = 64 }: Ends): fc.Arbitrary<string> =>
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
    { weight: 2, arbitrary: fc.constantFrom(...poison) },
    { weight: 3, arbitrary: fc.constantFrom(...hostileTexts) },
    { weight: 1, arbitrary: edges(schema) },
  )

/** An object of one field, also where that is `__proto__`. */
export const own = (name: string, value: unknown): Record<string, unknown> =>
  Object.fromEntries([[name, value]])
const deep = (depth: number): unknown => (depth === 0 ? canary : [deep(depth - 1)])
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
    own('__proto__', { is_active: canary }),
    { toString: canary },
    { length: 1 },
    { $ne: canary },
    { constructor: { prototype: {} } },
  ],
  ...[deep(60), { [oddName]: { [oddName]: canary } }, Array.from({ length: 300 }, () => canary)],
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
  lone,
]
