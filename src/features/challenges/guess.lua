-- Counts a guess at a challenge before it is checked, so that simultaneous guesses cannot pass the limit together. The guess
-- after the last allowed one deletes the challenge.
-- KEYS  1 challenge
-- ARGV  1 guesses allowed, 2 whether this one counts (1 or 0)
-- Returns its fields and values, or an empty list.
if redis.call('EXISTS', KEYS[1]) == 0 then return {} end
local counts = tonumber(ARGV[2])
if redis.call('HINCRBY', KEYS[1], 'guesses', counts) + 1 - counts > tonumber(ARGV[1]) then
  redis.call('DEL', KEYS[1])
  return {}
end
return redis.call('HGETALL', KEYS[1])
