-- Refunds one point to each counter of a limit. A counter whose window has ended needs no refund.
-- KEYS  counters
for _, key in ipairs(KEYS) do
  if tonumber(redis.call('GET', key) or 0) > 0 then redis.call('DECR', key) end
end
return 1
