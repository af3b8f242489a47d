-- Gives a point back to each counter of one limit. A counter whose window has ended is full already.
-- KEYS  counters
for _, key in ipairs(KEYS) do
  if tonumber(redis.call('GET', key) or 0) > 0 then redis.call('DECR', key) end
end
return 1
