-- Marks the feed as complete, unless Redis has lost entries since they were added. Redis keeps the order of writes, so if the
-- last one survived, all of them did.
-- KEYS  1 log, 2 known entries
-- ARGV  1 id of the last entry added (empty: none), 2 its nonce
-- Returns 1 if it is complete.
if ARGV[1] ~= '' then
  local last = redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1])[1]
  if not last or last[2][2] ~= ARGV[2] then return 0 end
end
redis.call('ZADD', KEYS[2], 'inf', 'complete')
return 1
