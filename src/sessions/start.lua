-- Begins a session.
-- KEYS  1 session, 2 index of the user's sessions
-- ARGV  1 session id, 2 hash of the first secret, 3 epoch, 4 ip, 5 user agent, 6 auth time (ms),
--       7 idle (ms), 8 max age (ms), 9 shift (ms)
-- Returns the milliseconds until the refresh token expires.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000) + tonumber(ARGV[9])
local idle, age = tonumber(ARGV[7]), tonumber(ARGV[8])
local life = math.min(idle, age)

redis.call('HSET', KEYS[1],
  'current', ARGV[2], 'epoch', ARGV[3], 'ip', ARGV[4], 'user_agent', ARGV[5], 'auth_time', ARGV[6],
  'created_at', now, 'used_at', now, 'idle_until', now + life, 'expires_at', now + age)
redis.call('PEXPIRE', KEYS[1], life)

redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
redis.call('ZADD', KEYS[2], now + life, ARGV[1])
if redis.call('PTTL', KEYS[2]) < life then redis.call('PEXPIRE', KEYS[2], life) end
return life
