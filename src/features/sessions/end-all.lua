-- Deletes the sessions of a user that began in an earlier epoch. Sessions of a user who signs in at the same time stay.
-- KEYS  1 index of the user's sessions
-- ARGV  1 prefix of the keys of sessions, 2 current epoch (empty: every session has ended)
-- Returns the ids of the deleted sessions.
local epoch, ended = tonumber(ARGV[2]), {}
for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  local began = redis.call('HGET', ARGV[1] .. id, 'epoch')
  if not (epoch and began and tonumber(began) >= epoch) then
    redis.call('DEL', ARGV[1] .. id)
    redis.call('ZREM', KEYS[1], id)
    table.insert(ended, id)
  end
end
return ended
