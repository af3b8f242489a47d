-- Counts a guess before it is compared, so that simultaneous guesses cannot pass the limit together.
-- KEYS  1 guesses
-- ARGV  1 guesses allowed, 2 the window of that limit (ms)
-- Returns 1 if the guess is allowed, else 0. A refused guess is not counted.
if tonumber(redis.call('GET', KEYS[1]) or '0') >= tonumber(ARGV[1]) then return 0 end
if redis.call('INCR', KEYS[1]) == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 1
