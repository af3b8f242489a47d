-- Stores a challenge. Safe to send twice.
-- KEYS  1 challenge
-- ARGV  1 life (ms), then its fields and values
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1
