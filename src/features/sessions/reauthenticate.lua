-- Stores when the user of a session authenticated again, unless the session has ended. Safe to send twice.
--
-- KEYS  1 session
-- ARGV  1 epoch in which the user authenticated, 2 auth time (ms)
-- Returns 1, or 0 if the session has ended.
local session = redis.call('HMGET', KEYS[1], 'current', 'epoch')
if not session[1] or session[2] ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'auth_time', ARGV[2])
return 1
