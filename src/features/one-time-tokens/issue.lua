-- Makes a mailed proof (a token and a code) the one live proof of its user and purpose.
-- Asked again for the same e-mail it changes nothing, so a job that runs twice refills no guesses; asked
-- for an older e-mail (ids sort by time) it refuses, so a late retry cannot replace a newer link.
-- KEYS  1 proof
-- ARGV  1 e-mail id, 2 hash of the token, 3 hash of the code, 4 address, 5 life (ms), 6 shift (ms)
-- Returns issued | superseded
local known = redis.call('HGET', KEYS[1], 'email_id')
if known == ARGV[1] then return 'issued' end
if known and known > ARGV[1] then return 'superseded' end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000) + tonumber(ARGV[6])
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'email_id', ARGV[1], 'token', ARGV[2], 'code', ARGV[3], 'address', ARGV[4],
  'attempts', 0, 'expires_at', now + tonumber(ARGV[5]))
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return 'issued'
