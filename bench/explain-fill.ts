import type { Client } from 'pg'

// Fills a migrated database with this many users, ten audit events and two and a half emails for each, and what belongs to
// them, as after two years. Ids and times are spread evenly, so that they sort as those of a real service do.

const day = 86_400_000

/** A UUID of version 7 as SQL, from SQL for its milliseconds and for a text that differs for each row. */
const id = (time: string, seed: string): string =>
  `(lpad(to_hex(${time}), 12, '0') || '7' || substr(md5(${seed}), 1, 3) || '8' || substr(md5(${seed}), 4, 15))::uuid`

/** When row `n` of `count` was made, in milliseconds, within the last `days`. */
const timeOf = (n: string, count: number, days: number): string =>
  `(${Date.now() - days * day} + (${n})::bigint * ${Math.floor((days * day) / count)})`

const at = (time: string): string => `to_timestamp(${time} / 1000.0)`

const statements = (users: number): Record<string, string> => {
  const [events, emails, purchases] = [10 * users, 2.5 * users, Math.ceil(users / 4)]
  const userTime = (n: string) => timeOf(n, users, 800)
  const userId = (n: string) => id(userTime(n), `'user' || (${n})::text`)
  const eventTime = timeOf('n', events, 400)
  const emailTime = timeOf('n', emails, 95)
  const purchaseTime = timeOf('n', purchases, 800)
  const someUser = userId(`1 + (hashint8(n)::bigint & 2147483647) % ${users}`)
  const series = (count: number) => `generate_series(1::bigint, ${count}::bigint) AS n`
  const passkey = `CASE WHEN type = 'passkey' THEN md5('c' || n::text) END`
  return {
    users: `INSERT INTO users (id, email, email_verified, password_hash, full_name, roles, is_active, created_at,
        last_login_at, erase_after, factor_types)
      SELECT ${userId('n')}, substr(md5('e' || n::text), 1, 7) || n || '@mail' || n % 5 || '.example', n % 20 <> 0,
        CASE WHEN n % 50 <> 0 THEN '$2b$' || CASE WHEN n % 97 = 0 THEN 10 WHEN n = ${users - 7} THEN 14 ELSE 12 END || '$' ||
          substr(md5(n::text) || md5('s' || n::text), 1, 53) END,
        CASE WHEN n % 3 <> 0 THEN initcap(substr(md5('f' || n % 700), 1, 5)) || ' ' || initcap(substr(md5('l' || n % 5000), 1, 7)) END,
        CASE WHEN n % 50000 = 7 THEN '{user,admin}'::text[] ELSE '{user}' END, n % 200 <> 3, ${at(userTime('n'))}, now(),
        CASE WHEN n % 1000 = 3 THEN now() + (n % 30 - 1) * interval '1 day' END,
        CASE WHEN n % 10 = 1 THEN '{recovery_codes,totp}'::text[] ELSE '{}' END
      FROM ${series(users)}`,
    // One account is under attack: a fiftieth of all events are wrong passwords of it.
    audit_events: `INSERT INTO audit_events (id, type, user_id, session_id, ip, user_agent, created_at, data)
      SELECT ${id(eventTime, `'a' || n::text`)}, type,
        CASE WHEN type LIKE '%requested' OR type = 'login.failed' AND n % 3 = 0 THEN NULL
             WHEN type = 'login.failed' AND n % 5 = 0 THEN ${userId(String(users / 2))} ELSE ${someUser} END,
        CASE WHEN type LIKE 'session.%' OR type = 'login.succeeded' THEN ${id(eventTime, `'s' || n::text`)} END,
        '10.' || n % 250 || '.0.1', 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/' || 100 + n % 40, ${at(eventTime)},
        CASE WHEN type LIKE '%requested' THEN jsonb_build_object('email_id', ${id(eventTime, `'m' || n::text`)}) END
      FROM (SELECT n, CASE WHEN n % 100 < 3 THEN 'password.reset_requested' WHEN n % 1000 = 30 THEN 'session.reused'
          WHEN n % 100 < 5 THEN 'user.roles_changed' WHEN n % 100 < 10 THEN 'user.registered'
          WHEN n % 100 < 25 THEN 'session.ended' WHEN n % 100 < 40 THEN 'login.failed' ELSE 'login.succeeded' END AS type
        FROM ${series(events)}) AS event`,
    emails: `INSERT INTO emails (id, kind, recipient, user_id, locale, data, status, created_at, sent_at, proof_used_at)
      SELECT ${id(emailTime, `'m' || n::text`)},
        (ARRAY['verify_email', 'login_code', 'reset_password', 'new_device', 'welcome', 'password_changed', 'account_deleted',
               'email_changed', 'email_change', 'account_exists'])[1 + n % 10],
        substr(md5('e' || n::text), 1, 7) || n || '@mail.example', CASE WHEN n % 25 <> 0 THEN ${someUser} END, 'en',
        '{"ip":"10.1.2.3","device":"Chrome, Windows"}',
        CASE WHEN n > ${emails} - 200 THEN 'queued' WHEN n > ${emails * 0.99} AND n % 25 = 0 THEN 'dropped'
             WHEN n % 200 = 7 THEN 'failed' ELSE 'sent' END,
        ${at(emailTime)}, ${at(emailTime)}, CASE WHEN n % 6 = 0 THEN ${at(emailTime)} END
      FROM ${series(emails)}`,
    factors: `INSERT INTO factors (id, user_id, type, name, sealed_secret, last_step, credential_id, created_at, confirmed_at, removed_at)
      SELECT ${id(userTime('n'), `type || n::text`)}, ${userId('n')}, type, 'Phone',
        CASE WHEN type = 'totp' THEN 'v2.aaaaaaaa.' || md5(n::text) END, CASE WHEN type = 'totp' THEN 59000000 END,
        ${passkey}, ${at(userTime('n'))}, CASE WHEN n % 500 <> 11 OR type <> 'totp' THEN now() END,
        CASE WHEN n % 500 = 21 THEN now() - n % 40 * interval '1 day' END
      FROM ${series(users)}, (VALUES ('totp'), ('recovery_codes'), ('passkey')) AS f (type)
      WHERE n % 10 = 1 AND (type <> 'passkey' OR n % 20 = 1)`,
    recovery_codes: `INSERT INTO recovery_codes (factor_id, hash)
      SELECT id, md5(id || n::text) FROM factors, generate_series(1, 10) AS n WHERE type = 'recovery_codes'`,
    clients: `INSERT INTO clients (id, name, scopes)
      SELECT 'client_' || lpad(n::text, 22, '0'), 'Service', '{users:read}' FROM ${series(1000)}`,
    client_secrets: `INSERT INTO client_secrets (client_id, prefix, hash) SELECT id, 'ab', md5(id) FROM clients`,
    sites: `INSERT INTO sites (id, slug, name, description, price, currency, status, held_by)
      SELECT ${id(purchaseTime, `'site' || n::text`)}, 'site-' || n, 'Site', 'A site', 1000, 'USD',
        CASE WHEN n < ${purchases * 0.97} THEN 'sold' WHEN n % 30 = 0 THEN 'reserved' ELSE 'available' END,
        CASE WHEN n < ${purchases * 0.97} OR n % 30 = 0 THEN ${id(purchaseTime, `'p' || n::text`)} END
      FROM ${series(purchases)}`,
    purchases: `INSERT INTO purchases (id, site_id, user_id, email, locale, amount, currency, status, checkout_id, payment_id,
        request_hash, expires_at, look_after, created_at, updated_at, claim)
      SELECT ${id(purchaseTime, `'p' || n::text`)}, ${id(purchaseTime, `'site' || n::text`)},
        CASE WHEN n % 3 <> 0 THEN ${someUser} END, CASE WHEN n % 300 = 0 THEN 'guest' || n || '@mail.example' END, 'en', 1000,
        'USD', CASE WHEN n >= ${purchases * 0.97} THEN CASE WHEN n % 30 = 0 THEN 'pending' ELSE 'expired' END
                    WHEN n % 50 = 0 THEN 'refunded' ELSE 'paid' END,
        'co_' || n, 'pi_' || n, 'hash', ${at(purchaseTime)}, ${at(purchaseTime)}, ${at(purchaseTime)}, ${at(purchaseTime)},
        CASE WHEN n % 3000 = 0 THEN 'waiting' END
      FROM ${series(purchases)}`,
    webhook_events: `INSERT INTO webhook_events (id, type, purchase_id, outcome, received_at)
      SELECT 'evt_' || row_number() OVER (), 'checkout.paid', id, 'paid', created_at FROM purchases`,
    revocations: `INSERT INTO revocations (sub, session_id, at, is_settled)
      SELECT ${someUser}::text, CASE WHEN n % 4 <> 0 THEN gen_random_uuid() END, now() - n * interval '50 milliseconds', true
      FROM ${series(20_000)}`,
  }
}

/** Triggers and foreign keys are off meanwhile. Indexes that belong to no constraint are built afterwards. */
export const fillDatabase = async (
  client: Client,
  users: number,
  print: (line: string) => void,
): Promise<void> => {
  await client.query('SET session_replication_role = replica')
  await client.query(`SET maintenance_work_mem = '1GB'`)
  await client.query('SET jit = off')
  for (const [table, statement] of Object.entries(statements(users))) {
    const { rows } = await client.query<{ name: string; definition: string }>(
      `SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS definition FROM pg_index
        WHERE indrelid = $1::regclass AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)`,
      [table],
    )
    for (const { name } of rows) await client.query(`DROP INDEX ${name}`)
    print(`filling ${table}`)
    await client.query(statement)
    for (const { definition } of rows) await client.query(definition)
  }
  await client.query('SET session_replication_role = origin')
  await client.query('VACUUM ANALYZE')
}
