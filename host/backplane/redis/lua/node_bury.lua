-- needs: common, death
-- Finds nodes whose lease has lapsed, and claims one that nobody cleans up after.
local claim = tonumber(ARGV[1])
for _, node in ipairs(redis.call('ZRANGEBYSCORE', base .. 'nodes', '-inf', int(now), 'LIMIT', 0, 100)) do
  die(node, 0)
end
local node = redis.call('ZRANGEBYSCORE', base .. 'dying', '-inf', int(now), 'LIMIT', 0, 1)[1]
if not node then return false end
redis.call('ZREM', base .. 'dying', node) -- a Redis that is full takes a ZADD only after it
redis.call('ZADD', base .. 'dying', int(now + claim), node)
return node
