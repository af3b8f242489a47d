-- Compares a token or a code with the live proof. A guess at a code is counted before it is compared, and
-- the last allowed guess closes the code; the link goes on working. Asking for another code buys few more: all
-- codes of a user and purpose have some guesses in a time together. The owner's session has guesses of its own.
-- KEYS  1 proof, 2 guesses of the user and purpose
-- ARGV  1 token | code, 2 hash presented, 3 guesses allowed, 4 shift (ms), 5 guesses at all codes, 6 the time they
--       are counted in (ms), 7 field of the proof that counts the guesses
-- Returns {email id, address, milliseconds of life left}, 'wrong' where a live proof has another hash, or nil
local p = redis.call('HMGET', KEYS[1], 'email_id', 'address', 'expires_at', ARGV[1])
if not p[1] then return nil end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000) + tonumber(ARGV[4])
local left = tonumber(p[3]) - now
if left <= 0 then return nil end
if ARGV[1] == 'code' then
  local guesses = redis.call('INCR', KEYS[2])
  if guesses == 1 then redis.call('PEXPIRE', KEYS[2], tonumber(ARGV[6])) end
  if redis.call('HINCRBY', KEYS[1], ARGV[7], 1) > tonumber(ARGV[3]) then return nil end
  if guesses > tonumber(ARGV[5]) then return nil end
end
if p[4] ~= ARGV[2] then return 'wrong' end
return { p[1], p[2], left }
