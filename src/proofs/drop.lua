-- Drops a proof, if it is still that of this e-mail.
-- KEYS  1 proof
-- ARGV  1 e-mail id
if redis.call('HGET', KEYS[1], 'email_id') ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
