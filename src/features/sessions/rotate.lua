-- Exchanges a refresh secret for its successor, once. Within the grace period the previous secret gets the same successor
-- again, because the client may retry, use a second tab or have lost the reply. The Redis client may resend the command too,
-- after a reconnect.
--
-- An older secret has been stolen (RFC 9700, section 4.14.2). This script only reports it and ends no session: a delayed
-- command may run long after its client gave up and read no reply. The caller that reads the reply ends the session
-- (mark-stolen.lua).
--
-- The script counts rotations itself, because a limit before it would hide reuse. It reports reuse even above the limit, and
-- does not count a repeat.
--
-- KEYS  1 session, 2 index of the user's sessions
-- ARGV  1 session id, 2 hash presented, 3 hash of its successor, 4 grace (ms), 5 idle (ms), 6 clock shift (ms),
--       7 name of the rotation limit, 8 its points (0 is no limit), 9 its window (ms), 10 is 1 if the user
--       must verify the address first: then nothing is exchanged, 11 id of the secret of APP_SECRET that made the
--       token presented, 12 id of the one that makes its successor
-- Returns {outcome, milliseconds until the new refresh token expires, auth time (ms), epoch, rotations counted,
-- milliseconds until the count resets, id of the secret of the successor, methods of the authentication}; outcome: rotated | repeated | unverified | limited | reused | gone
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000) + tonumber(ARGV[6])
local session = redis.call('HMGET', KEYS[1],
  'current', 'previous', 'rotated_at', 'idle_until', 'expires_at', 'auth_time', 'epoch', 'reused',
  ARGV[7] .. ':count', ARGV[7] .. ':until', 'secret_id', 'past_secret_ids', 'amr')
local current, previous = session[1], session[2]

if session[7] and session[8] then return { 'reused', 0, session[6], session[7] } end
if not current then return { 'gone', 0, 0, 0 } end

local expires = tonumber(session[5])
if now >= expires or now >= tonumber(session[4]) then
  redis.call('DEL', KEYS[1])
  redis.call('ZREM', KEYS[2], ARGV[1])
  return { 'gone', 0, 0, 0 }
end

local points, count, reset = tonumber(ARGV[8]), tonumber(session[9] or 0), tonumber(session[10] or 0)
if now >= reset then count, reset = 0, now + tonumber(ARGV[9]) end

if ARGV[2] == current then
  if ARGV[10] == '1' then return { 'unverified', 0, session[6], session[7] } end
  if points > 0 and count >= points then return { 'limited', 0, session[6], session[7], count, reset - now } end
  count = count + 1
  local life = math.min(tonumber(ARGV[5]), expires - now)
  local fields = {
    'current', ARGV[3], 'previous', current, 'rotated_at', now, 'used_at', now, 'idle_until', now + life,
    'secret_id', ARGV[12] }
  local function set(field, value)
    fields[#fields + 1] = field
    fields[#fields + 1] = value
  end
  local past = session[12] or ''
  if ARGV[11] ~= ARGV[12] and not string.find(past, ARGV[11], 1, true) then
    set('past_secret_ids', past .. ARGV[11] .. ' ')
  end
  if points > 0 then
    set(ARGV[7] .. ':count', count)
    set(ARGV[7] .. ':until', reset)
  end
  redis.call('HSET', KEYS[1], unpack(fields))
  redis.call('PEXPIRE', KEYS[1], life)
  redis.call('ZADD', KEYS[2], now + life, ARGV[1])
  if redis.call('PTTL', KEYS[2]) < life then redis.call('PEXPIRE', KEYS[2], life) end
  return { 'rotated', life, session[6], session[7], count, reset - now, ARGV[12], session[13] or '' }
end

if ARGV[2] == previous and now - tonumber(session[3]) <= tonumber(ARGV[4]) then
  if ARGV[10] == '1' then return { 'unverified', 0, session[6], session[7] } end
  -- A session without the id was last refreshed by a version that knew one secret, so it made both tokens.
  local made = session[11] or ARGV[11]
  return { 'repeated', tonumber(session[4]) - now, session[6], session[7], count, reset - now, made, session[13] or '' }
end

return { 'reused', 0, session[6], session[7] }
