-- needs: common, values
-- Writes a value: namespace, key, value, milliseconds to live, limit in bytes; 0
-- of either is none.
local s, key = space(ARGV[1]), ARGV[2]
local ok = put(s, key, find(s, key), ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5]))
settle(s)
if not ok then return redis.error_reply('MESH FULL') end
return 1
