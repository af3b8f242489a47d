-- Adds a device of a user. Keeps the latest 50 for 400 days.
-- KEYS  1 devices of the user
-- ARGV  1 device
redis.call('ZADD', KEYS[1], redis.call('TIME')[1], ARGV[1])
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -51)
redis.call('EXPIRE', KEYS[1], 34560000)
return 1
