-- Forgets every device of a user, but not that there were some: the next sign-in is from a new one.
-- KEYS  1 devices of the user, 2 devices that proved something without a sign-in
redis.call('DEL', KEYS[1], KEYS[2])
redis.call('ZADD', KEYS[1], redis.call('TIME')[1], 'before')
redis.call('EXPIRE', KEYS[1], 34560000)
return 1
