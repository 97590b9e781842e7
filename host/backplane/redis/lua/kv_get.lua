-- needs: common
-- Reads a value: namespace, key. Returns nothing where there is none.
local value = redis.call('HGET', base .. 'kv:' .. ARGV[1], ARGV[2])
local ends = value and redis.call('ZSCORE', base .. 'kv-ends:' .. ARGV[1], ARGV[2])
if ends and tonumber(ends) <= now then return false end
return value
