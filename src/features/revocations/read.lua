-- Reads the entries after a position of the feed. A position that is unknown, since Redis was flushed, lost writes in a
-- failover or dropped the entry, gets the whole feed: it is not known what its reader has seen.
--
-- KEYS  1 log, 2 known entries
-- ARGV  1 id of the position (empty: from the beginning), 2 its nonce, 3 clock shift (ms), 4 how long an entry is kept (ms),
--       5 most entries, 6 nonce for a first entry
-- Returns {1 if the log has every entry, 1 if it continues the position, 1 if more entries follow, id and nonce of the last
-- entry returned, session ids, subjects and times}
if not redis.call('ZSCORE', KEYS[2], 'complete') then return { 0 } end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000) + tonumber(ARGV[3])
local oldest, most = now - tonumber(ARGV[4]), tonumber(ARGV[5])

local from, continues, id, nonce = '-', 0, ARGV[1], ARGV[2]
if id ~= '' then
  local at = redis.call('XRANGE', KEYS[1], id, id)[1]
  if at and at[2][2] == nonce then
    from, continues = '(' .. id, 1
  end
end

local found = redis.call('XRANGE', KEYS[1], from, '+', 'COUNT', most + 1)
if #found == 0 and continues == 0 then
  -- A position in an empty feed.
  id = redis.call('XADD', KEYS[1], '*', 'n', ARGV[6], 'a', now, 'k', 'm', 'i', '', 'v', '')
  nonce = ARGV[6]
end
local sessions, users = {}, {}
for i = 1, math.min(#found, most) do
  local fields = found[i][2]
  id, nonce = found[i][1], fields[2]
  if tonumber(fields[4]) >= oldest then
    if fields[6] == 's' then table.insert(sessions, fields[8]) end
    if fields[6] == 'u' then
      table.insert(users, fields[8])
      table.insert(users, fields[10])
    end
  end
end
return { 1, continues, #found > most and 1 or 0, id, nonce, sessions, users }
