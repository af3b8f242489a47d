import test from 'ava'
import { readConfig } from '../../src/config.ts'
import { parsePostgresUrl } from '../../src/platform/config/postgres-url.ts'

// DATABASE_URL: every form that libpq knows is accepted, or rejected with a correct reason.

const ada = { user: 'ada', database: 'app' }

const accepted: Record<string, object> = {
  'postgres://localhost': { host: 'localhost' },
  'postgresql://ada@localhost/app': { ...ada, host: 'localhost' },
  'POSTGRES://ada@localhost:5433/app': { ...ada, host: 'localhost', port: 5433 },
  'postgres:///app': { database: 'app' },
  'postgres://': {},
  'postgres://ada:a%2Fb%3Ac%40d@db.example.com/app': { ...ada, host: 'db.example.com', password: 'a/b:c@d' },
  'postgres://ada:a@b@db_1/app': { ...ada, host: 'db_1', password: 'a@b' },
  'postgres://ada@[2001:db8::1]:5433/app': { ...ada, host: '2001:db8::1', port: 5433 },
  'postgres://ada@[fe80::1%25eth0]/app': { ...ada, host: 'fe80::1%eth0' },
  'postgres://localhost/a%20name': { host: 'localhost', database: 'a name' },
  // Unix sockets.
  'postgres://ada@/app?host=/var/run/postgresql': { ...ada, host: '/var/run/postgresql', tls: 'off' },
  'postgres://ada:word@/app?host=/run/pg&port=5433': {
    ...{ ...ada, password: 'word', host: '/run/pg', port: 5433, tls: 'off' },
  },
  'postgres:///app?host=/run/pg&user=ada': { ...ada, host: '/run/pg', tls: 'off' },
  'postgres://ada@%2Frun%2Fpg/app': { ...ada, host: '/run/pg', tls: 'off' },
  'postgres://ada@%2Frun%2Fpg:5433/app': { ...ada, host: '/run/pg', port: 5433, tls: 'off' },
  'postgres://ada@/app?host=/run/pg&sslmode=verify-full': { ...ada, host: '/run/pg', tls: 'off' },
  'postgres://ada@localhost/app?host=/run/pg': { ...ada, host: '/run/pg', tls: 'off' },
  // Query parameters instead of URL parts.
  'postgres://?host=db&port=5433&user=ada&password=a%26b&dbname=app': {
    ...{ ...ada, host: 'db', port: 5433, password: 'a&b' },
  },
  // TLS.
  'postgres://db?sslmode=disable': { host: 'db', tls: 'off' },
  'postgres://db?sslmode=allow': { host: 'db', tls: 'allow' },
  'postgres://db?sslmode=prefer': { host: 'db', tls: 'prefer' },
  'postgres://db?sslmode=require': { host: 'db', tls: 'full' },
  'postgres://db?sslmode=verify-full': { host: 'db', tls: 'full' },
  'postgres://db?sslmode=verify-full&sslrootcert=/ca.crt': {
    ...{ host: 'db', tls: 'full', rootCertificate: '/ca.crt' },
  },
  'postgres://db?sslmode=verify-full&sslrootcert=system': { host: 'db', tls: 'full' },
  'postgres://db?sslmode=verify-ca&sslrootcert=/ca.crt': {
    ...{ host: 'db', tls: 'authority', rootCertificate: '/ca.crt' },
  },
  'postgres://db?sslmode=verify-ca': { host: 'db', tls: 'full' },
  'postgres://db?sslmode=no-verify': { host: 'db', tls: 'unverified' },
  'postgres://db?sslmode=require&uselibpqcompat=true': { host: 'db', tls: 'unverified' },
  'postgres://db?ssl=true': { host: 'db', tls: 'full' },
  'postgres://db?ssl=0': { host: 'db', tls: 'off' },
  'postgres://db?sslcert=/a.crt&sslkey=/a.key': {
    ...{ host: 'db', tls: 'full', certificate: '/a.crt', key: '/a.key' },
  },
  'postgres://db?sslnegotiation=direct': { host: 'db', tls: 'full', directTls: true },
  // URLs as hosting services write them.
  'postgres://ada@db/app?sslmode=require&channel_binding=require': {
    ...{ ...ada, host: 'db', tls: 'full', channelBinding: true },
  },
  'postgres://db?connect_timeout=10&application_name=accounts': {
    ...{ host: 'db', connectTimeout: 10, applicationName: 'accounts' },
  },
  'postgres://db?options=-c%20search_path%3Daccounts': { host: 'db', options: '-c search_path=accounts' },
  'postgres://db?target_session_attrs=any&gssencmode=prefer&keepalives_idle=30&client_encoding=utf8': {
    host: 'db',
  },
}

for (const [url, address] of Object.entries(accepted))
  test(`DATABASE_URL=${url} → parsed into its parts`, t => {
    t.deepEqual(parsePostgresUrl(url), address)
  })

const rejected: Record<string, RegExp> = {
  '5ecret': /postgres:\/\/user:password@host/,
  'mysql://ada:5ecret@db/app': /postgres:\/\/user:password@host/,
  'postgres:ada:5ecret@db': /postgres:\/\/user:password@host/,
  'postgres://ada:5ecret@db:99999/app': /postgres:\/\/user:password@host/,
  'postgres://ada:5ecret@db:port/app': /postgres:\/\/user:password@host/,
  'postgres://ada:5ecret@db/app/more': /postgres:\/\/user:password@host/,
  'postgres://ada:5ecret@db.example.com /app': /postgres:\/\/user:password@host/,
  'postgres://ada:5ec#ret@db/app': /percent-encoded/,
  'postgres://ada:5ec/ret@db/app': /percent-encoded/,
  'postgres://ada:5ecret%@db/app': /percent-encoded/,
  'postgres://ada:5ecret@db1,db2/app': /one host/,
  'postgres://ada:5ecret@db1:5432,db2:5433/app?target_session_attrs=read-write': /one host/,
  'postgres://ada:5ecret@/app?host=db1,db2': /one host/,
  'postgres://ada:5ecret@db/app?sslmode=5ecret': /sslmode of disable, allow, prefer, require/,
  'postgres://ada:5ecret@db/app?sslmode=__proto__': /sslmode of disable/,
  'postgres://ada:5ecret@db/app?ssl=5ecret': /value of ssl/,
  'postgres://ada:5ecret@db/app?port=5ecret': /value of port/,
  'postgres://ada:5ecret@db/app?connect_timeout=5ecret': /value of connect_timeout/,
  'postgres://ada:5ecret@db/app?channel_binding=5ecret': /value of channel_binding/,
  'postgres://ada:5ecret@db/app?client_encoding=latin1': /client_encoding other than UTF8/,
  'postgres://ada:5ecret@db/app?target_session_attrs=read-write': /target_session_attrs/,
  'postgres://ada:5ecret@db/app?gssencmode=require': /GSSAPI/,
  'postgres://ada:5ecret@db/app?5ecret=1': /no parameters other than host, port/,
  'postgres://ada:5ecret@db/app?constructor=1': /no parameters other than host, port/,
  'postgres://ada:5ecret@db/app?statement_timeout=0': /no parameters other than host, port/,
}

for (const [url, reason] of Object.entries(rejected))
  for (const name of ['DATABASE_URL', 'DATABASE_REPLICA_URLS'])
    test(`${name}=${url} → rejected with a reason that does not quote it`, t => {
      const env = {
        ...{ NODE_ENV: 'test', DATABASE_URL: 'postgres://db/app', REDIS_URL: 'redis://db' },
        ...{ APP_SECRET: 'of-tests-alone-7Gk2vQx9LmZr4TbY8wNc', [name]: url },
      }
      const read = readConfig(env, 'api')
      const errors = 'errors' in read ? read.errors : []
      t.is(errors.length, 1)
      if (name === 'DATABASE_URL') t.regex(errors[0] ?? '', reason)
      t.regex(errors[0] ?? '', new RegExp(`^${name} (must|has) `))
      t.notRegex(errors[0] ?? '', /5ecret/)
    })
