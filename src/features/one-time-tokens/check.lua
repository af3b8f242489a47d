-- Compares a token or a code with the live one of its user and purpose.
--
-- A guess at a code is counted before the comparison, so that simultaneous guesses cannot pass the limit together. The last
-- allowed guess disables the code; the link still works.
--
-- A second counter spans all codes of the user and purpose: otherwise an attacker could request a new code for more
-- guesses. The owner's session has counters of its own.
--
-- KEYS  1 live token, 2 guesses of the user and purpose
-- ARGV  1 token | code, 2 hashes presented, with commas between them, 3 guesses allowed at one code, 4 clock shift (ms), 5 guesses allowed at all
--       codes, 6 the window of that limit (ms), 7 field of the live token that counts its guesses
-- Returns {email id, address, remaining life in ms}; 'wrong' if the live token has another hash; nil if there is no live
-- token or no guess is left
local live = redis.call('HMGET', KEYS[1], 'email_id', 'address', 'expires_at', ARGV[1])
if not live[1] then return nil end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000) + tonumber(ARGV[4])
local left = tonumber(live[3]) - now
if left <= 0 then return nil end
if ARGV[1] == 'code' then
  local guesses = redis.call('INCR', KEYS[2])
  if guesses == 1 then redis.call('PEXPIRE', KEYS[2], tonumber(ARGV[6])) end
  if redis.call('HINCRBY', KEYS[1], ARGV[7], 1) > tonumber(ARGV[3]) then return nil end
  if guesses > tonumber(ARGV[5]) then return nil end
end
if not string.find(',' .. ARGV[2] .. ',', ',' .. live[4] .. ',', 1, true) then return 'wrong' end
return { live[1], live[2], left }
