-- Stores when and how the user of a session authenticated again, unless the session has ended. Moves the session to a new
-- epoch of the user, if that authentication ended the user's other sessions. Safe to send twice.
--
-- KEYS  1 session
-- ARGV  1 epoch in which the user authenticated, 2 auth time (ms), 3 methods of the authentication, 4 new epoch
-- Returns 1, or 0 if the session has ended.
local session = redis.call('HMGET', KEYS[1], 'current', 'epoch')
if not session[1] or (session[2] ~= ARGV[1] and session[2] ~= ARGV[4]) then return 0 end
redis.call('HSET', KEYS[1], 'auth_time', ARGV[2], 'amr', ARGV[3], 'epoch', ARGV[4])
return 1
