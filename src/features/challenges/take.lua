-- Takes a challenge: only one request gets it.
-- KEYS  1 challenge
-- Returns its fields and values, or an empty list.
local challenge = redis.call('HGETALL', KEYS[1])
redis.call('DEL', KEYS[1])
return challenge
