-- Adds entries to the feed of revocations. An entry that is known already is not added again, so a repeat changes nothing.
-- A user with many ended sessions gets one entry for all tokens instead of one for each session: the feed stays small, even
-- if an attacker signs in and out without a pause.
--
-- KEYS  1 log, 2 known entries, 3 count of listed sessions of the subject
-- ARGV  1 nonce, 2 clock shift (ms), 3 how long to keep an entry (ms), 4 most listed sessions of a subject, 5 subject,
--       6 time before which its tokens are refused (ms; empty: none), 7 time of the end (ms; empty: now), 8… session ids
-- Returns {id, nonce} of the last entry, or nothing from an empty log.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000) + tonumber(ARGV[2])
local keep = tonumber(ARGV[3])
local oldest = now - keep
local sub, before, ended = ARGV[5], tonumber(ARGV[6]), tonumber(ARGV[7]) or now

local function add(at, kind, id, value)
  redis.call('XADD', KEYS[1], '*', 'n', ARGV[1], 'a', at, 'k', kind, 'i', id, 'v', value)
end

local function refuseBefore(limit)
  local known = redis.call('ZSCORE', KEYS[2], 'u' .. sub)
  if limit < oldest or (known and tonumber(known) >= limit) then return end
  redis.call('ZADD', KEYS[2], limit, 'u' .. sub)
  add(math.min(limit, now), 'u', sub, limit)
end

for i = 8, #ARGV do
  local member = 's' .. ARGV[i]
  if ended >= oldest and not redis.call('ZSCORE', KEYS[2], member) then
    local count = redis.call('INCR', KEYS[3])
    redis.call('PEXPIRE', KEYS[3], keep)
    if count > tonumber(ARGV[4]) then
      refuseBefore(math.floor(ended / 1000) * 1000)
    else
      redis.call('ZADD', KEYS[2], ended, member)
      add(ended, 's', ARGV[i], '')
    end
  end
end
if before then refuseBefore(before) end

local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
if not last then return {} end
return { last[1], last[2][2] }
