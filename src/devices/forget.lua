-- Forgets every device of a user, but not that there were some: the next sign-in from any other device is a new one.
-- One device may stay known: that which did what the others are forgotten for.
-- KEYS  1 devices of the user
-- ARGV  1 device that is known from now on, or an empty string
local time = redis.call('TIME')[1]
redis.call('DEL', KEYS[1])
redis.call('ZADD', KEYS[1], time, 'before')
if ARGV[1] ~= '' then redis.call('ZADD', KEYS[1], time, ARGV[1]) end
redis.call('EXPIRE', KEYS[1], 34560000)
return 1
