-- Takes an attempt back that was compared with nothing, unless another was taken since.
-- KEYS  1 attempts of an account
-- ARGV  1 budget, 2 id of the attempt
local budget, wait_until, latest, before = ARGV[1], ARGV[1] .. ':until', ARGV[1] .. ':latest', ARGV[1] .. ':before'
local b = redis.call('HMGET', KEYS[1], budget, latest, before)
if b[2] ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], budget, tonumber(b[1]) - 1, wait_until, b[3])
redis.call('HDEL', KEYS[1], latest)
return 1
