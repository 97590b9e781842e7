-- needs: common, death
-- Finds nodes whose lease has lapsed, and claims one that nobody cleans up after.
-- None is found unless the node that asks has the very lease that it says: else it
-- has asked before Redis was away, which answers now. If that has lapsed as well, the
-- server's clock was set. Returns whether it was, and the node.
local claim, own, known = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3])
local lease = tonumber(redis.call('ZSCORE', base .. 'nodes', own) or 0)
local isSet = lease == known and known > 0 and known <= now
if lease == known and known > now then
  for _, node in ipairs(redis.call('ZRANGEBYSCORE', base .. 'nodes', '-inf', int(now), 'LIMIT', 0, 100)) do
    die(node, 0)
  end
end
local node = redis.call('ZRANGEBYSCORE', base .. 'dying', '-inf', int(now), 'LIMIT', 0, 1)[1]
if node then
  redis.call('ZREM', base .. 'dying', node) -- a Redis that is full takes a ZADD only after it
  redis.call('ZADD', base .. 'dying', int(now + claim), node)
end
return {isSet and 1 or 0, node or false}
