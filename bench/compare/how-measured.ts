import { mostAttempts, mostDisturbed } from './interleaved.ts'

/** The text of the report that explains its figures. */
export const howMeasured = `Each service is a separate process on the same machine. It has its own database in the same Postgres and, if it uses
Redis, its own database in the same Redis; both are removed afterwards. Postgres runs without fsync, so a commit costs
the same for all, and less than on a durable disk. All services run the whole time, and only one gets requests. The
order changes from round to round. The client is a separate process with connections that stay open. It checks every
reply, and an unexpected one ends the run.

**CPU** is user and system time of all threads of the service while its replies are counted. The time of Redis and of all
processes of Postgres in the same window stands beside it; that of the client does not count. CPU time decides whether a
budget holds: a busy machine distorts it least. A rate stands beside it and decides nothing, because client, stores and
service share the cores. A _ratio_ compares with the first line of a table in the same round; the table shows the median.
_Spread_ is the least and the most. _Ratio by CPU_ is the ratio of requests by the same CPU time: more is better.

**Other work** is the CPU time of all processes that do not belong to the run, and the time that the host gave to other
virtual machines. A measurement (one service in one round) with more than ${mostDisturbed * 100} % of a core of it is discarded and repeated at
once. After ${mostAttempts} attempts the least disturbed one is kept. Each section says how often that happened.

The parts may be measured at different times: each section says when and at which commit. A part is only kept if it has
at least five rounds.

Settings:

- **Latchkey**: \`src/api.ts\`, \`NODE_ENV=production\`, \`LOG_LEVEL=info\` to /dev/null, limits counted in Redis on each
  request and set too high to refuse any client, \`BCRYPT_COST=12\`, the options of Node of \`npm run api\`.
- **Express**, **Fastify**: written by hand as a team would, see \`bench/peers/\`: access tokens by HS256, refresh tokens
  stored as hashes and exchanged in one statement, a pool of 10, prepared statements, bcrypt at cost 12, no log, no
  limits, no extra headers; no ETag and no X-Powered-By for Express, schemas of replies for Fastify.
- **Better Auth**: \`toNodeHandler\` on \`node:http\`, Postgres with joins on, bcrypt at cost 12 instead of its scrypt,
  limits, log and telemetry off, no cookie cache (it would serve a session that was revoked), its sessions in Redis by
  \`@better-auth/redis-storage\`.
`
