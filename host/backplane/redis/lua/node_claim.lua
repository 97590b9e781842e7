-- needs: common
-- Claims a task that one node does for all, or keeps it claimed.
local key, node, hold = base .. 'claim:' .. ARGV[1], ARGV[2], ARGV[3]
local holder = redis.call('GET', key)
if holder and holder ~= node then return 0 end
redis.call('DEL', key) -- needs no memory, see node_renew
redis.call('SET', key, node, 'PX', hold)
return 1
