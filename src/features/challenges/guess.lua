-- Counts a guess at a challenge before it is checked, so that simultaneous guesses cannot pass the limit together. The
-- challenge stays after the last guess: the request that made it may still take the challenge.
-- KEYS  1 challenge
-- ARGV  1 guesses allowed, 2 whether this one counts (1 or 0)
-- Returns its fields and values, or an empty list.
if redis.call('EXISTS', KEYS[1]) == 0 then return {} end
if tonumber(redis.call('HGET', KEYS[1], 'guesses') or 0) >= tonumber(ARGV[1]) then return {} end
redis.call('HINCRBY', KEYS[1], 'guesses', ARGV[2])
return redis.call('HGETALL', KEYS[1])
