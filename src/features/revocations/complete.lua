-- Marks the feed as complete, unless Redis has lost entries since they were added. Redis keeps the order of writes, so if the
-- last one survived, all of them did.
--
-- Drops what has expired, too.
--
-- KEYS  1 log, 2 known entries
-- ARGV  1 id of the last entry added (empty: none), 2 its nonce, 3 clock shift (ms), 4 how long to keep an entry (ms),
--       5 nonce for a new entry
-- Returns 1 if it is complete.
if ARGV[1] ~= '' then
  local last = redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1])[1]
  if not last or last[2][2] ~= ARGV[2] then return 0 end
end
redis.call('ZADD', KEYS[2], 'inf', 'complete')

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000) + tonumber(ARGV[3])
local oldest = now - tonumber(ARGV[4])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', '(' .. oldest)

-- The last entry is the position of everyone who has read the whole feed. An entry without an id takes its place.
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
if last and last[2][6] ~= 'm' and tonumber(last[2][4]) < oldest then
  redis.call('XADD', KEYS[1], '*', 'n', ARGV[5], 'a', now, 'k', 'm', 'i', '', 'v', '')
end
local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1000)
local length = redis.call('XLEN', KEYS[1])
for i = 1, math.min(#first, length - 1) do
  if tonumber(first[i][2][4]) >= oldest then break end
  redis.call('XDEL', KEYS[1], first[i][1])
end
return 1
