-- Forgets every device, but not that there were some: whoever signs in next does so from a new one.
-- KEYS  1 devices of the user
redis.call('DEL', KEYS[1])
redis.call('ZADD', KEYS[1], redis.call('TIME')[1], 'before')
redis.call('EXPIRE', KEYS[1], 34560000)
return 1
