-- Deletes every session of a user.
-- KEYS  1 index of the user's sessions
-- ARGV  1 prefix of the keys of sessions
for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  redis.call('DEL', ARGV[1] .. id)
end
redis.call('DEL', KEYS[1])
return 1
