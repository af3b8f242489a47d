-- Records which secrets a process uses, and returns what running processes use.
-- KEYS  1 the lists in use
-- ARGV  1 the list of this process and the name of the process, or nothing to only read, 2 how long a record counts (ms)
-- Returns the records
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - tonumber(ARGV[2]))
if ARGV[1] ~= '' then
  redis.call('ZADD', KEYS[1], now, ARGV[1])
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return redis.call('ZRANGE', KEYS[1], 0, -1)
