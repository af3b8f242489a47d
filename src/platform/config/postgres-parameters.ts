// The parameters after the `?` of a Postgres URL, with the names of libpq.

/** `prefer` and `allow` try TLS first or last. `unverified` accepts any certificate, `authority` any host name. */
export type PostgresTls = 'off' | 'allow' | 'prefer' | 'unverified' | 'authority' | 'full'

/** A parsed Postgres URL. The driver takes missing parts from `PGHOST`, `PGUSER` and so on. */
export type PostgresAddress = {
  /** A name, an IP address, or the folder of a Unix socket. */
  host?: string
  port?: number
  user?: string
  password?: string
  database?: string
  tls?: PostgresTls
  directTls?: boolean
  /** Paths of files. */
  rootCertificate?: string
  certificate?: string
  key?: string
  channelBinding?: boolean
  applicationName?: string
  options?: string
  /** In seconds. */
  connectTimeout?: number
}

export type PostgresUrlError = { error: string }

export const oneHost =
  'must name one host. For failover, use a DNS name or proxy that leads to the current primary'
const modes = 'must have an sslmode of disable, allow, prefer, require, verify-ca, verify-full or no-verify'
const wrongValue = (name: string) => `has an invalid value of ${name}`

const sslModes: Record<string, PostgresTls> = {
  disable: 'off',
  allow: 'allow',
  prefer: 'prefer',
  // Stricter than libpq, which checks no certificate here. Without that check, TLS does not stop an attacker who can
  // redirect the connection.
  require: 'full',
  'verify-ca': 'authority',
  'verify-full': 'full',
  'no-verify': 'unverified',
}
const sslFlags: Record<string, PostgresTls> = {
  true: 'full',
  1: 'full',
  false: 'off',
  0: 'off',
  'no-verify': 'unverified',
}

export type Part = { take: PostgresAddress } | PostgresUrlError

const oneOf =
  <T>(choices: Record<string, T>, use: (value: T) => PostgresAddress, error: string) =>
  (text: string): Part => {
    const value = Object.hasOwn(choices, text) ? choices[text] : undefined
    return value === undefined ? { error } : { take: use(value) }
  }

const number =
  (name: string, use: (value: number) => PostgresAddress) =>
  (text: string): Part =>
    /^\d{1,5}$/.test(text) && Number(text) < 65_536
      ? { take: Number(text) > 0 ? use(Number(text)) : {} }
      : { error: wrongValue(name) }

const text =
  (use: (value: string) => PostgresAddress) =>
  (value: string): Part => ({ take: use(value) })

const ignored = text(() => ({}))

const onlyIf =
  (shape: RegExp, error: string) =>
  (value: string): Part =>
    shape.test(value) ? { take: {} } : { error }

/** Every supported parameter, and the part of the address that it sets. */
export const parameters: Record<string, (text: string) => Part> = {
  host: value => (value.includes(',') ? { error: oneHost } : { take: { host: value } }),
  port: number('port', port => ({ port })),
  user: text(user => ({ user })),
  password: text(password => ({ password })),
  dbname: text(database => ({ database })),
  sslmode: oneOf(sslModes, tls => ({ tls }), modes),
  ssl: oneOf(sslFlags, tls => ({ tls }), wrongValue('ssl')),
  sslrootcert: text(file => (file === 'system' ? {} : { rootCertificate: file })),
  sslcert: text(certificate => ({ certificate })),
  sslkey: text(key => ({ key })),
  sslnegotiation: oneOf(
    { postgres: false, direct: true },
    directTls => ({ directTls }),
    wrongValue('sslnegotiation'),
  ),
  channel_binding: oneOf(
    { disable: false, prefer: true, require: true },
    channelBinding => ({ channelBinding }),
    wrongValue('channel_binding'),
  ),
  application_name: text(applicationName => ({ applicationName })),
  fallback_application_name: ignored,
  options: text(options => ({ options })),
  connect_timeout: number('connect_timeout', connectTimeout => ({ connectTimeout })),
  client_encoding: onlyIf(/^(?:auto|utf-?8)$/i, 'must not set a client_encoding other than UTF8'),
  target_session_attrs: onlyIf(/^any$/, 'must not set target_session_attrs, which selects a host'),
  // The driver always keeps connections alive, and does not support Kerberos.
  keepalives: ignored,
  keepalives_idle: ignored,
  keepalives_interval: ignored,
  keepalives_count: ignored,
  tcp_user_timeout: ignored,
  gssencmode: onlyIf(/^(?:disable|prefer)$/, 'must not require GSSAPI'),
  uselibpqcompat: onlyIf(/^(?:true|false)$/, wrongValue('uselibpqcompat')),
}

export const knownParameters = `must have no parameters other than ${Object.keys(parameters).join(', ')}`
