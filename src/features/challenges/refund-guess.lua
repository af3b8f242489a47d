-- Refunds a guess that was not checked. A challenge that has ended is not made anew.
-- KEYS  1 challenge
if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('HINCRBY', KEYS[1], 'guesses', -1) end
return 1
