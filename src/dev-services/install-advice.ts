import type { ServerName } from './data-dir.ts'

const title = { postgres: 'Postgres (15 or newer)', redis: 'Redis (7 or newer)' } as const

const packages: [platform: string, command: string, names: Record<ServerName, string>][] = [
  ['Debian, Ubuntu', 'sudo apt-get install', { postgres: 'postgresql', redis: 'redis-server' }],
  ['Fedora', 'sudo dnf install', { postgres: 'postgresql-server', redis: 'valkey' }],
  ['Alpine', 'sudo apk add', { postgres: 'postgresql17', redis: 'valkey' }],
  ['macOS', 'brew install', { postgres: 'postgresql@17', redis: 'redis' }],
]

/** The error text for a machine that has neither the servers nor Docker: how to get them. */
export const installAdvice = (missing: ServerName[]): string =>
  [
    `${missing.map(name => title[name]).join(' and ')} not found. Do one of these:`,
    ...packages.map(
      ([platform, command, names]) =>
        `  ${`${platform}:`.padEnd(16)}${command} ${missing.map(name => names[name]).join(' ')}`,
    ),
    `  ${'Docker:'.padEnd(16)}install and start Docker (https://docs.docker.com/get-started/get-docker/)`,
    `  ${'Own server:'.padEnd(16)}set ${missing.map(name => (name === 'postgres' ? 'DATABASE_URL' : 'REDIS_URL')).join(' and ')}`,
  ].join('\n')
