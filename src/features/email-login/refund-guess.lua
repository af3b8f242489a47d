-- Takes one guess off the count, unless its window has ended.
-- KEYS  1 guesses
-- Returns the guesses left in the count.
if tonumber(redis.call('GET', KEYS[1]) or '0') < 1 then return 0 end
return redis.call('DECR', KEYS[1])
