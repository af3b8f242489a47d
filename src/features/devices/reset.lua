-- Deletes every device of a user, but keeps an entry, so that the next sign-in counts as one from a new device.
-- KEYS  1 devices of the user, 2 devices that are known without a sign-in
redis.call('DEL', KEYS[1], KEYS[2])
redis.call('ZADD', KEYS[1], redis.call('TIME')[1], 'before')
redis.call('EXPIRE', KEYS[1], 34560000)
return 1
