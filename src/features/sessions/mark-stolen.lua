-- Ends a session whose refresh token was reused. Keeps a stub of it for an hour, so that a retry can still report the reuse
-- if the first report fails.
-- KEYS  1 session, 2 index of the user's sessions
-- ARGV  1 session id
redis.call('ZREM', KEYS[2], ARGV[1])
if redis.call('HEXISTS', KEYS[1], 'current') == 0 then return 0 end
redis.call('HDEL', KEYS[1], 'current', 'previous')
redis.call('HSET', KEYS[1], 'reused', 1)
redis.call('PEXPIRE', KEYS[1], 3600000)
return 1
