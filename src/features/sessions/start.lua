-- Starts a session.
-- KEYS  1 session, 2 index of the user's sessions
-- ARGV  1 session id, 2 hash of the first secret, 3 epoch, 4 ip, 5 user agent, 6 auth time (ms),
--       7 idle (ms), 8 max age (ms), 9 clock shift (ms), 10 maximum of sessions,
--       11 prefix of the keys of sessions, 12 id of the secret of APP_SECRET that made the token,
--       13 methods of the authentication
-- Returns the milliseconds until the refresh token expires, and the ids of the sessions above the maximum.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000) + tonumber(ARGV[9])
local idle, age = tonumber(ARGV[7]), tonumber(ARGV[8])
local life = math.min(idle, age)

redis.call('HSET', KEYS[1],
  'current', ARGV[2], 'epoch', ARGV[3], 'ip', ARGV[4], 'user_agent', ARGV[5], 'auth_time', ARGV[6],
  'created_at', now, 'used_at', now, 'idle_until', now + life, 'expires_at', now + age,
  'secret_id', ARGV[12], 'amr', ARGV[13])
redis.call('PEXPIRE', KEYS[1], life)

redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
redis.call('ZADD', KEYS[2], now + life, ARGV[1])
if redis.call('PTTL', KEYS[2]) < life then redis.call('PEXPIRE', KEYS[2], life) end

-- Above the maximum, the sessions that were unused for the longest time have to end. The caller ends them, after it has
-- added them to the feed of revocations. The index only holds when each session expires.
local excess, chosen = redis.call('ZCARD', KEYS[2]) - tonumber(ARGV[10]), {}
if excess > 0 then
  local others = {}
  for _, id in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
    local used = tonumber(redis.call('HGET', ARGV[11] .. id, 'used_at') or 0)
    if id ~= ARGV[1] then table.insert(others, { id = id, used = used }) end
  end
  table.sort(others, function(a, b) return a.used < b.used end)
  for i = 1, excess do table.insert(chosen, others[i].id) end
end
return { life, chosen }
