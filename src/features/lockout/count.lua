-- Counts an attempt at a password or code before it is checked, so that concurrent guesses cannot pass the limit together.
-- After the free attempts, the wait doubles with each one. Safe to send twice.
--
-- KEYS  1 attempts of an account
-- ARGV  1 counter, 2 id of this attempt, 3 free attempts, 4 first wait (ms), 5 longest wait (ms), 6 life (ms),
--       7 clock shift (ms)
-- Returns {attempts in a row including this one, milliseconds to wait}. Counts the attempt only if there is no wait.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000) + tonumber(ARGV[7])
local counter, wait_until, latest, before = ARGV[1], ARGV[1] .. ':until', ARGV[1] .. ':latest', ARGV[1] .. ':before'
local stored = redis.call('HMGET', KEYS[1], counter, wait_until, latest)
local taken = tonumber(stored[1] or 0)
if stored[3] == ARGV[2] then return { taken, 0 } end
if now < tonumber(stored[2] or 0) then return { taken, tonumber(stored[2]) - now } end

taken = taken + 1
local over = taken - tonumber(ARGV[3])
local wait = over < 0 and 0 or math.min(tonumber(ARGV[4]) * 2 ^ math.min(over, 30), tonumber(ARGV[5]))
redis.call('HSET', KEYS[1], counter, taken, wait_until, now + wait, latest, ARGV[2], before, stored[2] or 0)
redis.call('PEXPIRE', KEYS[1], ARGV[6])
return { taken, 0 }
