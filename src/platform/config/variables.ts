import type * as v from 'valibot'
import { parseMailbox } from '../base/mailbox.ts'
import { type Limit, limits, parseLimits } from '../catalog/limits.ts'
import { appSecrets, exampleSecret } from './app-secret.ts'
import { parseAudience } from './audiences.ts'
import { themeVariables } from './brand.ts'
import { parseEhloName } from './ehlo-name.ts'
import { factorVariables } from './factor-variables.ts'
import { listenVariables } from './listen-variables.ts'
import { parseOrigin } from './origins.ts'
import { passwordVariables } from './password-variables.ts'
import { tokenVariables } from './token-variables.ts'
import {
  baseUrl,
  duration,
  durationOrOff,
  flag,
  list,
  oneOf,
  parsedBy,
  postgresUrl,
  redisUrl,
  rule,
  url,
} from './variable-rules.ts'

// Every environment variable: its rule, its default, and the words of `.env.example` and docs/configuration.md.
// `example` is what `.env.example` shows.

/** The processes that require the variable. */
type Needed = readonly ('api' | 'worker' | 'migrate')[]

export type Variable = {
  schema: v.GenericSchema<string, unknown>
  help: string
  default?: string
  example?: string
  needed?: Needed
  /** Whether production refuses an address that begins with `http:`. */
  httpsInProduction?: boolean
}

/** The variable that overrides these limits. */
export const rateLimitsVariable = (limits: readonly Limit[]) => ({
  schema: rule('must be `off`, or a list such as login=10/15m,register=5/15m', parseLimits(limits)),
  default: '',
  example: 'login=10/15m,register=5/15m',
  help: 'Rate limits that replace the defaults: a comma-separated list of name=count/time. `off` is for benchmarks only.',
})

/** The variables of the core. Modules add their own. */
export const variables = {
  NODE_ENV: {
    schema: oneOf('production', 'development', 'test'),
    default: 'production',
    help: '`production` refuses weak secrets and plain http addresses. Set `development` to run a process on your own machine. `npm start` sets it itself.',
  },
  DATABASE_URL: {
    schema: postgresUrl,
    needed: ['api', 'worker', 'migrate'],
    example: 'postgres://latchkey:password@localhost:5432/latchkey',
    help: 'Postgres 15 or newer, with the encoding UTF8. It holds users, outbox and keys. A Unix socket: `postgres://user@/database?host=/var/run/postgresql`. TLS: `?sslmode=verify-full`, with `&sslrootcert=<file>` for your own certificate authority.',
  },
  DATABASE_REPLICA_URLS: {
    schema: list(
      'must be a comma-separated list of addresses in the form of DATABASE_URL',
      parsedBy(postgresUrl),
    ),
    default: '',
    help: 'Read replicas, comma-separated, for reads that may lag behind: administrative lists and exports. If a replica does not answer, the primary serves.',
  },
  REDIS_URL: {
    schema: redisUrl,
    needed: ['api', 'worker'],
    example: 'redis://:password@localhost:6379',
    help: 'Redis 7 or newer. It holds sessions, rate limits and the email queue. Run it with AOF and `maxmemory-policy noeviction`. One server: `redis://:password@host:6379`. A cluster: `redis://host1:7000,redis://host2:7000`, or `redis+cluster://host:7000` if one address leads to all nodes. Sentinel: `redis+sentinel://:password@host1:26379,host2:26379/<master name>`, with `?sentinelPassword=` if the sentinels have their own password. A Unix socket: `unix://:password@/run/redis.sock?db=0`. `rediss` instead of `redis` uses TLS and checks certificates. Set `NODE_EXTRA_CA_CERTS` to trust your own certificate authority.',
  },
  REDIS_PREFIX: {
    schema: rule('must be 1 to 32 of a-z, 0-9 and -', text => (/^[a-z0-9-]{1,32}$/.test(text) ? text : null)),
    default: 'lk',
    help: 'The prefix of every Redis key.',
  },
  SMTP_URL: {
    schema: url('smtp:', 'smtps:'),
    needed: ['worker'],
    example: 'smtp://user:password@localhost:587',
    help: 'The mail server that the worker sends emails to.',
  },
  SMTP_EHLO_NAME: {
    schema: rule(
      'must be a fully qualified name or an IP address in brackets, such as mail.example.com or [192.0.2.1]',
      parseEhloName,
    ),
    default: '',
    help: 'The name of the worker in its greeting to the mail server (EHLO), such as `mail.example.com`. Unset: the domain of `MAIL_FROM` or the host of `PUBLIC_URL`, the first that is a fully qualified name.',
  },
  MAIL_FROM: {
    schema: rule(
      'must be one address, or a name and one address, on one line: no-reply@example.com, Acme <no-reply@example.com> or "Acme: Help" <no-reply@example.com>',
      parseMailbox,
    ),
    default: 'Latchkey <no-reply@localhost>',
    help: 'The sender of every email: an address, or a name and an address. Unset: `BRAND_NAME` and `no-reply@localhost`. In a file of variables, quote a name like this: `MAIL_FROM=\'"Acme, Inc." <no-reply@example.com>\'`.',
  },
  APP_SECRET: {
    schema: appSecrets,
    needed: ['api', 'worker', 'migrate'],
    example: exampleSecret,
    help: 'Every key is derived from this secret. Keep it safe, and use the same one on every instance. Generate it with `openssl rand -base64 32`. To change it, list the current secret and previous ones, with commas between them: see `docs/change-app-secret.md`.',
  },
  PUBLIC_URL: {
    schema: baseUrl,
    default: 'http://localhost:8000',
    httpsInProduction: true,
    help: 'The address at which clients reach this service. Links in emails begin with it, and it is the issuer of tokens, and their audience unless a client asks for one of `AUDIENCES`. It may have a path: `https://example.com/accounts`.',
  },
  FRONTEND_URL: {
    schema: baseUrl,
    example: 'http://localhost:3000',
    httpsInProduction: true,
    help: 'The address of your front end. Links to choose a password open its page `/reset-password?token=`. After an address is confirmed, the browser goes to its page `/email-verified` or `/email-confirmed`. Buttons of emails and pages lead to it. Links that confirm or undo always open this service: see the table in `docs/emails.md`. Unset: this service shows all of these pages itself.',
  },
  CORS_ORIGINS: {
    schema: list(
      'must be a comma-separated list of origins such as https://app.example.com or capacitor://localhost: each a scheme, a host and an optional port, without path, credentials, * or null',
      parseOrigin,
    ),
    default: '',
    help: 'Origins whose scripts may call the API, comma-separated, matched exactly: `https://app.example.com`, `capacitor://localhost`, `chrome-extension://<id>`.',
  },
  AUDIENCES: {
    schema: list(
      'must be a comma-separated list of https addresses of services, without query, fragment or credentials; http only for this machine, such as http://localhost:4000',
      parseAudience,
    ),
    default: '',
    httpsInProduction: true,
    help: 'The addresses of your services that get access tokens of their own, comma-separated: `https://orders.example.com,https://news.example.com`. A client asks for such a token by `audience`. Other services and Latchkey refuse it, so a service cannot use the tokens that it receives elsewhere. Unset: each access token has the audience `PUBLIC_URL`.',
  },
  ...listenVariables,
  ...tokenVariables,
  ACCOUNT_ERASURE_DELAY: {
    schema: duration('1d', '400d'),
    default: '30d',
    help: 'A deleted account is erased after this time. Until then its owner can undo the deletion.',
  },
  AUDIT_RETENTION: {
    schema: durationOrOff('1d', '3650d'),
    default: '400d',
    help: 'Audit events are deleted at this age, but not before `SESSION_MAX_AGE`, because they record which sessions have ended. `off` keeps them forever.',
  },
  EMAIL_RETENTION: {
    schema: durationOrOff('1d', '3650d'),
    default: '90d',
    help: 'Records of emails that were sent or given up are deleted at this age. A record stays while its link still works, or while a session may be older than the address that it confirmed. `off` keeps them forever.',
  },
  REQUIRE_VERIFIED_EMAIL: {
    schema: flag,
    default: 'false',
    help: '`true`: a user gets a session only after their address is verified, and older sessions are refused until it is.',
  },
  REGISTRATION_PRIVACY: {
    schema: flag,
    default: 'off',
    help: '`on`: registration replies the same whether or not the address has an account. A user can sign in, or use a session, only after they have verified their address by email.',
  },
  ...passwordVariables,
  ...factorVariables,
  RATE_LIMITS: rateLimitsVariable(Object.values(limits)),
  EMAIL_LINK_CONFIRM: {
    schema: oneOf('click', 'instant'),
    default: 'click',
    help: '`click`: an emailed link shows a page with a button, so that mail scanners cannot use it up. `instant`: opening it is enough. Mail scanners and link previews open links, so they then confirm addresses, including addresses of accounts that the recipient did not create.',
  },
  ...themeVariables,
  LOG_LEVEL: {
    schema: oneOf('fatal', 'error', 'warn', 'info', 'debug', 'silent'),
    default: 'info',
    help: 'The lowest level that is logged. Logs are JSON lines on standard output.',
  },
} as const satisfies Record<string, Variable>

export type VariableName = keyof typeof variables
