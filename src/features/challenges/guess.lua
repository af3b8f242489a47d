-- Counts a guess at a challenge before it is checked, so that simultaneous guesses cannot pass the limit together. The guess
-- after the last allowed one deletes the challenge.
-- KEYS  1 challenge
-- ARGV  1 guesses allowed
-- Returns its fields and values, or an empty list.
if redis.call('EXISTS', KEYS[1]) == 0 then return {} end
if redis.call('HINCRBY', KEYS[1], 'guesses', 1) > tonumber(ARGV[1]) then
  redis.call('DEL', KEYS[1])
  return {}
end
return redis.call('HGETALL', KEYS[1])
