// The scopes of machine clients that Latchkey itself understands. Other services choose their own, such as `orders:read`.

/** The scopes of the core, with what each allows. Modules add their own. */
export const scopes = {
  'users:read': 'List and read users.',
  'users:write':
    'Change the roles and the status of users, end their sessions, remove their second factors and delete them. As strong as an administrator, because it can make a user an administrator.',
  'emails:read': 'Read the delivery log of emails.',
  'emails:write': 'Send failed emails again.',
  'audit:read': 'Read audit events.',
  'clients:read': 'List machine clients.',
  'clients:write': 'Create, change and revoke machine clients, each with scopes that the caller has itself.',
  introspect: 'Check tokens at `/oauth/introspect`.',
  revoke: 'End sessions at `/oauth/revoke`.',
} as const

export type Scope = keyof typeof scopes
