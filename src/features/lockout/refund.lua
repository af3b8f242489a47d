-- Refunds an attempt that was not checked, unless a later attempt was counted since.
-- KEYS  1 attempts of an account
-- ARGV  1 counter, 2 id of the attempt
local counter, wait_until, latest, before = ARGV[1], ARGV[1] .. ':until', ARGV[1] .. ':latest', ARGV[1] .. ':before'
local stored = redis.call('HMGET', KEYS[1], counter, latest, before)
if stored[2] ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], counter, tonumber(stored[1]) - 1, wait_until, stored[3])
redis.call('HDEL', KEYS[1], latest)
return 1
