-- Makes the token and the code of an email the only live ones of their user and purpose.
--
-- The same email again changes no count, so a job that runs twice grants no new guesses. Its hashes differ only if the secret
-- of APP_SECRET that made the first ones is no longer in use: then only the new link works. An older email (ids sort by time)
-- is refused, so a late retry cannot replace a newer link.
--
-- KEYS  1 live token
-- ARGV  1 email id, 2 hash of the token, 3 hash of the code, 4 address, 5 life (ms), 6 clock shift (ms)
-- Returns issued | superseded
local known = redis.call('HGET', KEYS[1], 'email_id')
if known == ARGV[1] then
  redis.call('HSET', KEYS[1], 'token', ARGV[2], 'code', ARGV[3])
  return 'issued'
end
if known and known > ARGV[1] then return 'superseded' end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000) + tonumber(ARGV[6])
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'email_id', ARGV[1], 'token', ARGV[2], 'code', ARGV[3], 'address', ARGV[4],
  'attempts', 0, 'expires_at', now + tonumber(ARGV[5]))
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return 'issued'
