-- Takes a point from every counter of one limit, or from none if one of them has no point left. So a refused client uses up
-- no points of its networks.
-- KEYS  counters: the client, then the networks of the client
-- ARGV  1 window (ms), then the points of each counter
-- Returns {1 if taken, then for each counter the points left and the milliseconds until all of them are back}
local window, taken, reply = tonumber(ARGV[1]), 1, {}
local used = redis.call('MGET', unpack(KEYS))
for i = 1, #KEYS do
  if tonumber(used[i] or 0) >= tonumber(ARGV[i + 1]) then taken = 0 end
end
reply[1] = taken
for i, key in ipairs(KEYS) do
  local count = tonumber(used[i] or 0)
  if taken == 1 then count = redis.call('INCR', key) end
  local life = redis.call('PTTL', key)
  if life < 0 then
    if taken == 1 then redis.call('PEXPIRE', key, window) end
    life = window
  end
  reply[2 * i] = tonumber(ARGV[i + 1]) - count
  reply[2 * i + 1] = life
end
return reply
